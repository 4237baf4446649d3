import type { Group } from "../model/outbox.ts";

/** All that waits in a group leaves as one batch, unless that would not fit in memory; then the rest follows at once. */
export const BATCH_ROWS = 5_000;
const BATCH_BYTES = 16 * 2 ** 20;

/** How many of those that wait, in order, fit into one batch; at least one. */
export function countFitting(bytes: readonly number[]): number {
  let sum = 0;
  const end = bytes.findIndex((size, index) => {
    sum += size;
    return index > 0 && sum > BATCH_BYTES;
  });
  return Math.min(end < 0 ? bytes.length : end, BATCH_ROWS);
}

/** What is stored of a group: `dueAt` while something waits in it, `lastLeftAt` once something has left. */
export interface GroupState {
  readonly dueAt?: number | null;
  readonly lastLeftAt?: number | null;
}

/** The candidate in which a delivery leaves first, and when; of equals the first. `stateOf` tells what is stored of a key. */
export function chooseGroup(
  candidates: readonly Group[],
  stateOf: (key: string) => GroupState | undefined,
  now: number,
): { readonly group: Group; readonly dueAt: number } {
  let chosen: { readonly group: Group; readonly dueAt: number } | undefined;
  for (const group of candidates) {
    const dueAt = dueOf(group, stateOf(group.key), now);
    if (chosen === undefined || dueAt < chosen.dueAt) {
      chosen = { group, dueAt };
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
  if (typeof state?.lastLeftAt === "number") {
    // A clock that was set back must not hold a group until the time that it once showed.
    const next = Math.min(state.lastLeftAt, now) + group.intervalMs;
    if (next > now) {
      return next;
    }
  }
  return now + group.waitMs;
}
