import { packObjects, packParts, partsOf } from "../guard/fingerprint.ts";
import { MAX_OBJECTS, MAX_TAGS, MAX_TEXT } from "../guard/limits.ts";
import { isMarking } from "../guard/marking.ts";
import { isPersonal } from "../guard/personal.ts";
import { withoutMembers, withoutMembersOf } from "../guard/reach.ts";
import { add, OTHER_CELL } from "../guard/tighten.ts";
import type { Alert, Count, Item } from "../model/alert.ts";
import type { Fingerprint } from "../model/fingerprint.ts";

/** Of one row, in JSON. */
export const MAX_BYTES = 64 * 1024;
const MAX_ITEMS = 500;
const MAX_COUNTS = 100;

/**
 * The alert as it is stored: only the items that some destination it is owed to may see, gravest first and at most 500,
 * at most 64 KiB of JSON, and never the members of a sharing group. `counts` still adds up to the whole.
 */
export function trim(alert: Alert, visible: Visible): Alert {
  return trimmed(alert, visible).alert;
}

/** What some destination may see, and what routes ask for. */
export interface Visible {
  readonly items: ReadonlySet<Item>;
  readonly objects: ReadonlySet<Alert["objects"][number]>;
  readonly matched?: ReadonlySet<Item>;
}

/** What is stored of an alert. */
export interface Trimmed {
  readonly alert: Alert;
  /** Which items are in it, in its order, as they were given. */
  readonly items: readonly Item[];
  /** Something is missing that some destination may see. */
  readonly isCut: boolean;
}

/** The same, and which items are in it. */
export function trimmed(alert: Alert, { items, objects, matched = new Set() }: Visible): Trimmed {
  const visible = gravest(alert.items, items, matched);
  const kept = visible.slice(0, MAX_ITEMS);
  const whole: Alert = {
    ...alert,
    ...(alert.event && {
      event: {
        ...withoutMembers(alert.event),
        ...(alert.event.tags && { tags: first(alert.event.tags, MAX_TAGS, ({ name }) => name) }),
        ...(alert.event.clusters && { clusters: alert.event.clusters.slice(0, MAX_TAGS) }),
      },
    }),
    items: kept.map(({ item, isMatched }) => ({
      ...withoutMembersOf(item),
      tags: first(item.tags, MAX_TAGS, (name) => name),
      ...(isMatched && { matched: true }),
    })),
    counts: bound(alert.counts),
    objects: alert.objects
      .filter((object) => objects.has(object))
      .slice(0, MAX_OBJECTS)
      .map((object) => withoutMembersOf(withoutMembers(object))),
    ...(alert.objectCounts && { objectCounts: boundObjects(alert.objectCounts) }),
    ...(alert.kind === "event.published" && {
      parts: fingerprintOf(alert.items),
      ...(alert.objects.length > 0 && { objectParts: packObjects(alert.objects) }),
    }),
  };
  const short = shrunk(shortened(whole));
  const isCut =
    short.items.length < visible.length ||
    short.objects.length < objects.size ||
    short.lines.length < alert.lines.length ||
    short.parts?.partial === true ||
    [...kept, ...short.lines].some((part) => isLong("item" in part ? part.item : part));
  return { alert: short, items: kept.slice(0, short.items.length).map(({ item }) => item), isCut };
}

/** These items, gravest first. */
export function gravest(
  all: readonly Item[],
  visible: ReadonlySet<Item>,
  matched: ReadonlySet<Item>,
): readonly Ranked[] {
  return all
    .filter((item) => visible.has(item))
    .map((item) => ({ item, isMatched: matched.has(item) }))
    .sort(byGravity);
}

/** The same with no text longer than what is stored. */
function shortened(alert: Alert): Alert {
  const prints = [alert.parts?.parts, alert.objectParts?.parts];
  return JSON.parse(JSON.stringify(alert), (_, value) =>
    typeof value === "string" && !prints.includes(value) ? shorten(value) : value,
  );
}

/** As much of it as fits into one row. */
export function shrunk(alert: Alert): Alert {
  let short = alert;
  for (const shrink of SHRINK) {
    for (let next = shrink(short); next && isTooLong(short); next = shrink(short)) {
      short = next;
    }
  }
  return short;
}

function isLong(part: object): boolean {
  return Object.values(part).some((value) => typeof value === "string" && value.length > MAX_TEXT);
}

function fingerprintOf(items: readonly Item[]): Fingerprint {
  const { parts, isWhole } = partsOf(items);
  return isWhole ? packParts(parts, true) : { parts: "", partial: true };
}

/** What goes from an alert that is too long, the least missed first; each gives undefined when it has no more to give. */
const SHRINK: readonly ((alert: Alert) => Alert | undefined)[] = [
  // The least grave stand last.
  ({ items, objects, ...rest }) =>
    items.length + objects.length > 0 ? { ...rest, items: fewer(items), objects: fewer(objects) } : undefined,
  ({ lines, ...rest }) => (lines.length > 0 ? { ...rest, lines: half(lines) } : undefined),
  ({ counts, ...rest }) =>
    counts.length > 1 ? { ...rest, counts: [{ ...UNSEEN_CELL, n: total(counts) }] } : undefined,
  ({ event, ...rest }) => {
    const { tags = [], clusters = [], ...others } = event ?? {};
    if (tags.length + clusters.length === 0) {
      return undefined;
    }
    const kept = first(tags, Math.floor(tags.length / 2), ({ name }) => name);
    return {
      ...rest,
      event: { ...others, ...(event?.tags && { tags: kept }), ...(event?.clusters && { clusters: half(clusters) }) },
    };
  },
];

/** The first of these tags, where those that mark come before the others. */
function first<T>(tags: readonly T[], max: number, nameOf: (tag: T) => string): readonly T[] {
  if (tags.length <= max) {
    return tags;
  }
  return [...tags].sort((a, b) => Number(isMarking(nameOf(b))) - Number(isMarking(nameOf(a)))).slice(0, max);
}

/** An item, and whether a route asks for it. */
export interface Ranked {
  readonly item: Item;
  readonly isMatched: boolean;
}

function byGravity({ item: a, isMatched: isAsked }: Ranked, { item: b, isMatched }: Ranked): number {
  return (
    Number(isMatched) - Number(isAsked) ||
    Number(b.toIds ?? false) - Number(a.toIds ?? false) ||
    (a.type ?? "").localeCompare(b.type ?? "")
  );
}

/**
 * Rare cells lose their type, never their marking: what may be seen of them still adds up. Where even these are too many,
 * the rest is counted as withheld from all.
 */
function bound(counts: readonly Count[]): readonly Count[] {
  const clean = counts.map(withoutMembersOf).sort((a, b) => b.n - a.n);
  const merged = new Map<string, Count>();
  for (const [index, count] of clean.entries()) {
    const isOther = index >= MAX_COUNTS && !isPersonal(count.type);
    add(merged, isOther ? { ...count, ...OTHER_CELL } : count);
  }
  const all = [...merged.values()];
  const rest = total(all.slice(2 * MAX_COUNTS));
  return rest === 0 ? all : [...all.slice(0, 2 * MAX_COUNTS), { ...UNSEEN_CELL, n: rest }];
}

/** The most frequent by name; what is left over is counted as withheld from all. */
function boundObjects(counts: NonNullable<Alert["objectCounts"]>): NonNullable<Alert["objectCounts"]> {
  const all = counts.map(withoutMembersOf).sort((a, b) => b.n - a.n);
  const rest = all.slice(MAX_COUNTS).reduce((sum, { n }) => sum + n, 0);
  return rest === 0 ? all : [...all.slice(0, MAX_COUNTS), { name: "object", reach: [{}], n: rest }];
}

const UNSEEN_CELL: Omit<Count, "n"> = {
  ...OTHER_CELL,
  marking: { tlp: "unknown", pap: "unknown", chr: false },
  reach: [{}],
};

function isTooLong(alert: Alert): boolean {
  return Buffer.byteLength(JSON.stringify(alert)) > MAX_BYTES;
}

function total(counts: readonly Count[]): number {
  return counts.reduce((sum, { n }) => sum + n, 0);
}

function fewer<T>(list: readonly T[]): readonly T[] {
  return list.slice(0, Math.floor((list.length * 7) / 8));
}

function half<T>(list: readonly T[]): readonly T[] {
  return list.slice(0, Math.floor(list.length / 2));
}

function shorten(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT).toWellFormed()}…`;
}
