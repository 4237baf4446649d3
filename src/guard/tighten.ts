import type { Alert, Count, Item, Marking } from "../model/alert.ts";
import type { Memory } from "../model/memory.ts";
import type { Reach } from "../model/misp.ts";
import { labelsOf, markingOf, strictest } from "./marking.ts";
import { memberKey } from "./readers.ts";

/**
 * The alert with every marking and reach at the strictest of what it was stored with and of what memory knows now. With
 * `drafts` what is unknown counts as none, which every label that is known tightens.
 */
export function tighten(alert: Alert, memory: Memory, drafts = false): Alert {
  const { event } = memory;
  const settled = drafts ? unknownAsNone : (marking: Marking) => marking;
  const read = drafts ? labelsOf : (tags: Iterable<string>) => markingOf(tags, true);
  const rows = new Map(memory.parts.map((row) => [`${row.part} ${row.id}`, row]));
  // An alert about one part names it also where its content was too strict to be stored.
  const only = rows.get(`${alert.subject.type} ${nameOf(alert)}`);
  const parts = event?.partsNarrowed ? [event.partsNarrowed] : [];
  const counts = new Map<string, Count>();
  for (const count of alert.counts) {
    const marking = strictest(settled(count.marking), ...(only ? [read(only.tags)] : []));
    add(counts, { ...count, marking, reach: withLevels(count.reach, only?.reach, parts) });
  }
  const items = alert.items.map((item) => {
    const row = item.id === undefined ? undefined : rows.get(`attribute ${item.id}`);
    const object = item.objectKey === undefined ? undefined : rows.get(`object ${item.objectKey}`);
    if (!row && !object && !drafts && parts.length === 0) {
      return item;
    }
    const before = settled(item.marking);
    const marking = strictest(before, ...(drafts ? [labelsOf(item.tags)] : []), ...(row ? [read(row.tags)] : []));
    const reach = withLevels(item.reach, object?.reach, row?.reach, parts);
    const counted = withLevels(item.reach, only?.reach, parts);
    const from = strictest(before, ...(only ? [read(only.tags)] : []));
    if (!same(marking, from) || reach.length !== counted.length) {
      move(counts, { ...cellOf(item), marking: from, reach: counted }, { marking, reach });
    }
    return same(marking, item.marking) && reach === item.reach ? item : { ...item, marking, reach };
  });
  const tags = [...(event?.event.tags ?? []), ...(event?.attached ?? []), ...((drafts && alert.event?.tags) || [])];
  return {
    ...alert,
    marking: strictest(settled(alert.marking), read(tags.map(({ name }) => name))),
    everPublished: event?.everPublished === true || alert.everPublished,
    items,
    objects: alert.objects.map((object) => {
      const reach = withLevels(object.reach, rows.get(`object ${object.key}`)?.reach, parts);
      return reach === object.reach ? object : { ...object, reach };
    }),
    counts: [...counts.values()].filter(({ n }) => n > 0),
  };
}

/** How far the event itself may travel, by the alert and by all that memory knows now: each level counts. */
export function eventLevels(event: Reach | undefined, { event: memory }: Memory): readonly Reach[] {
  return [...(event ? [event] : []), ...(memory ? [memory.event, ...(memory.narrowed ?? [])] : [])];
}

/** What an alert about one part is about: memory knows attributes by their id, objects by their UUID. */
function nameOf({ subject: { type, uuid, id } }: Alert): string | undefined {
  return type === "object" ? (uuid ?? id) : id;
}

/** These levels and those that are not among them; the same list where there are none. */
function withLevels(levels: readonly Reach[], ...more: readonly (readonly Reach[] | undefined)[]): readonly Reach[] {
  const missing = more
    .flatMap((some) => some ?? [])
    .filter((level) => levels.every((other) => JSON.stringify(other) !== JSON.stringify(level)));
  return missing.length === 0 ? levels : [...levels, ...missing];
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

/** One of the cell `from` is judged otherwise. A cell too rare to be stored by its type is among the others. */
function move(counts: Map<string, Count>, from: Omit<Count, "n">, to: Pick<Count, "marking" | "reach">): void {
  const source = counts.get(cell(from)) ?? counts.get(cell({ ...from, ...OTHER_CELL }));
  if (!source) {
    return; // it was merged further: its items are counted, not told apart
  }
  add(counts, { ...source, n: -1 });
  add(counts, { ...source, ...to, n: 1 });
}

/** What a count is called that is too rare to be stored by its type. */
export const OTHER_CELL = { type: "other", toIds: false } as const;

function unknownAsNone({ tlp, pap, chr }: Marking): Marking {
  return { tlp: tlp === "unknown" ? "none" : tlp, pap: pap === "unknown" ? "none" : pap, chr };
}

function same(a: Marking, b: Marking): boolean {
  return a.tlp === b.tlp && a.pap === b.pap && a.chr === b.chr;
}
