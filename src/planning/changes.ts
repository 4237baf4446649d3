import type { Alert } from "../model/alert.ts";
import type { EventMemory, PartMemory, Told } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { EventChanges } from "../model/outbox.ts";
import type { Kind } from "../model/vocabulary.ts";
import { MOST_TAGS_COMPARED, publishedAtOf } from "./publication.ts";
import { isAnother, isOther } from "./version.ts";
import { partKey } from "./working-copy.ts";

/** What one line can name. */
const MAX_TAGS_ADDED = 20;

/** A frame says "edit" when an event is unpublished: nothing of it has changed since it was published, told or not. */
export function kindOf(
  message: Message,
  before: Pick<EventMemory, "publishedAt" | "announcedAt"> | undefined,
): Kind | undefined {
  const { kind, event } = message;
  const changedAt = event?.changedAt;
  const isUnpublished =
    kind === "event.edited" &&
    event?.published === false &&
    changedAt !== undefined &&
    (changedAt === before?.publishedAt || changedAt === before?.announcedAt);
  return isUnpublished ? "event.unpublished" : kind;
}

/** First publication seen, a later one, or the same again; undefined where the kind is not a publication. */
export function changeOf(message: Message, kind: Kind, before: EventMemory | undefined): Alert["change"] {
  if (kind !== "event.published") {
    return undefined;
  }
  if (before?.publishedAt === undefined) {
    return "new";
  }
  const isSame = publishedAtOf(message) === before.publishedAt && !isOther(message.version, before.publicationVersion);
  return isSame ? "unchanged" : "updated";
}

/** Whether memory holds the part as deleted that an edit is about. */
export function isPartDeleted({ kind, attributes, objects }: Message, parts: ReadonlyMap<string, PartMemory>): boolean {
  const { part, id } =
    kind === "attribute.edited"
      ? { part: "attribute" as const, id: attributes[0]?.id }
      : { part: "object" as const, id: kind === "object.edited" ? objects[0]?.key : undefined };
  return id !== undefined && parts.get(partKey({ part, id }))?.deleted === true;
}

/** Compares the event itself with the publication that was told, which memory still has. */
export function changesOf({ published }: EventMemory, { event }: Alert): { readonly changes?: EventChanges } {
  if (!published || !event?.tags || published.tags.length >= MOST_TAGS_COMPARED) {
    return {};
  }
  const names = new Set(event.tags.map(({ name }) => name));
  const former = new Set(published.tags);
  return {
    changes: {
      title: published.info !== event.info,
      threatLevel: published.threatLevel !== event.threatLevel,
      tagsAdded: [...names].filter((name) => !former.has(name)).slice(0, MAX_TAGS_ADDED),
      tagsRemoved: published.tags.filter((name) => !names.has(name)).length,
    },
  };
}

/** Whether a publication tells something that the destination was not told and is not owed. */
export function isNews(
  told: Told,
  { event, version, receivedAt }: Alert,
  repeats: "changed" | "never" | "always",
  isCounted: boolean,
): boolean {
  const changedAt = event?.changedAt;
  if (isAnother(told, { ...(changedAt !== undefined && { changedAt }), version }, receivedAt)) {
    return repeats !== "never";
  }
  return repeats === "always" && !isCounted;
}

/** With `repeats: always` each publication is another one, though nothing in it has changed; its copies are not. */
export function againVersion({ version, kind }: Alert, countedAt: number): string {
  return kind === "event.published" ? `${version}@${Math.floor(countedAt / 1000)}` : version;
}
