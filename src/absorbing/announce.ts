import { unheard } from "../base/liveness.ts";
import type { Rules } from "../planning/plan.ts";
import { absorb, type Planner } from "./absorb.ts";
import type { Notices } from "./notices.ts";

/** How often it is looked whether what is counted has been counted for long enough. */
const LOOK_MS = 60_000;

/**
 * Plans and commits what we say ourselves, beside the feed, so that neither waits for the other. Ends when `ended` aborts,
 * once all that was said is committed.
 */
export async function announce(notices: Notices, planner: Planner, ended: AbortSignal, beat = unheard): Promise<void> {
  const { clock } = planner;
  ended.addEventListener("abort", () => notices.wakeup.wake(), { once: true });
  for (;;) {
    beat(LOOK_MS);
    const woken = notices.wakeup.next();
    const isLast = ended.aborted;
    for (const { message, except } of notices.take(clock.now(), isLast)) {
      await absorb([message], except === undefined ? planner : { ...planner, rules: without(planner.rules, except) });
    }
    if (isLast) {
      return;
    }
    await clock.sleep(LOOK_MS, woken);
  }
}

/** The destination that a message is about does not hear of it: it cannot, or need not. */
function without(rules: Rules, destination: string): Rules {
  return { ...rules, destinations: new Map([...rules.destinations].filter(([name]) => name !== destination)) };
}
