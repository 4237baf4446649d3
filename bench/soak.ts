import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { courseOf, MAX_SIZE_MIB, type Sample, soak } from "../test/e2e/soak.ts";

// Whether anything grows in a day: a frame for each second of it, in minutes. bench/README.md tells how to run it and what
// came out; it ends with 1 when something grows. The counted tests have a short one, test/e2e/soak.test.ts.

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "4" }, frames: { type: "string", default: "86400" } },
});
const SAMPLES = 40;
/** The state file is looked at as often; what comes in meanwhile is beyond its bound. */
const LOOK_EVERY_MS = 60_000;

/** How much the last quarter may have over the second. */
const RATIOS = { residentMiB: 1.15, heapMiB: 1.1, handles: 1 } as const;
const grown: string[] = [];

function print(name: keyof Sample, samples: readonly Sample[], bound: string): void {
  const { means, ratio, most } = courseOf(samples, name);
  const quarters = means.map((mean) => mean.toFixed(1)).join(", ");
  process.stdout.write(
    `${name}: by quarter ${quarters}; 4th over 2nd ${ratio.toFixed(2)}; at most ${most.toFixed(1)} (${bound})\n`,
  );
}

await soak("20s", async (service) => {
  const startedAt = performance.now();
  const samples: Sample[] = [];
  let frames = 0;
  let minuteMiB = 0;
  let rounds = Number.POSITIVE_INFINITY;
  for (let round = 1; round <= rounds; round += 1) {
    const sent = await service.send();
    frames += sent;
    rounds = Math.ceil(Number(values.frames) / sent);
    const everyMs = (Number(values.minutes) * 60_000) / rounds;
    await setTimeout(Math.max(0, startedAt + round * everyMs - performance.now()));
    if (Math.floor((round * SAMPLES) / rounds) > samples.length) {
      samples.push(await service.measure());
    }
    if (performance.now() - startedAt < LOOK_EVERY_MS) {
      minuteMiB = Math.max(minuteMiB, service.fileMiB());
    }
  }
  const minutes = (performance.now() - startedAt) / 60_000;
  process.stdout.write(
    `${frames} frames in ${minutes.toFixed(1)} minutes, ${service.requests()} requests to the webhook\n`,
  );
  for (const name of ["residentMiB", "heapMiB", "handles"] as const) {
    print(name, samples, `good up to ${RATIOS[name]}`);
    if (courseOf(samples, name).ratio > RATIOS[name]) {
      grown.push(name);
    }
  }
  const fileBound = MAX_SIZE_MIB + 1.25 * minuteMiB;
  print("fileMiB", samples, `good up to ${fileBound.toFixed(1)}: max_size and what a minute brings`);
  if (courseOf(samples, "fileMiB").most > fileBound) {
    grown.push("fileMiB");
  }
  const { code } = await service.restart();
  if (code !== 0) {
    grown.push(`the exit code, ${code}`);
  }
});
process.stdout.write(grown.length === 0 ? "Nothing grows.\n" : `Too much: ${grown.join(", ")}\n`);
process.exitCode = grown.length === 0 ? 0 : 1;
