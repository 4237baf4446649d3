import { test } from "vitest";
import { killAtRandom } from "../e2e/crash.ts";

test("50 kills at random moments: nothing that was committed is lost, each kill repeats at most what was under way, and nothing above the ceiling arrives", () =>
  killAtRandom(50));
