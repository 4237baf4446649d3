import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import type { Shelf } from "./stage.ts";

/** Where a service keeps what it owes, by the name of the store. */
export const SHELVES: Readonly<Record<"memory" | "sqlite", () => Shelf & AsyncDisposable>> = {
  memory: () => ({
    open: async () => openMemoryStore(),
    reopen: async (before) => before,
    async [Symbol.asyncDispose]() {},
  }),
  sqlite: () => {
    const directory = mkdtempSync(join(tmpdir(), "strict-"));
    const path = join(directory, "state.db");
    return {
      open: () => openSqliteStore({ path }),
      async reopen(before) {
        await before[Symbol.asyncDispose]();
        return openSqliteStore({ path });
      },
      async [Symbol.asyncDispose]() {
        rmSync(directory, { recursive: true });
      },
    };
  },
};
