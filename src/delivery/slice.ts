import { isForDetection, packParts, shortName, stateOf, unpackParts } from "../guard/fingerprint.ts";
import { add, cell, cellOf, uncount } from "../guard/tighten.ts";
import type { Count, Item } from "../model/alert.ts";
import type { Batch, Slice } from "../model/outbox.ts";
import type { ToldParts } from "../model/told.ts";
import { withOwnMarks } from "./evidence.ts";
import { type Leaving, UNNAMED } from "./told.ts";

/** How an item compares with what was told, in one letter; `lost` was for detection, and is not any more. */
const NEWS = { a: "added", c: "changed", u: "unchanged", l: "lost", "-": undefined } as const;
type Letter = keyof typeof NEWS;

/** How one item compares with what the destination was told before; where not all of that is known, it is told no more of. */
export function newsOf(item: Item, before: ReadonlyMap<string, number>, isExact: boolean): Letter {
  const state = before.get(shortName(item) ?? "");
  if (item.toIds === false && !item.withdrawn && state !== undefined && isForDetection(state)) {
    return "l";
  }
  if (!isExact || item.withdrawn) {
    return "-";
  }
  return state === undefined ? "a" : state === stateOf(item) ? "u" : "c";
}

/** A delivery that leaves in several parts, with what is in this one, and how that compares. */
export function withSlice(
  { delivery, alert, memory }: Batch["entries"][number],
  slice: Slice,
): Batch["entries"][number] {
  const { from, news = "", removed, removedElsewhere } = slice;
  const marked = withOwnMarks(alert, delivery.evidence, from);
  const counts = new Map<string, Count>(alert.counts.map((count) => [cell(count), count]));
  const items = marked.items.map((item, index) => {
    const found = NEWS[(news[index] ?? "-") as Letter];
    if (found !== "lost") {
      return found ? { ...item, news: found } : item;
    }
    const gone: Item = { ...item, withdrawn: "not-for-detection" };
    uncount(counts, cellOf(item));
    add(counts, { ...cellOf(gone), n: 1 });
    return gone;
  });
  const gone = removed.map((item): Item => ({ ...item, withdrawn: "removed" }));
  for (const item of gone) {
    add(counts, { ...cellOf(item), n: 1 });
  }
  if (removedElsewhere > 0) {
    add(counts, { ...UNNAMED, n: removedElsewhere });
  }
  return {
    delivery,
    memory,
    alert: { ...marked, items: [...items, ...gone], counts: [...counts.values()].filter(({ n }) => n > 0) },
  };
}

/** Short names of what a slice has, taken back or not, and what leaves has not. */
export function missingOf({ entries, slice }: Batch, leaving: readonly Leaving[]): readonly string[] {
  const left = new Set(leaving.flatMap(({ guarded }) => guarded.alert.items.map((item) => shortName(item))));
  return namesOf(entries, slice).filter((name) => !left.has(name));
}

/** Short names of all that a slice has, taken back or not. */
export function namesOf(entries: Batch["entries"], slice: Batch["slice"]): readonly string[] {
  const items = [...entries.flatMap(({ alert }) => alert.items), ...(slice?.removed ?? [])];
  return [...new Set(items.flatMap((item) => shortName(item) ?? []))];
}

/**
 * What the destination knows of an event once a delivery has left in parts: what it would know with all of them (`told`), but
 * of what is `missing` what it knew `before`.
 */
export function toldInParts(
  told: ToldParts,
  before: ToldParts | undefined,
  missing: ReadonlySet<string>,
  now: number,
): ToldParts {
  if (missing.size === 0) {
    return { ...told, at: now };
  }
  const parts = unpackParts(told.parts);
  const known = before ? unpackParts(before.parts) : new Map<string, number>();
  for (const name of missing) {
    const state = known.get(name);
    if (state === undefined) {
      parts.delete(name);
    } else {
      parts.set(name, state);
    }
  }
  const isMissing = (item: Item) => missing.has(shortName(item) ?? "");
  const named = [...told.named.filter((item) => !isMissing(item)), ...(before?.named ?? []).filter(isMissing)];
  return { ...told, at: now, named, parts: packParts(parts, !told.parts.partial, Number.POSITIVE_INFINITY) };
}
