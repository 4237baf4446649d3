import type { Clock } from "../base/clock.ts";
import { Wakeup } from "../base/wakeup.ts";
import type { Undecided } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Effects } from "../model/outbox.ts";
import { keysOf, plan, type Rules } from "../planning/plan.ts";
import { sift } from "../planning/sift.ts";
import type { Observer } from "./observer.ts";
import type { PlanningStore } from "./planning-store.ts";

/** Wakes loops that sleep: those that deliver, by destination, and those that ask MISP, by instance. */
export interface Wakeups {
  readonly destinations: ReadonlyMap<string, Wakeup>;
  readonly instances: ReadonlyMap<string, { readonly [Loop in "confirm" | "recall" | "reconcile"]: Wakeup }>;
}

/** A wakeup for each destination, and three for each instance that can be asked. */
export function openWakeups(destinations: Iterable<string> = [], instances: Iterable<string> = []): Wakeups {
  return {
    destinations: new Map([...destinations].map((name) => [name, new Wakeup()])),
    instances: new Map(
      [...instances].map((name) => [name, { confirm: new Wakeup(), recall: new Wakeup(), reconcile: new Wakeup() }]),
    ),
  };
}

/** What it takes to plan messages and commit what follows. */
export interface Planner {
  readonly store: PlanningStore;
  readonly rules: Rules;
  readonly clock: Clock;
  readonly wakeups: Wakeups;
  readonly observer: Pick<Observer, "planned">;
}

/** What is committed with a plan: that something waits no longer, or where the next question begins. */
export type Beside = Partial<Pick<Effects, "cursors" | "confirmed">>;

/**
 * Plans messages upon what is known and commits what follows; again, if memory has moved in between. What MISP is to confirm
 * first waits, unless it is what has waited (`confirmed`), or was asked about.
 */
export async function absorb(
  messages: readonly Message[],
  planner: Planner,
  asked?: readonly Undecided[],
  beside: Beside = {},
): Promise<void> {
  const { store, rules, clock, wakeups, observer } = planner;
  for (;;) {
    const now = clock.now();
    const known = await store.load(keysOf(messages));
    const sifted = asked || beside.confirmed ? undefined : sift(messages, known, now, rules);
    const decided = plan(sifted?.messages ?? messages, known, now, rules, asked ?? sifted?.only);
    const effects = { ...decided.effects, ...sifted?.effects, ...beside };
    if ((await store.commit(effects, now)) === "conflict") {
      continue;
    }
    for (const { destination } of effects.deliveries) {
      wakeups.destinations.get(destination)?.wake();
    }
    for (const { instance } of effects.undecided) {
      wakeups.instances.get(instance)?.recall.wake();
    }
    for (const { instance } of effects.unconfirmed ?? []) {
      wakeups.instances.get(instance)?.confirm.wake();
    }
    // What only teaches memory is counted when it is told.
    const traces = decided.traces.filter((_, index) => sifted?.only[index] === undefined);
    observer.planned({ ...decided, traces }, asked !== undefined);
    return;
  }
}
