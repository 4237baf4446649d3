import { existsSync } from "node:fs";
import { expect } from "vitest";
import { eventually } from "../support/eventually.ts";
import { courseOf, type Sample, soak } from "./soak.ts";

/** Pages that stay in the file for what comes next. */
const SPARE_MIB = 0.25;
/** SQLite begins the log beside the file anew once it has a thousand pages. */
const LOG_MIB = 4;

/** Whether there is something to measure by. */
export const HAS_PROC = existsSync("/proc/self/fd");

/** The same recorded session again and again: nothing may grow with it. */
export function expectNoGrowth(rounds: number): Promise<void> {
  return soak("1s", async (service) => {
    const round = async () => {
      await service.send();
      await service.settled();
    };
    await round();
    const first = await service.restart();
    const samples: Sample[] = [];
    let fewest = Number.POSITIVE_INFINITY;
    for (let n = 0; n < rounds; n += 1) {
      await round();
      samples.push(await service.measure());
      const before = fewest;
      await eventually(() => service.handles() <= before); // a command that was answered hangs up a moment later
      fewest = Math.min(fewest, service.handles());
    }
    expect(courseOf(samples, "residentMiB").ratio).toBeLessThan(1.5);
    expect(courseOf(samples, "heapMiB").ratio).toBeLessThan(1.2);
    expect(courseOf(samples, "fileMiB").most).toBeLessThan(LOG_MIB + 2);
    expect(service.requests()).toBeGreaterThan(2 * rounds);

    // What is over its retention is looked for at each start; a service that is stopped at once has not come to it.
    let last = await service.restart();
    for (let n = 0; n < 5 && last.fileMiB > first.fileMiB + SPARE_MIB; n += 1) {
      await round();
      last = await service.restart();
    }
    expect([first.code, last.code]).toEqual([0, 0]);
    expect(last.fileMiB).toBeLessThan(first.fileMiB + SPARE_MIB);
  });
}
