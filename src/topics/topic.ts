import { DecodeError } from "../base/errors.ts";
import type { Frame } from "../model/frame.ts";
import type { Line, Message } from "../model/message.ts";
import type { Kind } from "../model/vocabulary.ts";
import { boolean, need, type Raw, text } from "./values.ts";

/** What a topic makes of a payload; `decode` adds what all messages have. Absent lists are empty. */
export interface TopicContent
  extends Pick<Message, "kind" | "subject" | "event" | "thread" | "sighting" | "tag">,
    Partial<Pick<Message, "attributes" | "objects" | "lines" | "skipped">> {
  /** Undefined: the payload tells no time of change, so that only arrival and bytes tell two frames apart. */
  readonly version?: string | undefined;
}

/** One of MISP's topics. `read` gives undefined for what is no news, and throws DecodeError for what it cannot read. */
export interface Topic {
  readonly name: string;
  readonly read: (payload: unknown, frame: Frame) => TopicContent | undefined;
}

/** A topic whose payload is an object, as in all but `misp_json_workflow`. */
export function defineTopic(topic: {
  readonly name: string;
  readonly read: (body: Raw) => TopicContent | undefined;
}): Topic {
  return { name: topic.name, read: (payload) => topic.read(need(payload, "payload")) };
}

/**
 * What was done to a row. MISP before 2.4.82 (2017) does not tell: a row is an edit then, which promises least, or the
 * deletion that its own column tells.
 */
export function actionOf(body: Raw, row: Raw): unknown {
  return body.action ?? (boolean(row.deleted) ? "soft-delete" : "edit");
}

/** The kind of a frame's action. An action that is not known may mean anything: throws DecodeError. */
export function kindOf(kinds: ReadonlyMap<unknown, Kind>, action: unknown): Kind {
  const kind = kinds.get(action);
  if (kind === undefined) {
    throw new DecodeError("unknown action");
  }
  return kind;
}

/** Lines of the texts that are told and not empty, each of at most `max` UTF-16 units. */
export function readLines(texts: Readonly<Record<string, unknown>>, max = 2000): readonly Line[] {
  return Object.entries(texts).flatMap(([label, value]) => {
    const line = text(value, max);
    return line ? [{ label, text: line }] : [];
  });
}
