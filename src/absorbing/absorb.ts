import type { Clock } from "../base/clock.ts";
import type { Wakeup } from "../base/wakeup.ts";
import type { PlanningStore } from "../delivery/persist.ts";
import type { Undecided } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Effects } from "../model/outbox.ts";
import { keysOf, type Plan, plan, type Rules } from "../planning/plan.ts";

/** What it takes to plan messages and commit what follows. */
export interface Planner {
  readonly store: PlanningStore;
  readonly rules: Rules;
  readonly clock: Clock;
  /** One for each destination, and one, named `recall INSTANCE`, for each instance that can be asked. */
  readonly wakeups: ReadonlyMap<string, Wakeup>;
  /** Sees every plan that was committed; `again`: of messages that had been planned before, and are decided now. */
  readonly planned?: (plan: Plan, again: boolean) => void;
}

/** Plans messages upon what is known and commits what follows; again, if memory has moved in between. */
export async function absorb(
  messages: readonly Message[],
  planner: Planner,
  asked?: readonly Undecided[],
  cursors: Effects["cursors"] = [],
): Promise<void> {
  const { store, rules, clock, wakeups, planned } = planner;
  for (;;) {
    const now = clock.now();
    const decided = plan(messages, await store.load(keysOf(messages)), now, rules, asked);
    if ((await store.commit({ ...decided.effects, cursors }, now)) === "conflict") continue;
    for (const { destination } of decided.effects.deliveries) wakeups.get(destination)?.wake();
    for (const { instance } of decided.effects.undecided) wakeups.get(recallBell(instance))?.wake();
    planned?.(decided, asked !== undefined);
    return;
  }
}

/** The name of the wakeup that wakes an instance's recall loop; no destination can have it. */
export function recallBell(instance: string): string {
  return `recall ${instance}`;
}

/** The name of the wakeup that makes an instance's reconcile loop ask at once. */
export function reconcileBell(instance: string): string {
  return `reconcile ${instance}`;
}
