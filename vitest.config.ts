import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Real sockets and child processes: generous limits, since no test decides anything by how long it took.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: "forks",
  },
});
