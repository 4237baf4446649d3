import { packNames } from "../guard/listing.ts";
import { withCircles } from "../guard/readers.ts";
import type { Listing } from "../model/listing.ts";
import type { EventMemory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import { advanceEvent } from "./advance.ts";
import { advanceParts } from "./advance-parts.ts";
import { lessonFrom } from "./confirm.ts";
import { publishedAtOf } from "./publication.ts";
import { heardAt } from "./time.ts";
import type { WorkingCopy } from "./working-copy.ts";

/** Moves memory by the message; `event` is the memory of its event afterwards. */
export function remember(
  message: Message,
  before: EventMemory | undefined,
  copy: WorkingCopy,
): {
  readonly event: EventMemory | undefined;
  readonly stale: boolean;
  /** Parts of it are stricter than before, or deleted. */
  readonly isStricter?: boolean;
} {
  const lesson = lessonFrom(message);
  const moved = advanceEvent(before, lesson);
  if (!moved) {
    return { event: undefined, stale: false };
  }
  const event = withCircles(moved.event, before, lesson);
  if (moved.isReborn) {
    copy.forgetParts(event);
  }
  copy.setEvent(event);
  const parts = advanceParts(copy.parts(event), event, lesson);
  copy.change(parts);
  const listing = moved.stale || !copy.isOwed(event) ? undefined : listingOf(message, before, event);
  if (listing) {
    copy.list(listing);
  }
  return { event, stale: moved.stale, isStricter: parts.upsert.length > 0 };
}

/**
 * All parts of an event, where the message lists them: what is owed and not among them is gone. A copy of the publication
 * that was seen last is as old as that.
 */
function listingOf(message: Message, before: EventMemory | undefined, { instance, key }: EventMemory) {
  const { whole, kind, late, confirmation, skipped, attributes, objects } = message;
  const isPublication = kind === "event.published" && !late && confirmation !== "not-found";
  const isCopy = before?.publishedAt === publishedAtOf(message) && before?.publicationVersion === message.version;
  const names = skipped === undefined && (whole || (isPublication && !isCopy)) && packNames(attributes, objects);
  if (names === undefined || names === false) {
    return undefined;
  }
  const listing: Listing = {
    ...{ instance, eventKey: key, names },
    at: heardAt(whole ? message : { receivedAt: message.receivedAt }),
    changedAt: message.event?.changedAt ?? 0,
    ...(whole && { asked: true as const }),
  };
  return listing;
}
