import type { Entry } from "../model/payload.ts";
import { formatCount, formatNumber } from "./text.ts";

interface Totals {
  /** What holds, withdrawn ones apart. */
  readonly attributes: number;
  readonly toIds: number;
  readonly withdrawn: number;
}

/** How many attributes an entry is about, and how many of them are for detection; also what its list does not hold. */
export function countItems(entry: Entry): Totals {
  const { counts, items } = entry.guarded.alert;
  const told = counts.length > 0 ? counts : items.map(({ toIds, withdrawn }) => ({ toIds, withdrawn, n: 1 }));
  let [attributes, forDetection, gone] = [0, 0, 0];
  for (const { toIds, withdrawn, n } of told) {
    attributes += withdrawn ? 0 : n;
    forDetection += toIds && !withdrawn ? n : 0;
    gone += withdrawn ? n : 0;
  }
  return { attributes, toIds: forDetection, withdrawn: gone };
}

/** `17 attributes of 34 not listed (show: 20)`: how many of each entry are in no list of its channel, and why. */
export function describeMore(entries: readonly Entry[], more: readonly number[], why: string): readonly string[] {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
  // What readers see without its content is told apart.
  const whole = entries.filter(({ guarded }) => guarded.form === "full");
  const [left, all] = [sum(more), sum(whole.map((entry) => countItems(entry).attributes))];
  return left > 0 ? [`${formatCount(left, "attribute")} of ${formatNumber(all)} not listed (${why})`] : [];
}

/** How many objects hold, and their names, the most frequent first; also of those that are not in the list. */
export function countObjects(entry: Entry): { readonly n: number; readonly names: readonly string[] } {
  const { objects, objectCounts } = entry.guarded.alert;
  const live = objects.filter(({ deleted }) => !deleted);
  const counts = objectCounts ?? live.map(({ name = "object" }) => ({ name, n: 1 }));
  return {
    n: counts.reduce((sum, { n }) => sum + n, 0),
    names: tallyTypes(counts.map(({ name, n }) => ({ type: name, n }))).map(({ type }) => type),
  };
}

/** How many attributes there are of each MISP type, the most frequent first; `other` and unknown ones are under "other". */
export function countTypes(entry: Entry): readonly { readonly type: string; readonly n: number }[] {
  const { counts, items } = entry.guarded.alert;
  const told = counts.length > 0 ? counts : items.map(({ type = "", withdrawn }) => ({ type, withdrawn, n: 1 }));
  return tallyTypes(told.filter(({ withdrawn }) => !withdrawn));
}

/** Adds up by type, the most frequent first, equal ones by name, and what has no type last. */
export function tallyTypes(
  parts: readonly { readonly type: string; readonly n: number }[],
): readonly { readonly type: string; readonly n: number }[] {
  const sums = new Map<string, number>();
  for (const { type, n } of parts) {
    const name = type === "" ? OTHER : type;
    sums.set(name, (sums.get(name) ?? 0) + n);
  }
  return [...sums]
    .map(([type, n]) => ({ type, n }))
    .sort((a, b) => Number(a.type === OTHER) - Number(b.type === OTHER) || b.n - a.n || (a.type < b.type ? -1 : 1));
}

const OTHER = "other";
