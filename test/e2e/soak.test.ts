import { test } from "vitest";
import { expectNoGrowth, HAS_PROC } from "./soak-growth.ts";

if (!HAS_PROC) {
  process.stdout.write("soak.test.ts: nothing is measured, because there is no /proc\n");
}

// `npm run proof` does it longer.
test.runIf(HAS_PROC)(
  "nothing grows with the number of events: no handle stays open, no memory is kept, and what is over its retention leaves the file",
  () => expectNoGrowth(4),
  120_000,
);
