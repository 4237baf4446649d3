import { test } from "vitest";
import { expectNoGrowth, HAS_PROC } from "../e2e/soak-growth.ts";

test.runIf(HAS_PROC)(
  "nothing grows over 24 rounds: no handle stays open, no memory is kept, and what is over its retention leaves the file",
  () => expectNoGrowth(24),
);
