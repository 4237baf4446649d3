import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { configOf, openSink, start, workspace } from "../test/e2e/daemon.ts";
import { eventually } from "../test/support/eventually.ts";
import { openPublisher } from "../test/support/publisher.ts";

// Whether memory grows with the number of frames: the built service reads rounds of recorded frames at full speed, each
// publication being of another event, and tells a webhook. bench/README.md tells how to run it and what came out.

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    frames: { type: "string", default: "10000" },
    every: { type: "string", default: "20" },
  },
});
const rounds = Number(values.rounds);
const frames = Number(values.frames);
/** One frame of so many is a publication, and is told. */
const every = Number(values.every);

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../test/fixtures/frames/${name}.json`, import.meta.url), "utf8"));
const attribute = fixture("misp_json_attribute--add");
const publication = fixture("misp_json--publish-first-time");

await using publisher = await openPublisher();
await using sink = await openSink();
using folder = workspace();
const config = folder.write("config.yaml", configOf(publisher.endpoint, sink.url, folder.path("state.db")));
await using daemon = start(["run", "-c", config]);
await publisher.subscribed();

const residentMiB = () => {
  const [, kib = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
};

let events = 0;
const resident: number[] = [];
for (let round = 1; round <= rounds; round += 1) {
  const startedAt = performance.now();
  for (let n = 1; n <= frames; n += 1) {
    if (n % every !== 0) {
      await publisher.send(attribute.topic, attribute.payload);
    } else {
      events += 1;
      const uuid = `00000000-0000-4000-8000-${String(events).padStart(12, "0")}`;
      await publisher.send("misp_json", { Event: { ...publication.payload.Event, id: String(events), uuid } });
    }
  }
  await eventually(() => sink.received.length >= events, 300_000);
  resident.push(residentMiB());
  const seconds = (performance.now() - startedAt) / 1000;
  process.stdout.write(
    `round ${round}: ${frames} frames, ${sink.received.length} of ${events} told so far, ${seconds.toFixed(1)} s, ` +
      `resident ${residentMiB().toFixed(0)} MiB, ${(residentMiB() / (resident[0] ?? 1)).toFixed(2)} of the first round\n`,
  );
}
const half = resident.slice(Math.floor(rounds / 2));
process.stdout.write(`last half: ${(Math.max(...half) / Math.min(...half)).toFixed(2)} between lowest and highest\n`);
await daemon.stop("SIGTERM");
