import { defineConfig } from "vitest/config";

/** What takes minutes and is run before a release: `npm run proof`. */
export default defineConfig({
  test: {
    include: ["test/proof/**/*.test.ts"],
    testTimeout: 600_000,
    hookTimeout: 60_000,
    pool: "forks",
    // Their figures mean something only when nothing else runs.
    maxWorkers: 1,
    fileParallelism: false,
  },
});
