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
  readonly store: Pick<
    Store,
    "take" | "takeAll" | "settle" | "settleAll" | "owed" | "divide" | "takePost" | "settlePost"
  >;
  readonly breaker: Breaker;
} {
  return {
    store: {
      take: (...args) => insist(() => store.take(...args)),
      takeAll: (...args) => insist(() => store.takeAll(...args)),
      settleAll: (settlements, now) => insist(() => store.settleAll(settlements, now)),
      divide: (division, now) => insist(() => store.divide(division, now)),
      takePost: (...args) => insist(() => store.takePost(...args)),
      settlePost: (end, now) => insist(() => store.settlePost(end, now)),
      owed: () => insist(() => store.owed()),
      settle: (settlement, now) => insist(() => store.settle(settlement, now)),
    },
    breaker: {
      ...breaker,
      resume: (now) => insist(() => breaker.resume(now)),
      suspend: (reason, now) => insist(() => breaker.suspend(reason, now)),
      recover: (now) => insist(() => breaker.recover(now)),
    },
  };
}
