import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Ledger } from "../../src/model/ledger.ts";
import type { Store } from "../../src/model/outbox.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";

type OpenStore = () => Promise<Store & { readonly ledger: Ledger }>;

/** Every store by its name; what it opens is gone when the test has finished. */
export const STORES: readonly (readonly [string, OpenStore])[] = [
  ["memory", async () => openMemoryStore()],
  [
    "sqlite",
    async () => {
      const directory = await mkdtemp(join(tmpdir(), "herald-planning-"));
      const store = await openSqliteStore({ path: join(directory, "state.db") });
      onTestFinished(async () => {
        await store[Symbol.asyncDispose]();
        await rm(directory, { recursive: true, force: true });
      });
      return store;
    },
  ],
];
