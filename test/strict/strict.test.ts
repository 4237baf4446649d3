import { expect, test } from "vitest";
import { tryHistories } from "./histories.ts";

// `npm run proof` tries more of them, and others each time.
const SEED = 20_261_128;

test.each([
  ["memory", 150],
  ["sqlite", 15],
] as const)(
  "nothing leaves that may not, and nothing is missing that had to leave, whatever comes in whatever order (%s)",
  async (kind, runs) => {
    const { told, outcomes } = await tryHistories(kind, runs, SEED);
    // A guard that tells nothing would pass.
    expect(told).toBeGreaterThan(runs / 4);
    expect([...outcomes]).toContain("sent");
  },
  240_000,
);
