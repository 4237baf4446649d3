import type { Insist } from "../base/insist.ts";
import type { Store } from "../model/outbox.ts";
import type { Breaker } from "./holds.ts";

/**
 * A store and a breaker that also work on a disk that is full for a while: what has been sent must not be sent again because
 * that could not be written down.
 */
export function persistent(
  { store, breaker }: { readonly store: Store; readonly breaker: Breaker },
  insist: Insist,
): {
  readonly store: Pick<Store, "take" | "settle" | "owed" | "divide" | "takePost" | "settlePost">;
  readonly breaker: Breaker;
} {
  return {
    store: {
      take: (...args) => insist(() => store.take(...args)),
      divide: (division, now) => insist(() => store.divide(division, now)),
      takePost: (...args) => insist(() => store.takePost(...args)),
      settlePost: (end, now) => insist(() => store.settlePost(end, now)),
      owed: () => insist(() => store.owed()),
      settle: (...args) => insist(() => store.settle(...args)),
    },
    breaker: {
      ...breaker,
      resume: (now) => insist(() => breaker.resume(now)),
      suspend: (reason, now) => insist(() => breaker.suspend(reason, now)),
      recover: (now) => insist(() => breaker.recover(now)),
    },
  };
}
