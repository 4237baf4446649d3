import type { Entry } from "../model/payload.ts";

/** How many attributes an entry is about, and how many of them are for detection; also what its list does not hold. */
export function countItems(entry: Entry): { readonly attributes: number; readonly toIds: number } {
  const { counts, items } = entry.guarded.alert;
  if (counts.length === 0) {
    return { attributes: items.length, toIds: items.filter((item) => item.toIds).length };
  }
  return counts.reduce(
    (sum, count) => ({ attributes: sum.attributes + count.n, toIds: sum.toIds + (count.toIds ? count.n : 0) }),
    { attributes: 0, toIds: 0 },
  );
}

/** How many attributes there are of each MISP type, the most frequent first; `other` and unknown ones are under "other". */
export function countTypes(entry: Entry): readonly { readonly type: string; readonly n: number }[] {
  const { counts, items } = entry.guarded.alert;
  return tallyTypes(counts.length > 0 ? counts : items.map(({ type = "" }) => ({ type, n: 1 })));
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
