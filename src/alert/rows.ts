import type { Item } from "../model/alert.ts";
import type { Entry, Payload } from "../model/payload.ts";
import { formatTypes, isChanged } from "./change.ts";
import { countItems, countTypes } from "./counts.ts";
import { type Indicator, indicator, removedOf, shareOut } from "./indicators.ts";
import { MAX_PARTS, type Row, rowOf, type Thing } from "./row.ts";
import type { Style } from "./style.ts";
import { type CleanText, clean, formatCount, formatNumber, join } from "./text.ts";

/** What people are shown of one entry's attributes; `more`, `toldBefore` and what is shown are all that it has. */
export interface RowListing {
  readonly rows: readonly Row[];
  /** How many attributes are in no row, and in nothing else that is said; of an update those that are new or changed. */
  readonly more: number;
  /** Their types where they are known, the most frequent first. */
  readonly moreTypes: readonly { readonly type: string; readonly n: number }[];
  /** Of an update that was compared: how many attributes were told before, and are in no row. */
  readonly toldBefore: number;
  readonly removed: readonly Indicator[];
  readonly moreRemoved: number;
}

export const NOTHING_LISTED: RowListing = {
  rows: [],
  more: 0,
  moreTypes: [],
  toldBefore: 0,
  removed: [],
  moreRemoved: 0,
};

const MAX_REMOVED = 20;
const MAX_TYPES = 5;

/** What the analyst wrote about the whole event, and the first page it refers to; each is told apart from the indicators. */
export function quotesOf(entry: Entry): readonly Item[] {
  const { form, alert } = entry.guarded;
  if (form !== "full" || alert.subject.type !== "event") {
    return [];
  }
  const isQuote = (types: readonly string[]) => (item: Item) =>
    types.includes(item.type ?? "") &&
    !item.toIds &&
    !item.matched &&
    !item.withdrawn &&
    item.objectKey === undefined &&
    isNews(entry, item);
  return [isQuote(["comment", "text"]), isQuote(["link"])].flatMap((is) => alert.items.find(is) ?? []);
}

/** What was told before is not told again where it is known what was. */
function isNews(entry: Entry, item: Item): boolean {
  return entry.compared === undefined || isChanged(entry, item);
}

/** Lists the attributes of every entry of a payload for people, as many things as its `show` allows. */
export function listRows(payload: Pick<Payload, "entries" | "show" | "minimal">, style: Style): readonly RowListing[] {
  const candidates = payload.entries.map((entry) =>
    entry.guarded.form !== "full" || payload.minimal ? [] : thingsOf(entry, payload.show, quoted(payload, entry)),
  );
  const shares = shareOut(
    candidates.map(({ length }) => length),
    payload.show,
  );
  return payload.entries.map((entry, index) => {
    if (entry.guarded.form !== "full" || payload.minimal) {
      return NOTHING_LISTED;
    }
    const things = choose(entry, candidates[index] ?? [], shares[index] ?? 0);
    const listed = [...things.flatMap(({ members }) => members), ...quoted(payload, entry)];
    const rows = things.map((thing) => rowOf(entry, thing, style));
    const { attributes, withdrawn } = countItems(entry);
    const removed = removedOf(entry).slice(0, MAX_REMOVED);
    const left = Math.max(0, attributes - listed.length);
    const news = entry.compared && entry.compared.added + entry.compared.changed;
    const more =
      news === undefined
        ? left
        : Math.min(left, Math.max(0, news - listed.filter((item) => isChanged(entry, item)).length));
    return {
      rows,
      more,
      moreTypes: more === left ? subtractTypes(countTypes(entry), listed) : [],
      toldBefore: left - more,
      removed: removed.map((item) => indicator(entry, item, style)),
      moreRemoved: Math.max(0, withdrawn - removed.length),
    };
  });
}

function subtractTypes(all: RowListing["moreTypes"], listed: readonly Item[]): RowListing["moreTypes"] {
  const left = new Map(all.map(({ type, n }) => [type, n]));
  for (const { type = "" } of listed) {
    const name = type !== "" && left.has(type) ? type : "other";
    left.set(name, (left.get(name) ?? 0) - 1);
  }
  return [...left].map(([type, n]) => ({ type, n })).filter(({ n }) => n > 0);
}

/** A digest has no room for what an analyst wrote: there it is an attribute like the others. */
function quoted({ entries }: Pick<Payload, "entries">, entry: Entry): readonly Item[] {
  return entries.length === 1 ? quotesOf(entry) : [];
}

function thingsOf(entry: Entry, show: Payload["show"], quotes: readonly Item[]): readonly Thing[] {
  const { items, objects } = entry.guarded.alert;
  const things = new Map<Item | string, Item[]>();
  for (const item of items) {
    if (item.withdrawn || quotes.includes(item) || (show === "matched" && !item.matched)) {
      continue;
    }
    const key = item.objectKey ?? item;
    const members = things.get(key);
    if (!members) {
      things.set(key, [item]);
    } else if (members.length <= MAX_PARTS) {
      members.push(item);
    }
  }
  return [...things]
    .map(([key, members]): Thing => {
      const object = typeof key === "string" ? objects.find((candidate) => candidate.key === key) : undefined;
      return { members, ...(object && { object }) };
    })
    .filter(({ members }) => members.some((item) => isNews(entry, item)));
}

/** The most useful things come first, and among those that are equally useful a few of each type. */
function choose(entry: Entry, things: readonly Thing[], n: number): readonly Thing[] {
  const seen = new Map<string, number>();
  // Where not all fit, twenty of one type tell less than a few of each; what a route asked for is never held back by that.
  const isMixed = new Set(things.map(typeOf)).size > 1;
  const most = things.length > n && isMixed ? Math.ceil(n / 3) : Number.POSITIVE_INFINITY;
  return (
    things
      .map((thing) => {
        const weight = Math.max(...thing.members.map((item) => weigh(entry, item)));
        const type = typeOf(thing);
        const kind = JSON.stringify([weight, type]);
        const turn = seen.get(kind) ?? 0;
        seen.set(kind, turn + 1);
        const isOver = turn >= most && !thing.members.some(({ matched }) => matched);
        return { thing, weight, type, turn, over: isOver ? 1 : 0 };
      })
      // What is left of the room goes to those of which there are many.
      .sort((a, b) => a.over - b.over || b.weight - a.weight || a.turn - b.turn || compare(a.type, b.type))
      .slice(0, n)
      .sort((a, b) => b.weight - a.weight || compare(a.type, b.type))
      .map(({ thing }) => thing)
  );
}

function typeOf({ members, object }: Thing): string {
  return (members.length > 1 ? object?.name : undefined) ?? members[0]?.type ?? "";
}

/** An update leads with what is new; then what a route matched, and what is for detection. */
function weigh(entry: Entry, item: Item): number {
  return (isChanged(entry, item) ? 4 : 0) + (item.matched ? 2 : 0) + (item.toIds ? 1 : 0);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The word beside a row that is newer than what was told, where not all of them are. */
export function formatNews(row: Indicator, rows: readonly Indicator[]): CleanText | undefined {
  return row.news !== undefined && rows.some(({ news }) => news !== row.news) ? row.news : undefined;
}

/** What is in MISP, but not listed: `+34 more in MISP: 21 domain, 13 url · 5 attributes withheld`. */
export function formatRest(listing: RowListing, withheld: CleanText | undefined, style: Style): CleanText | undefined {
  const { rows, more, moreTypes } = listing;
  const count =
    rows.length > 0 ? clean(`+${formatNumber(more)} more in MISP`) : clean(`${formatCount(more, "attribute")} in MISP`);
  const types = moreTypes.length > 0 ? join([count, formatTypes(moreTypes, MAX_TYPES, style)], ": ") : count;
  const rest = [...(more > 0 ? [types] : []), ...(withheld ? [withheld] : [])];
  return rest.length > 0 ? join(rest, " · ") : undefined;
}

/** `+3 more withdrawn`; undefined where all that is withdrawn is listed. */
export function formatMoreRemoved({
  removed,
  moreRemoved,
}: Pick<RowListing, "removed" | "moreRemoved">): CleanText | undefined {
  return moreRemoved === 0
    ? undefined
    : removed.length > 0
      ? clean(`+${formatNumber(moreRemoved)} more withdrawn`)
      : clean(`${formatCount(moreRemoved, "attribute")} withdrawn`);
}

/** A listing with no more rows than there is room for; what goes is counted. */
export function cutListing(listing: RowListing, room: { readonly rows: number; readonly removed: number }): RowListing {
  const gone = listing.rows.slice(room.rows);
  return {
    ...listing,
    rows: listing.rows.slice(0, room.rows),
    more: listing.more + gone.reduce((sum, { attributes }) => sum + attributes, 0),
    // Of the rows that go only some say their type.
    moreTypes: gone.length > 0 ? [] : listing.moreTypes,
    removed: listing.removed.slice(0, room.removed),
    moreRemoved: listing.moreRemoved + Math.max(0, listing.removed.length - room.removed),
  };
}

/** `sha256 9f86…, md5 …`: the parts of a row as one text. */
export function formatParts({ parts }: Pick<Row, "parts">): CleanText {
  return join(
    parts.map(({ name, value }) => join([name, value], " ")),
    ", ",
  );
}
