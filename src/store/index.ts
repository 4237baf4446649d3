import type { Ledger } from "../model/ledger.ts";
import type { Store } from "../model/outbox.ts";
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
