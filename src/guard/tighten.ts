import type { Alert, Count, Marking, Memory } from "../model.ts";
import { markingOf, strictest } from "./marking.ts";

/** The alert with every marking at the strictest of what it was stored with and of what memory knows now. */
export function tighten(alert: Alert, { event, attributes }: Memory): Alert {
  const known =
    event &&
    markingOf(
      [...(event.event.tags ?? []), ...event.attached].map(({ name }) => name),
      true,
    );
  const rows = new Map(attributes.map((row) => [row.id, markingOf(row.tags, true)]));
  const counts = new Map(alert.counts.map((count) => [cell(count), count]));
  const items = alert.items.map((item) => {
    const row = item.id === undefined ? undefined : rows.get(item.id);
    const marking = row ? strictest(item.marking, row) : item.marking;
    if (same(marking, item.marking)) return item;
    move(
      counts,
      { type: item.type ?? "", toIds: item.toIds ?? false, marking: item.marking, reach: item.reach, n: 1 },
      marking,
    );
    return { ...item, marking };
  });
  return {
    ...alert,
    marking: known ? strictest(alert.marking, known) : alert.marking,
    everPublished: event?.everPublished === true || alert.everPublished,
    items,
    counts: [...counts.values()].filter(({ n }) => n > 0),
  };
}

/** Counts of items by all that a guard looks at; equal cells are one. */
export function cell({ type, toIds, marking, reach }: Omit<Count, "n">): string {
  return JSON.stringify([type, toIds, marking.tlp, marking.pap, marking.chr, reach]);
}

function move(counts: Map<string, Count>, from: Count, marking: Marking): void {
  const source = counts.get(cell(from));
  if (!source) return; // a cell that was merged with others when the alert was stored: its items are counted, not told apart
  counts.set(cell(source), { ...source, n: source.n - 1 });
  const to = { ...source, marking, n: 1 };
  counts.set(cell(to), { ...to, n: (counts.get(cell(to))?.n ?? 0) + 1 });
}

function same(a: Marking, b: Marking): boolean {
  return a.tlp === b.tlp && a.pap === b.pap && a.chr === b.chr;
}
