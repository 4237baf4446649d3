import type { Insist } from "../base/insist.ts";
import type { Planner } from "./absorb.ts";
import { patient } from "./planning-store.ts";

/** A planner that goes by what `now` names at each moment, and waits while nothing can be written. */
export function newestPlanner(
  { store, clock, giants }: Pick<Planner, "store" | "clock" | "giants">,
  now: () => Pick<Planner, "rules" | "silences" | "wakeups" | "observer">,
  insist: Insist,
): Planner {
  return {
    store: patient(store, insist),
    clock,
    ...(giants && { giants }),
    silences: (at) => now().silences?.(at) ?? [],
    get rules() {
      return now().rules;
    },
    get wakeups() {
      return now().wakeups;
    },
    observer: { planned: (plan, again) => now().observer.planned(plan, again) },
  };
}
