/** How a destination is kept from being flooded, and when it is left alone. */
export interface Pacing {
  /** Absent: whatever comes leaves one by one. */
  readonly flood?: FloodRules;
  readonly quiet?: QuietRules;
}

/** When so much comes that it leaves as digests. */
export interface FloodRules {
  /** More groups than this that become due within `withinMs`, or three times as many within an hour. */
  readonly over: number;
  readonly withinMs: number;
  /** A digest leaves so often. */
  readonly everyMs: number;
}

/** When its readers are left alone, by the clocks of a time zone. */
export interface QuietRules {
  readonly windows: readonly QuietWindow[];
  readonly timezone: string;
}

/** A window of each of these days: it belongs to the day on which it begins. */
export interface QuietWindow {
  /** 0 is Sunday. */
  readonly days: readonly number[];
  /** Minutes after midnight; where `to` is not later than `from` it ends on the next day. */
  readonly from: number;
  readonly to: number;
}

/** What a delivery waits in beside an ordinary group. */
export const COLLECTS = ["digest", "quiet", "flood", "silence", "reminder"] as const;
export type Collects = (typeof COLLECTS)[number];

/**
 * What is looked at by itself where much comes: what is urgent, what quiet hours let pass, what one organisation's events of
 * another instance or feed bring (`cause`), and the rest.
 */
export type FloodClass = "high" | "excepted" | "rest" | `cause:${string}`;

/** A flood of a destination, from when it begins to the digest that ends it. */
export interface Flood extends FloodRules {
  readonly since: number;
  /** What came too fast. */
  readonly reason: "burst" | "hour";
  /** How many digests of it have left. */
  readonly digests: number;
  /** When the next one leaves. */
  readonly nextAt: number;
}

/** What is remembered of how fast alerts come to a destination. */
export interface Floods {
  /** When groups became due, for an hour. */
  readonly openings: readonly { readonly at: number; readonly class: FloodClass }[];
  readonly on: { readonly [C in FloodClass]?: Flood };
}

/** What one batch tells of the flood that it is a digest of. */
export interface FloodNote extends FloodRules {
  readonly class: FloodClass;
  readonly reason: Flood["reason"];
  readonly since: number;
  /** It is the first one. */
  readonly begins: boolean;
  /** It is the last one. */
  readonly ends: boolean;
  /** When the next one leaves; absent: it is the last one. */
  readonly nextAt?: number;
}

/** Why what is in a batch leaves together, where that is not an ordinary group. */
export type BatchNote =
  | { readonly collects: Exclude<Collects, "flood"> }
  | { readonly collects: "flood"; readonly flood: FloodNote };
