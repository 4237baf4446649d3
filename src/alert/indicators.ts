import type { Item } from "../model/alert.ts";
import type { Entry, Payload } from "../model/payload.ts";
import { isChanged } from "./change.ts";
import { countItems } from "./counts.ts";
import { RULE_TYPES } from "./defang.ts";
import { inert, inertValue, type Style } from "./style.ts";
import { type CleanText, clean, formatCount, truncate } from "./text.ts";

/** The items of one entry that a payload lists, and how many more there are. */
export interface Listed {
  readonly items: readonly Item[];
  readonly more: number;
}

/** Shares out what a payload may list (`show`) among its entries, so that short lists are whole and long ones are equal. */
export function listItems(payload: Pick<Payload, "entries" | "show" | "minimal">): readonly Listed[] {
  const candidates = payload.entries.map((entry) =>
    entry.guarded.form !== "full" || payload.minimal
      ? []
      : [...entry.guarded.alert.items]
          .filter((item) => payload.show !== "matched" || item.matched)
          .sort((a, b) => weigh(entry, b) - weigh(entry, a) || compare(a.type, b.type)),
  );
  const shares = new Map<number, number>();
  let left = payload.show === "matched" ? Number.POSITIVE_INFINITY : payload.show;
  const shortestFirst = candidates.map(({ length }, index) => ({ length, index })).sort((a, b) => a.length - b.length);
  shortestFirst.forEach(({ length, index }, at) => {
    const share = Math.min(length, Math.ceil(left / (shortestFirst.length - at)));
    shares.set(index, share);
    left -= share;
  });
  return payload.entries.map((entry, index) => {
    const items = (candidates[index] ?? []).slice(0, shares.get(index));
    const hasContent = entry.guarded.form === "full" && !payload.minimal;
    return { items, more: hasContent ? Math.max(0, countItems(entry).attributes - items.length) : 0 };
  });
}

/** The most useful come first: what a route matched, what is for detection, what is new to these readers. */
function weigh(entry: Entry, item: Item): number {
  return (item.matched ? 4 : 0) + (item.toIds ? 2 : 0) + (isChanged(entry, item) ? 1 : 0);
}

function compare(a: string = "", b: string = ""): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const MAX_COMMENT = 200;

/** What a person reads of one attribute. */
export interface Indicator {
  readonly type: CleanText;
  readonly value: CleanText;
  readonly toIds: boolean;
  /** New or changed since the last alert. */
  readonly changed: boolean;
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
    toIds: item.toIds ?? false,
    changed: isChanged(entry, item),
    notes: [place, item.comment ?? ""]
      .map((note) => truncate(inert(clean(note, 1000), style), MAX_COMMENT))
      .filter((note) => note !== ""),
  };
}
