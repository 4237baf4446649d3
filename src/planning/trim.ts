import { isPersonal } from "../guard/personal.ts";
import type { Reach } from "../misp.ts";
import type { Alert, Count, Item } from "../model.ts";

const MAX_BYTES = 64 * 1024;
const MAX_ITEMS = 500;
const MAX_OBJECTS = 100;
const MAX_TAGS = 200;
const MAX_COUNTS = 100;
const MAX_TEXT = 2000;

/**
 * The alert as it is stored: only the items that some destination it is owed to may see, gravest first and at most 500,
 * at most 64 KiB of JSON, and never the members of a sharing group. `counts` still adds up to the whole.
 */
export function trim(
  alert: Alert,
  visible: ReadonlySet<Item>,
  visibleObjects: ReadonlySet<Alert["objects"][number]>,
): Alert {
  const items = alert.items
    .filter((item) => visible.has(item))
    .sort(byGravity)
    .slice(0, MAX_ITEMS);
  let trimmed: Alert = {
    ...alert,
    ...(alert.event && {
      event: {
        ...alert.event,
        ...withoutMembers(alert.event),
        ...(alert.event.info !== undefined && { info: short(alert.event.info) }),
        ...(alert.event.tags && { tags: alert.event.tags.slice(0, MAX_TAGS) }),
        ...(alert.event.clusters && { clusters: alert.event.clusters.slice(0, MAX_TAGS) }),
      },
    }),
    items: items.map((item) => ({
      ...item,
      ...(item.value !== undefined && { value: short(item.value) }),
      ...(item.comment !== undefined && { comment: short(item.comment) }),
      tags: item.tags.slice(0, MAX_TAGS),
      reach: item.reach.map(withoutMembers),
    })),
    counts: bound(alert.counts),
    objects: alert.objects
      .filter((object) => visibleObjects.has(object))
      .slice(0, MAX_OBJECTS)
      .map((object) => ({
        ...object,
        ...withoutMembers(object),
        ...(object.comment !== undefined && { comment: short(object.comment) }),
        reach: object.reach.map(withoutMembers),
      })),
    lines: alert.lines.map(({ label, text }) => ({ label, text: short(text) })),
  };
  // Halving drops the least grave first; what has no items is bounded by the limits above.
  while (
    Buffer.byteLength(JSON.stringify(trimmed)) > MAX_BYTES &&
    (trimmed.items.length > 0 || trimmed.objects.length > 0)
  ) {
    trimmed = {
      ...trimmed,
      items: trimmed.items.slice(0, Math.floor(trimmed.items.length / 2)),
      objects: trimmed.objects.slice(0, Math.floor(trimmed.objects.length / 2)),
    };
  }
  return trimmed;
}

function byGravity(a: Item, b: Item): number {
  return (
    Number(b.matched ?? false) - Number(a.matched ?? false) ||
    Number(b.toIds ?? false) - Number(a.toIds ?? false) ||
    (a.type ?? "").localeCompare(b.type ?? "")
  );
}

/** Rare cells lose their type, never their marking: what may be seen of them still adds up. */
function bound(counts: readonly Count[]): readonly Count[] {
  const clean = [...counts]
    .map((count) => ({ ...count, reach: count.reach.map(withoutMembers) }))
    .sort((a, b) => b.n - a.n);
  const merged = new Map<string, Count>();
  for (const [index, count] of clean.entries()) {
    const cell = index < MAX_COUNTS || isPersonal(count.type) ? count : { ...count, type: "other", toIds: false };
    const key = JSON.stringify({ ...cell, n: 0 });
    merged.set(key, { ...cell, n: (merged.get(key)?.n ?? 0) + count.n });
  }
  return [...merged.values()];
}

function withoutMembers<T extends Reach>(level: T): T {
  if (!level.sharingGroup) return level;
  const { members: _, ...group } = level.sharingGroup;
  return { ...level, sharingGroup: group };
}

function short(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT).toWellFormed()}…`;
}
