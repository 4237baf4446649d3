import type { Alert, Count, Item, Marking } from "../model/alert.ts";
import type { Memory } from "../model/memory.ts";
import type { Reach } from "../model/misp.ts";
import { labelsOf, markingOf, strictest } from "./marking.ts";
import { memberKey } from "./readers.ts";

/**
 * The alert with every marking at the strictest of what it was stored with and of what memory knows now. With `drafts`
 * what is unknown counts as none, which every label that is known tightens.
 */
export function tighten(alert: Alert, { event, attributes }: Memory, drafts = false): Alert {
  const settled = drafts ? unknownAsNone : (marking: Marking) => marking;
  const read = drafts ? labelsOf : (tags: Iterable<string>) => markingOf(tags, true);
  const rows = new Map(attributes.map(({ id, tags }) => [id, tags]));
  // An alert about one attribute names it also where its content was too strict to be stored.
  const only =
    alert.subject.type === "attribute" && alert.subject.id !== undefined ? rows.get(alert.subject.id) : undefined;
  const counts = new Map<string, Count>();
  for (const count of alert.counts) {
    add(counts, { ...count, marking: strictest(settled(count.marking), ...(only ? [read(only)] : [])) });
  }
  const items = alert.items.map((item) => {
    const before = settled(item.marking);
    const row = item.id === undefined ? undefined : rows.get(item.id);
    if (!row && !drafts) {
      return item;
    }
    const marking = strictest(before, ...(drafts ? [labelsOf(item.tags)] : []), ...(row ? [read(row)] : []));
    if (!same(marking, before)) {
      move(counts, { ...cellOf(item), marking: before }, marking);
    }
    return same(marking, item.marking) ? item : { ...item, marking };
  });
  const tags = [...(event?.event.tags ?? []), ...(event?.attached ?? []), ...((drafts && alert.event?.tags) || [])];
  return {
    ...alert,
    marking: strictest(settled(alert.marking), read(tags.map(({ name }) => name))),
    everPublished: event?.everPublished === true || alert.everPublished,
    items,
    counts: [...counts.values()].filter(({ n }) => n > 0),
  };
}

/** Counts of items by all that a guard looks at; equal cells are one. */
export function cell({ type, toIds, marking, reach, withdrawn }: Omit<Count, "n">): string {
  return JSON.stringify([type, toIds, marking.tlp, marking.pap, marking.chr, reach.map(levelOf), withdrawn ?? ""]);
}

/** A level without the list of who is in its group, for which something short stands. */
function levelOf({ distribution, sharingGroup }: Reach): unknown {
  if (!sharingGroup?.members) {
    return [distribution, sharingGroup];
  }
  const { members, ...group } = sharingGroup;
  return [distribution, group, memberKey(members)];
}

/** The cell in which an item is counted. */
export function cellOf({ type = "", toIds = false, marking, reach, withdrawn }: Item): Omit<Count, "n"> {
  return { type, toIds, marking, reach, ...(withdrawn && { withdrawn }) };
}

/** Adds to the cell that looks alike, or makes it. */
export function add(counts: Map<string, Count>, count: Count): void {
  const key = cell(count);
  counts.set(key, { ...count, n: (counts.get(key)?.n ?? 0) + count.n });
}

/** One attribute is no longer counted so; rare ones are counted together. */
export function uncount(counts: Map<string, Count>, told: Omit<Count, "n">): void {
  const counted = [told, { ...told, ...OTHER_CELL }]
    .map((one) => counts.get(cell(one)))
    .find((one) => one && one.n > 0);
  if (counted) {
    add(counts, { ...counted, n: -1 });
  }
}

/** One of the cell `from` is marked otherwise. A cell too rare to be stored by its type is among the others. */
function move(counts: Map<string, Count>, from: Omit<Count, "n">, marking: Marking): void {
  const source = counts.get(cell(from)) ?? counts.get(cell({ ...from, ...OTHER_CELL }));
  if (!source) {
    return; // it was merged further: its items are counted, not told apart
  }
  add(counts, { ...source, n: -1 });
  add(counts, { ...source, marking, n: 1 });
}

/** What a count is called that is too rare to be stored by its type. */
export const OTHER_CELL = { type: "other", toIds: false } as const;

function unknownAsNone({ tlp, pap, chr }: Marking): Marking {
  return { tlp: tlp === "unknown" ? "none" : tlp, pap: pap === "unknown" ? "none" : pap, chr };
}

function same(a: Marking, b: Marking): boolean {
  return a.tlp === b.tlp && a.pap === b.pap && a.chr === b.chr;
}
