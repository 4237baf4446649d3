import type { EventMemory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { EventView, Tag } from "../model/misp.ts";
import { isOther } from "./version.ts";

/** By several endpoints and by reconcile a publication comes more than once; a person does not publish the same again so soon. */
const COPY_MS = 60_000;

/** Whether a publication is one that memory has counted, come by another way. */
export function isCopy(
  memory: EventMemory | undefined,
  message: Message,
): memory is EventMemory & { readonly countedAt: number } {
  if (message.kind !== "event.published" || memory?.countedAt === undefined) {
    return false;
  }
  if (memory.publishedAt === undefined || memory.publishedAt !== publishedAtOf(message) || memory.unpublished) {
    return false;
  }
  if (isOther(memory.publicationVersion, message.version)) {
    return false;
  }
  // Reconcile looks for what was never seen: it and the feed have crossed.
  return message.late !== undefined || Math.abs(message.receivedAt - memory.countedAt) < COPY_MS;
}

/** So many tags of a publication are remembered once more, to tell what the next one changes; where there are more, that is not told. */
export const MOST_TAGS_COMPARED = 5_000;

/** What is remembered of a publication. */
export function published(
  memory: EventMemory,
  message: Message,
  { info, threatLevel }: EventView,
  tags: readonly Tag[] = [],
): Pick<EventMemory, "publishedAt" | "publicationAt" | "publicationVersion" | "countedAt" | "published"> {
  const publishedAt = publishedAtOf(message);
  return {
    ...(publishedAt !== undefined && { publishedAt }),
    countedAt: isCopy(memory, message) ? memory.countedAt : message.receivedAt,
    publicationVersion: message.version,
    publicationAt: message.late?.publishedAt ?? message.receivedAt,
    published: {
      ...(info !== undefined && { info }),
      ...(threatLevel !== undefined && { threatLevel }),
      tags: tags.slice(0, MOST_TAGS_COMPARED).map(({ name }) => name),
    },
  };
}

/** The event's `changedAt` when it was published: the event that a late publication tells may be newer. */
export function publishedAtOf({ late, event }: Message): number | undefined {
  return late?.changedAt ?? event?.changedAt;
}
