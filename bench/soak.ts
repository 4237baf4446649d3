import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openSink, start, workspace } from "../test/e2e/daemon.ts";
import { eventually } from "../test/support/eventually.ts";
import { openPublisher } from "../test/support/publisher.ts";

// Whether anything grows in a day: the recorded session again and again, each time about other events and later, a frame for
// each second of the day, in minutes. bench/README.md tells how to run it and what came out.

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "4" }, frames: { type: "string", default: "86400" } },
});
const lines = readFileSync(new URL("../test/fixtures/session.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n");
const frames = lines.map((line) => {
  const { frame } = JSON.parse(line);
  const space = frame.indexOf(" ");
  return { topic: frame.slice(0, space), payload: JSON.parse(frame.slice(space + 1)) };
});
const recordedAtS = JSON.parse(lines[0] ?? "").t;
const rounds = Math.ceil(Number(values.frames) / frames.length);
const everyMs = (Number(values.minutes) * 60_000) / rounds;
const SAMPLES = 40;

/** The same about other events, now: other UUIDs, ids and times. */
function renewed(value: unknown, round: number, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => renewed(item, round, key));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, renewed(item, round, name)]));
  if (typeof value !== "string") return value;
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value))
    return value.slice(0, 24) + round.toString(16).padStart(12, "0");
  if (/^(id|event_id|object_id|attribute_id|model_id)$/.test(key) && /^[1-9]\d*$/.test(value))
    return String(Number(value) + round * 1000);
  if (/timestamp$|^date_sighting$/.test(key) && /^1\d{9}$/.test(value))
    return String(Math.round(Number(value) - recordedAtS + Date.now() / 1000));
  return value;
}

await using publisher = await openPublisher();
await using sink = await openSink();
using folder = workspace();
const state = folder.path("state.db");
const config = folder.write(
  "config.yaml",
  `misp:
  cert: { url: https://misp.example.org, feed: { type: zeromq, endpoints: ["${publisher.endpoint}"] } }
state: { path: ${state}, retention: 20s, max_size: 16MiB }
control: ${state}.sock
log: { level: error }
destinations:
  hook:
    type: webhook
    url: "${sink.url}"
    guard: { max_tlp: red, drafts: true, also: [users, audit, organisations, discussions, warninglists, workflows, tags] }
routes:
  - { name: all, kinds: ["*"], notify: hook, group: { interval: 1s } }
`,
);
await using daemon = start(["run", "-c", config], { NODE_OPTIONS: "--inspect=127.0.0.1:0" });
const inspector = await eventually(() => /ws:\/\/\S+/.exec(daemon.stderr())?.[0]);
const socket = new WebSocket(inspector);
await new Promise((opened) => socket.addEventListener("open", opened, { once: true }));
let asked = 0;

function ask(method: string): Promise<{ readonly usedSize?: number }> {
  const id = ++asked;
  return new Promise((resolve) => {
    const listen = ({ data }: MessageEvent) => {
      const answer = JSON.parse(String(data));
      if (answer.id !== id) return;
      socket.removeEventListener("message", listen);
      resolve(answer.result);
    };
    socket.addEventListener("message", listen);
    socket.send(JSON.stringify({ id, method }));
  });
}

interface Sample {
  readonly residentMiB: number;
  readonly heapMiB: number;
  readonly handles: number;
  readonly fileMiB: number;
}

async function measure(): Promise<Sample> {
  await ask("HeapProfiler.collectGarbage");
  const { usedSize = 0 } = await ask("Runtime.getHeapUsage");
  const [, kib = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8")) ?? [];
  return {
    residentMiB: Number(kib) / 1024,
    heapMiB: usedSize / 2 ** 20,
    handles: readdirSync(`/proc/${daemon.pid}/fd`).length,
    fileMiB: (statSync(state).size + statSync(`${state}-wal`).size) / 2 ** 20,
  };
}

await publisher.subscribed();
const samples: Sample[] = [];
const startedAt = performance.now();
for (let round = 1; round <= rounds; round += 1) {
  for (const { topic, payload } of frames) await publisher.send(topic, renewed(payload, round));
  await setTimeout(Math.max(0, startedAt + round * everyMs - performance.now()));
  if (Math.floor((round * SAMPLES) / rounds) > samples.length) samples.push(await measure());
}
const minutes = (performance.now() - startedAt) / 60_000;
process.stdout.write(
  `${rounds * frames.length} frames in ${minutes.toFixed(1)} minutes, ${sink.received.length} requests to the webhook\n`,
);
const quarters = [0, 1, 2, 3].map((n) => samples.slice((n * SAMPLES) / 4, ((n + 1) * SAMPLES) / 4));
for (const name of ["residentMiB", "heapMiB", "handles", "fileMiB"] as const) {
  const means = quarters.map((quarter) => quarter.reduce((sum, sample) => sum + sample[name], 0) / quarter.length);
  const ratios = means.slice(1).map((mean, index) => (mean / (means[index] ?? 1)).toFixed(2));
  const most = Math.max(...samples.map((sample) => sample[name]));
  process.stdout.write(
    `${name}: by quarter ${means.map((mean) => mean.toFixed(1)).join(", ")}; ratios ${ratios.join(", ")}; at most ${most.toFixed(1)}\n`,
  );
}
socket.close();
process.stdout.write(`exit: ${await daemon.stop("SIGTERM")}\n`);
