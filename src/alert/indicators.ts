import type { Item, Withdrawal } from "../model/alert.ts";
import type { Entry, Payload } from "../model/payload.ts";
import { isChanged } from "./change.ts";
import { countItems, describeMore } from "./counts.ts";
import { punycodeOf, RULE_TYPES } from "./defang.ts";
import { inert, inertValue, type Style } from "./style.ts";
import { type CleanText, clean, formatCount, truncate } from "./text.ts";

/** The items of one entry that a payload lists, and how many more there are; what is withdrawn stands apart from what holds. */
export interface ListedItems {
  readonly items: readonly Item[];
  readonly more: number;
  readonly removed: readonly Item[];
  readonly moreRemoved: number;
}

/** Nothing is listed. */
export const NOTHING_LISTED: ListedItems = { items: [], more: 0, removed: [], moreRemoved: 0 };

/** What an alert without a list of its own says of each. */
const MAX_REMOVED = 20;

type Listing = Pick<Payload, "entries" | "show" | "minimal" | "whole">;

/** Shares out what a payload may list (`show`) among its entries, so that short lists are whole and long ones are equal. */
export function listItems(payload: Listing): readonly ListedItems[] {
  return payload.whole && !payload.minimal ? payload.entries.map(listAll) : listShares(payload);
}

/** All there is; only what was owed before alerts were stored whole has more than that. */
function listAll(entry: Entry): ListedItems {
  const { form, alert } = entry.guarded;
  if (form !== "full") {
    return NOTHING_LISTED;
  }
  const items = alert.items.filter(({ withdrawn }) => !withdrawn);
  const removed = alert.items.filter(({ withdrawn }) => withdrawn);
  const { attributes, withdrawn } = countItems(entry);
  const isWhole = alert.pages !== undefined;
  return {
    items,
    more: isWhole ? 0 : Math.max(0, attributes - items.length),
    removed,
    moreRemoved: isWhole ? 0 : Math.max(0, withdrawn - removed.length),
  };
}

function listShares(payload: Listing): readonly ListedItems[] {
  const candidates = payload.entries.map((entry) =>
    entry.guarded.form !== "full" || payload.minimal
      ? []
      : [...entry.guarded.alert.items]
          .filter((item) => !item.withdrawn && (payload.show !== "matched" || item.matched))
          .sort((a, b) => weigh(entry, b) - weigh(entry, a) || compare(a.type, b.type)),
  );
  const shares = shareOut(
    candidates.map(({ length }) => length),
    payload.show,
  );
  return payload.entries.map((entry, index) => {
    const items = (candidates[index] ?? []).slice(0, shares[index]);
    if (entry.guarded.form !== "full" || payload.minimal) {
      return NOTHING_LISTED;
    }
    const { attributes, withdrawn } = countItems(entry);
    const removed = removedOf(entry).slice(0, MAX_REMOVED);
    return {
      items,
      more: Math.max(0, attributes - items.length),
      removed,
      moreRemoved: Math.max(0, withdrawn - removed.length),
    };
  });
}

/** How many of each list there is room for, so that short lists are whole and long ones are equal. */
export function shareOut(lengths: readonly number[], show: Payload["show"]): readonly number[] {
  const shares = lengths.map(() => 0);
  let left = show === "matched" ? Number.POSITIVE_INFINITY : show;
  const shortestFirst = lengths.map((length, index) => ({ length, index })).sort((a, b) => a.length - b.length);
  shortestFirst.forEach(({ length, index }, at) => {
    const share = Math.min(length, Math.ceil(left / (shortestFirst.length - at)));
    shares[index] = share;
    left -= share;
  });
  return shares;
}

/** What programs are not told of the attributes of a payload, in words. */
export function describeUnlistedItems(payload: Listing): readonly string[] {
  const { entries, show, whole } = payload;
  const more = listItems(payload).map((one) => one.more);
  return describeMore(entries, more, whole ? "not stored" : `show: ${show}`);
}

/** What is taken back, what was for detection first: it may be on a block list. */
export function removedOf({ guarded }: Entry): readonly Item[] {
  return guarded.alert.items
    .filter(({ withdrawn }) => withdrawn)
    .sort((a, b) => Number(b.toIds ?? false) - Number(a.toIds ?? false) || compare(a.type, b.type));
}

/** The most useful come first: what a route matched, what is for detection, what is new to these readers. */
function weigh(entry: Entry, item: Item): number {
  return (item.matched ? 4 : 0) + (item.toIds ? 2 : 0) + (isChanged(entry, item) ? 1 : 0);
}

function compare(a: string = "", b: string = ""): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Why something is taken back, for people. */
const WITHDRAWN: Readonly<Record<Withdrawal, string>> = {
  deleted: "deleted",
  removed: "no longer in the event",
  "not-for-detection": "no longer for detection",
};

const NEWS = { added: clean("new"), changed: clean("changed"), unchanged: clean("new or changed") } as const;

const MAX_COMMENT = 200;

/** What a person reads of one attribute. */
export interface Indicator {
  readonly type: CleanText;
  readonly value: CleanText;
  readonly toIds: boolean;
  /** Why it is withdrawn, in words; absent: it holds. */
  readonly withdrawn?: CleanText;
  /** New or changed since the last alert. */
  readonly changed: boolean;
  /** Which of both, as far as it is known. */
  readonly news?: CleanText;
  /** Its place in an object, and its comment. */
  readonly notes: readonly CleanText[];
}

/** Makes an attribute readable, and inert where the style wants it. */
export function indicator(entry: Entry, item: Item, style: Style): Indicator {
  const type = inert(clean(item.type ?? "attribute", 100), style);
  const raw = clean(item.value ?? "");
  const object = entry.guarded.alert.objects.find((candidate) => candidate.key === item.objectKey);
  const place = [object?.name, item.relation].filter((part) => part !== undefined && part !== item.type).join(": ");
  return {
    type,
    value: RULE_TYPES.has(type)
      ? clean(`(a rule of ${formatCount(raw.length, "character")})`)
      : inertValue(type, raw === "" ? clean("(no value)") : raw, style),
    // What is taken back is for nothing any more.
    toIds: (item.toIds ?? false) && !item.withdrawn,
    ...(item.withdrawn && { withdrawn: clean(WITHDRAWN[item.withdrawn]) }),
    changed: !item.withdrawn && isChanged(entry, item),
    ...(!item.withdrawn && isChanged(entry, item) && { news: NEWS[item.news ?? "unchanged"] }),
    notes: [
      ...punycodeOf(item.type ?? "", raw).map((host) => truncate(host, MAX_COMMENT)),
      ...[place, item.comment ?? ""]
        .map((note) => truncate(inert(clean(note, 1000), style), MAX_COMMENT))
        .filter((note) => note !== ""),
    ],
  };
}
