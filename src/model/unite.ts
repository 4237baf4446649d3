import type { EventMemory } from "./memory.ts";
import type { Reach, Tag } from "./misp.ts";

/** Two memories of one event as one, which is as strict as both; the words are those of `newest`. */
export function uniteEvents(newest: EventMemory, other: EventMemory): EventMemory {
  const tags = newest.event.tags ?? other.event.tags ?? [];
  const names = new Set(tags.map(({ name }) => name));
  // Of what only the other has, a list that is newer than both can say that it is gone.
  const seenAt = Math.max(newest.event.changedAt ?? 0, other.event.changedAt ?? 0);
  const extra = (other.event.tags ?? []).filter(({ name }) => !names.has(name)).map((tag) => ({ ...tag, seenAt }));
  const narrowed = [...(newest.narrowed ?? []), ...(other.narrowed ?? []), ...reachesOf(other)];
  const later = (newest.publishedAt ?? -1) >= (other.publishedAt ?? -1) ? newest : other;
  const { publishedAt, publicationAt, countedAt, published } = later;
  const heardAt = Math.max(newest.heardAt ?? 0, other.heardAt ?? 0);
  const withdrawals = Math.max(newest.withdrawals ?? 0, other.withdrawals ?? 0);
  return {
    ...newest,
    event: { ...other.event, ...newest.event },
    attached: uniteTags([...newest.attached, ...other.attached, ...extra]),
    ...(narrowed.length > 0 && { narrowed: distinct(narrowed) }),
    ...(heardAt > 0 && { heardAt }),
    ...(withdrawals > 0 && { withdrawals }),
    ...(publishedAt !== undefined && { publishedAt }),
    ...(publicationAt !== undefined && { publicationAt }),
    ...(countedAt !== undefined && { countedAt }),
    ...(published && { published }),
    everPublished: newest.everPublished || other.everPublished,
  };
}

/** Each label once, as of the latest time at which it was seen. */
export function uniteTags(tags: EventMemory["attached"]): EventMemory["attached"] {
  const byName = new Map<string, Tag & { readonly seenAt: number }>();
  for (const tag of tags) {
    const before = byName.get(tag.name);
    const seenAt = Math.max(tag.seenAt, before?.seenAt ?? tag.seenAt);
    byName.set(tag.name, { ...sameTag(tag, before), seenAt });
  }
  return [...byName.values()];
}

/** A tag as it is told now; one that does not say whether it is exportable is what it was before. */
export function sameTag<T extends Tag>(tag: T, before: Tag | undefined): T {
  return tag.exportable === undefined && before?.exportable !== undefined
    ? { ...tag, exportable: before.exportable }
    : tag;
}

function reachesOf({ event: { distribution, sharingGroup } }: EventMemory): readonly Reach[] {
  return distribution === undefined ? [] : [{ distribution, ...(sharingGroup && { sharingGroup }) }];
}

function distinct(levels: readonly Reach[]): readonly Reach[] {
  return [...new Map(levels.map((level) => [JSON.stringify(level), level])).values()];
}
