import type { Clock } from "../base/clock.ts";
import { StoreError } from "../base/errors.ts";
import { type Heartbeat, unheard, WORK_MS } from "../base/liveness.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "../model/outbox.ts";
import type { Breaker } from "./holds.ts";

const RETRY_MS = 5_000;

/** Does `work` again while the store cannot write, such as on a full disk; gives up, with the error, once `cut` aborts. */
export type Insist = <T>(work: () => Promise<T>) => Promise<T>;

/** `about`: who waits, for the log. */
export function insisting(
  about: { readonly destination: string } | { readonly loop: string },
  clock: Clock,
  log: Log,
  cut: AbortSignal,
  beat: Heartbeat = unheard,
): Insist {
  return async (work) => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof StoreError && error.passing) || cut.aborted) throw error;
        const hint =
          "all goes on when this succeeds: free space where the state file is, and see that it can be written";
        log.error({ err: error, ...about, retryInMs: RETRY_MS, hint }, "Cannot write to the state file");
        // A new process would find the same disk.
        beat(WORK_MS);
        await clock.sleep(RETRY_MS, cut);
      }
    }
  };
}

/** What plans are made and committed with. */
export type PlanningStore = Pick<Store, "load" | "commit" | "undecided" | "cursor">;

/** PlanningStore that is not given up on a disk that is full for a while: whoever needs it waits. */
export function patient(store: PlanningStore, insist: Insist): PlanningStore {
  return {
    load: (keys) => insist(() => store.load(keys)),
    commit: (effects, now) => insist(() => store.commit(effects, now)),
    undecided: (...args) => insist(() => store.undecided(...args)),
    cursor: (instance) => insist(() => store.cursor(instance)),
  };
}

/**
 * A store and a breaker that also work on a disk that is full for a while: what has been sent must not be sent again because
 * that could not be written down.
 */
export function persistent(
  { store, breaker }: { readonly store: Store; readonly breaker: Breaker },
  insist: Insist,
): { readonly store: Pick<Store, "take" | "settle" | "owed">; readonly breaker: Breaker } {
  return {
    store: {
      take: (destination, now) => insist(() => store.take(destination, now)),
      owed: () => insist(() => store.owed()),
      settle: (settlement, now) => insist(() => store.settle(settlement, now)),
    },
    breaker: {
      ...breaker,
      suspend: (reason, now) => insist(() => breaker.suspend(reason, now)),
      recover: (now) => insist(() => breaker.recover(now)),
    },
  };
}
