import type { Insist } from "../base/insist.ts";
import type { Store } from "../model/outbox.ts";

/** What plans are made and committed with. */
export type PlanningStore = Pick<Store, "load" | "commit" | "undecided" | "cursor" | "asking" | "unconfirmed">;

/** A store that is not given up on a disk that is full for a while: whoever needs it waits. */
export function patient(store: PlanningStore, insist: Insist): PlanningStore {
  return {
    load: (keys) => insist(() => store.load(keys)),
    commit: (effects, now) => insist(() => store.commit(effects, now)),
    undecided: (...args) => insist(() => store.undecided(...args)),
    cursor: (instance) => insist(() => store.cursor(instance)),
    unconfirmed: (...args) => insist(() => store.unconfirmed(...args)),
    asking: (instance) => insist(() => store.asking(instance)),
  };
}
