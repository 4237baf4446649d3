import type { Clock } from "./clock.ts";
import { StoreError } from "./errors.ts";
import { type Heartbeat, unheard, WORK_MS } from "./liveness.ts";
import type { Log } from "./log.ts";

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
        if (!(error instanceof StoreError && error.passing) || cut.aborted) {
          throw error;
        }
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
