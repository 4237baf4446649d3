import { test } from "vitest";
import { killAtRandom } from "../e2e/crash.ts";

test("50 kills at random moments: nothing that was committed is lost, each kill repeats one delivery at most, and nothing above the ceiling arrives", () =>
  killAtRandom(50));
