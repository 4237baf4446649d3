import type { Ledger } from "../model/ledger.ts";
import type { Store } from "../model/outbox.ts";
import type { StoreClock } from "./clock-watch.ts";
import { openMemoryStore } from "./memory/store.ts";
import type { Size } from "./size.ts";
import { openSqliteStore } from "./sqlite/store.ts";

/** A store with the side that people use. */
export type OpenStore = Store & { readonly ledger: Ledger };

/** A store that outlives the process, and must be kept in bounds. */
export type DurableStore = OpenStore & { readonly size: Size };

/** Where what is owed is kept, by name: one line per store that outlives the process. Whoever opens one disposes of it. */
export const STORES = { sqlite: openSqliteStore } as const satisfies Record<
  string,
  (options: { readonly path: string; readonly clock?: StoreClock }) => Promise<DurableStore>
>;

/** The store that a configuration names. This is the one place where a store is chosen. */
export function openStore({ state }: { readonly state: { readonly path: string } }, clock?: StoreClock) {
  return STORES.sqlite({ path: state.path, clock });
}

/** A store that lasts as long as what uses it, for rehearsals of what would happen. */
export function openScratchStore(): OpenStore {
  return openMemoryStore();
}
