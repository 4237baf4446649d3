import { createHash } from "node:crypto";
import { DecodeError } from "../base/errors.ts";
import type { Frame } from "../model/frame.ts";
import type { Line, Message } from "../model/message.ts";
import { attribute } from "./attribute.ts";
import { audit } from "./audit.ts";
import { conversation } from "./conversation.ts";
import { event } from "./event.ts";
import { object, reference } from "./object.ts";
import { organisation } from "./organisation.ts";
import { parsePayload } from "./payload.ts";
import { publication } from "./publication.ts";
import { self } from "./self.ts";
import { sighting } from "./sighting.ts";
import { tag } from "./tag.ts";
import type { Topic } from "./topic.ts";
import { user } from "./user.ts";
import { warninglist } from "./warninglist.ts";
import { workflow } from "./workflow.ts";

/** Every topic that MISP has. */
export const TOPICS: readonly Topic[] = [
  publication,
  event,
  attribute,
  object,
  reference,
  sighting,
  tag,
  organisation,
  user,
  conversation,
  audit,
  warninglist,
  workflow,
  self,
];

const BY_NAME: ReadonlyMap<string, Topic> = new Map(TOPICS.map((topic) => [topic.name, topic]));

/** What MISP's topics are called. */
export const TOPIC_NAMES: readonly string[] = TOPICS.map(({ name }) => name);

/** Tells why `decode` gave nothing: a topic that we do not know, or one that has no news. */
export function isKnownTopic(topic: string): boolean {
  return BY_NAME.has(topic);
}

/**
 * Reads a frame. Undefined: nothing that anybody is told (a keep-alive, or an unknown topic). Throws DecodeError, and
 * nothing else, for every frame that is not what its topic promises.
 */
export function decode(frame: Frame): Message | undefined {
  if (frame.topic === "") {
    throw new DecodeError("frame has no topic");
  }
  const topic = BY_NAME.get(frame.topic);
  if (!topic) {
    return undefined;
  }
  const { value, unreadable } = parsePayload(frame.payload);
  const content = topic.read(value, frame);
  const skipped = (content?.skipped ?? 0) + unreadable;
  return (
    content && {
      attributes: [],
      objects: [],
      ...content,
      ...(skipped > 0 && { skipped }),
      lines: [...(content.lines ?? []), ...(skipped > 0 ? [leftOut(skipped)] : [])],
      instance: frame.instance,
      topic: frame.topic,
      receivedAt: frame.receivedAt,
      version: (isNamed(content.subject) ? content.version : undefined) ?? occurrenceOf(frame),
    }
  );
}

/** Whoever is told of a message learns that it is not all that the frame said. */
export function leftOut(skipped: number): Line {
  return { label: "left out", text: `${skipped} ${skipped === 1 ? "part" : "parts"} that cannot be read` };
}

/** A row without a name shares its time of change with others. */
function isNamed(subject: Message["subject"]): boolean {
  return subject.uuid !== undefined || subject.id !== undefined;
}

/** The version of what tells no time of change: its content, and which of equal ones it is by its transport. */
function occurrenceOf({ topic, payload, receivedAt, occurrence }: Frame): string {
  const digest = createHash("sha256").update(payload).digest("hex").slice(0, 16);
  // An event that is published as it was says nothing new.
  return `${occurrence ?? (topic === publication.name ? 0 : receivedAt)}:${digest}`;
}
