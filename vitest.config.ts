import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Real peers on a machine that others use may stand still for seconds: CI tries such a test once more, and shows that it did.
    retry: process.env.CI ? 1 : 0,
    include: ["test/**/*.test.ts"],
    exclude: ["test/proof/**"],
    // Real sockets and child processes: generous limits, since no test decides anything by how long it took.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    // Most tests wait for a peer, not for a core.
    maxWorkers: 3,
  },
});
