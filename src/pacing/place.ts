import type { Delivery, Group } from "../model/outbox.ts";
import type { Collects, FloodClass, Floods, Pacing } from "../model/pacing.ts";
import { silenceOf } from "../model/silence.ts";
import { nextSlot } from "./cron.ts";
import { count, floodOf } from "./flood.ts";
import { quietUntil } from "./quiet.ts";
import { isRemindKey } from "./remind.ts";

/** What is stored of a group: `dueAt` while something waits in it, `lastLeftAt` once something has left. */
export interface GroupState {
  readonly dueAt?: number | null;
  readonly lastLeftAt?: number | null;
}

/** Where a delivery waits, and until when. */
export interface Placed {
  readonly key: string;
  readonly show: Group["show"];
  readonly dueAt: number;
  /** Absent: an ordinary group. */
  readonly collects?: Collects;
  /** Where something has changed. */
  readonly floods?: Floods;
}

/** What placing a delivery depends on beside itself. */
export interface PlaceContext {
  readonly pacing: Pacing | undefined;
  /** What is stored of a group of its destination. */
  readonly stateOf: (key: string) => GroupState | undefined;
  readonly floods: Floods;
  readonly now: number;
}

/** Everything that quiet hours hold of a destination leaves together. */
const QUIET_KEY = JSON.stringify(["quiet"]);
const SHOW = 20;
const FLOOD_PREFIX = '["flood",';

/** The key of the group in which a flood is collected. */
function floodKey(flooded: FloodClass): string {
  return `${FLOOD_PREFIX}${JSON.stringify(flooded)}]`;
}

/** The way back of `floodKey`; undefined: it is the key of another group. */
export function floodOfKey(key: string): FloodClass | undefined {
  return key.startsWith(FLOOD_PREFIX) ? JSON.parse(key)[1] : undefined;
}

/**
 * Decides where a delivery waits and until when: in the group of its routes that leaves first, unless quiet hours or a flood
 * hold it. What already waits keeps its time, and takes along what joins it.
 */
export function place(delivery: PlacedDelivery, context: PlaceContext): Placed {
  const { pacing, stateOf, now } = context;
  const chosen = earliest(delivery.groups, stateOf, now);
  const { group, dueAt } = chosen;
  const ordinary = { key: group.key, show: group.show, dueAt };
  const heldUntil = quietEnd(delivery, pacing, dueAt);
  const whole = wholeOf(group);
  if (whole) {
    return { ...ordinary, dueAt: chosen.waits ? dueAt : (heldUntil ?? dueAt), collects: whole };
  }
  if (chosen.waits) {
    return ordinary;
  }
  if (heldUntil !== undefined) {
    const waiting = stateOf(QUIET_KEY)?.dueAt;
    return { key: QUIET_KEY, show: SHOW, dueAt: waiting ?? heldUntil, collects: "quiet" };
  }
  return pacing?.flood && delivery.unheld !== "always"
    ? behindFlood(delivery, { ...context, flood: pacing.flood }, ordinary)
    : ordinary;
}

/** What leaves as a whole, whatever else comes. */
function wholeOf({ key, digest }: Group): "digest" | "silence" | "reminder" | undefined {
  if (digest) {
    return "digest";
  }
  return silenceOf(key) !== undefined ? "silence" : isRemindKey(key) ? "reminder" : undefined;
}

/** What placing looks at of a delivery. */
export type PlacedDelivery = Pick<Delivery, "groups" | "priority" | "unheld" | "cause">;

function behindFlood(
  delivery: PlacedDelivery,
  { pacing, floods, flood: rules, stateOf, now }: PlaceContext & { readonly flood: NonNullable<Pacing["flood"]> },
  ordinary: Placed,
): Placed {
  const of = classOf(delivery);
  const fold = (into: FloodClass, after: Floods): Placed => {
    const key = floodKey(into);
    const nextAt = Math.max(now, after.on[into]?.nextAt ?? now);
    const dueAt = stateOf(key)?.dueAt ?? quietEnd(delivery, pacing, nextAt) ?? nextAt;
    return { key, show: SHOW, dueAt, collects: "flood", ...(after !== floods && { floods: after }) };
  };
  const on = floodOf(floods, of);
  if (on !== undefined) {
    return fold(on, floods);
  }
  const counted = count(floods, rules, { at: ordinary.dueAt, class: of });
  // One whose cause is not the one that floods is no part of it.
  const joins = counted.flooded === undefined ? undefined : floodOf(counted.floods, of);
  return joins === undefined ? { ...ordinary, floods: counted.floods } : fold(joins, counted.floods);
}

/** Whether it leaves before what is not so, and is never held for quiet hours. */
export function goesFirst({ priority, unheld }: Pick<Delivery, "priority" | "unheld">): boolean {
  return priority === "high" || unheld !== undefined;
}

function classOf({ priority, unheld, cause }: PlacedDelivery): FloodClass {
  if (priority === "high") {
    return "high";
  }
  if (unheld) {
    return "excepted";
  }
  return cause === undefined ? "rest" : `cause:${cause}`;
}

/** Until when quiet hours hold it that are on when it would leave; undefined: they do not. */
function quietEnd(delivery: PlacedDelivery, pacing: Pacing | undefined, at: number): number | undefined {
  return pacing?.quiet && !goesFirst(delivery) ? quietUntil(pacing.quiet, at) : undefined;
}

interface Candidate {
  readonly group: Group;
  readonly dueAt: number;
  /** Something waits in it already. */
  readonly waits: boolean;
}

/** The candidate in which a delivery leaves first, and when; of equals the first. */
function earliest(candidates: readonly Group[], stateOf: PlaceContext["stateOf"], now: number): Candidate {
  let chosen: Candidate | undefined;
  for (const group of candidates) {
    const state = stateOf(group.key);
    const waits = typeof state?.dueAt === "number";
    const dueAt = dueOf(group, state, now);
    if (chosen === undefined || dueAt < chosen.dueAt) {
      chosen = { group, dueAt, waits };
    }
  }
  if (chosen === undefined) {
    throw new Error("A delivery names no group to leave in");
  }
  return chosen;
}

function dueOf(group: Group, state: GroupState | undefined, now: number): number {
  if (typeof state?.dueAt === "number") {
    return state.dueAt;
  }
  if (group.digest) {
    // A pattern that never comes is refused when the configuration is read.
    return nextSlot(group.digest, now) ?? now;
  }
  if (typeof state?.lastLeftAt === "number") {
    // A clock that was set back must not hold a group until the time that it once showed.
    const next = Math.min(state.lastLeftAt, now) + group.intervalMs;
    if (next > now) {
      return next;
    }
  }
  return now + group.waitMs;
}
