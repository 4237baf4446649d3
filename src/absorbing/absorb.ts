import type { Clock } from "../base/clock.ts";
import { Wakeup } from "../base/wakeup.ts";
import type { Undecided } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Effects } from "../model/outbox.ts";
import { keysOf, plan, type Rules } from "../planning/plan.ts";
import type { Observer } from "./observer.ts";
import type { PlanningStore } from "./planning-store.ts";

/** Wakes loops that sleep: those that deliver, by destination, and those that ask MISP, by instance. */
export interface Wakeups {
  readonly destinations: ReadonlyMap<string, Wakeup>;
  readonly instances: ReadonlyMap<string, { readonly recall: Wakeup; readonly reconcile: Wakeup }>;
}

/** A wakeup for each destination, and two for each instance that can be asked. */
export function openWakeups(destinations: Iterable<string> = [], instances: Iterable<string> = []): Wakeups {
  return {
    destinations: new Map([...destinations].map((name) => [name, new Wakeup()])),
    instances: new Map([...instances].map((name) => [name, { recall: new Wakeup(), reconcile: new Wakeup() }])),
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

/** Plans messages upon what is known and commits what follows; again, if memory has moved in between. */
export async function absorb(
  messages: readonly Message[],
  planner: Planner,
  asked?: readonly Undecided[],
  cursors: Effects["cursors"] = [],
): Promise<void> {
  const { store, rules, clock, wakeups, observer } = planner;
  for (;;) {
    const now = clock.now();
    const decided = plan(messages, await store.load(keysOf(messages)), now, rules, asked);
    if ((await store.commit({ ...decided.effects, cursors }, now)) === "conflict") {
      continue;
    }
    for (const { destination } of decided.effects.deliveries) {
      wakeups.destinations.get(destination)?.wake();
    }
    for (const { instance } of decided.effects.undecided) {
      wakeups.instances.get(instance)?.recall.wake();
    }
    observer.planned(decided, asked !== undefined);
    return;
  }
}
