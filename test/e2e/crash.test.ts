import { test } from "vitest";
import { killAtRandom } from "./crash.ts";

// `npm run proof` does it 50 times.
test(
  "3 kills at random moments: nothing that was committed is lost, each kill repeats at most what was under way, and nothing above the ceiling arrives",
  () => killAtRandom(3),
  400_000,
);
