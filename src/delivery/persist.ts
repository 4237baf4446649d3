import { StoreError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Store } from "../model.ts";
import type { Clock } from "./clock.ts";

const RETRY_MS = 5_000;

/**
 * The store, which settles also on a disk that is full for a while: what has been sent must not be sent again because that
 * could not be written down. Gives up, with the error, once `cut` aborts.
 */
export function persistent(
  store: Store,
  clock: Clock,
  log: Log,
  cut: AbortSignal,
): Pick<Store, "take" | "settle" | "owed"> {
  return {
    take: (destination, now) => store.take(destination, now),
    owed: () => store.owed(),
    async settle(settlement, now) {
      for (;;) {
        try {
          return await store.settle(settlement, now);
        } catch (error) {
          if (!(error instanceof StoreError) || cut.aborted) throw error;
          log.error(
            { err: error, batch: settlement.batch, retryInMs: RETRY_MS },
            "Cannot write down what became of a batch",
          );
          await clock.sleep(RETRY_MS, cut);
        }
      }
    },
  };
}
