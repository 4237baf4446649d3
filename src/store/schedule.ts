import type { Group } from "../model.ts";

/** How many deliveries leave as one batch; what is left over waits for the next one. */
export const BATCH_SIZE = 200;

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
    if (chosen === undefined || dueAt < chosen.dueAt) chosen = { group, dueAt };
  }
  if (chosen === undefined) throw new Error("A delivery names no group to leave in");
  return chosen;
}

function dueOf(group: Group, state: GroupState | undefined, now: number): number {
  if (typeof state?.dueAt === "number") return state.dueAt;
  if (typeof state?.lastLeftAt === "number") {
    // A clock that was set back must not hold a group until the time that it once showed.
    const next = Math.min(state.lastLeftAt, now) + group.intervalMs;
    if (next > now) return next;
  }
  return now + group.waitMs;
}
