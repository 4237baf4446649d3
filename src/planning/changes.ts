import type { Alert } from "../model/alert.ts";
import type { EventMemory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { EventChanges } from "../model/outbox.ts";
import type { Kind } from "../model/vocabulary.ts";
import { publishedAtOf } from "./advance.ts";

/** What one line can name. */
const MAX_TAGS_ADDED = 20;

/** A frame says "edit" when an event is unpublished: nothing of it has changed since it was published. */
export function kindOf(message: Message, publishedAt: number | undefined): Kind | undefined {
  const { kind, event } = message;
  const isUnpublished =
    kind === "event.edited" &&
    event?.published === false &&
    publishedAt !== undefined &&
    event.changedAt === publishedAt;
  return isUnpublished ? "event.unpublished" : kind;
}

/** First publication seen, a later one, or the same again; undefined where the kind is not a publication. */
export function changeOf(message: Message, kind: Kind, lastPublishedAt: number | undefined): Alert["change"] {
  if (kind !== "event.published") {
    return undefined;
  }
  if (lastPublishedAt === undefined) {
    return "new";
  }
  return (publishedAtOf(message) ?? 0) > lastPublishedAt ? "updated" : "unchanged";
}

/** Compares the event itself with the publication that was told, which memory still has. */
export function changesOf({ published }: EventMemory, { event }: Alert): { readonly changes?: EventChanges } {
  if (!published || !event?.tags) {
    return {};
  }
  const names = event.tags.map(({ name }) => name);
  return {
    changes: {
      title: published.info !== event.info,
      threatLevel: published.threatLevel !== event.threatLevel,
      tagsAdded: names.filter((name) => !published.tags.includes(name)).slice(0, MAX_TAGS_ADDED),
      tagsRemoved: published.tags.filter((name) => !names.includes(name)).length,
    },
  };
}

/** Whether a publication tells something that the destination was not told and is not owed. */
export function isNews(
  since: number,
  changedAt: number | undefined,
  repeats: "changed" | "never" | "always",
  isCounted: boolean,
): boolean {
  if ((changedAt ?? 0) > since) {
    return repeats !== "never";
  }
  return repeats === "always" && !isCounted;
}

/** With `repeats: always` each publication is another one, though nothing in it has changed; its copies are not. */
export function againVersion({ version, kind }: Alert, countedAt: number): string {
  return kind === "event.published" ? `${version}@${Math.floor(countedAt / 1000)}` : version;
}
