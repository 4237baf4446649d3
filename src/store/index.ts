import type { Ledger, Store } from "../model/model.ts";
import { openMemoryStore } from "./memory/store.ts";
import { openSqliteStore } from "./sqlite/store.ts";

/** Where what is owed is kept, by name: one line per store. Whoever opens one disposes of it. */
export const STORES = {
  sqlite: openSqliteStore,
  memory: async () => openMemoryStore(),
} as const satisfies Record<
  string,
  (options: { readonly path: string }) => Promise<Store & { readonly ledger: Ledger }>
>;
