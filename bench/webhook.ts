import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { XPublisher } from "zeromq";
import { type BenchOptions, bench, type Row } from "./row.ts";

// What a local webhook takes from the built program: publications of other events as fast as they can be sent, one request
// for each, every commit on the disk; and how long an event of 20,000 attributes takes from the feed to the last of its parts.
// The publisher, the webhook and the program are processes of their own.

const ROOT = join(import.meta.dirname, import.meta.dirname.includes("build") ? "../../.." : "..");
/** The program that is measured; the variable names another build, to compare the two. */
const PROGRAM = process.env.MISP_HERALD ?? join(ROOT, "dist/main.js");
const EVENT = JSON.parse(readFileSync(join(ROOT, "test/fixtures/frames/misp_json--publish-first-time.json"), "utf8"))
  .payload.Event;
const TICKS_PER_SECOND = 100;
/** Before anything is counted the program compiles what it often does. */
const WARM_UP = 500;

const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

function publication(n: number, attributes: readonly object[] = EVENT.Attribute.slice(0, 1)): string {
  const event = { ...EVENT, id: String(1_000_000 + n), uuid: uuidOf(n), Attribute: attributes, Object: [] };
  return `misp_json ${JSON.stringify({ Event: event })}`;
}

/** The program that tells a webhook of each publication. */
async function open(concurrency: number) {
  const folder = mkdtempSync(join(tmpdir(), "herald-bench-"));
  const sink = fork(new URL(import.meta.url.endsWith(".ts") ? "./sink.ts" : "./sink.js", import.meta.url));
  const [port] = await once(sink, "message");
  const publisher = new XPublisher({ linger: 0, sendHighWaterMark: 0 });
  await publisher.bind("tcp://127.0.0.1:*");
  const guard = { max_tlp: "red" };
  const config = {
    misp: { cert: { url: "https://misp.example.org", feed: { type: "zeromq", endpoints: [publisher.lastEndpoint] } } },
    state: { path: join(folder, "state.db") },
    control: join(folder, "control.sock"),
    log: { level: "error" },
    destinations: { hook: { type: "webhook", url: `http://127.0.0.1:${port}/`, guard, concurrency } },
    routes: [{ name: "all", notify: "hook", group: { interval: "0s" } }],
  };
  writeFileSync(join(folder, "config.yaml"), JSON.stringify(config));
  const args = [PROGRAM, "run", "-c", join(folder, "config.yaml")];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  const gone = once(child, "exit").then(() => {
    throw new Error("The program has ended");
  });
  await Promise.race([publisher.receive(), gone]);
  await setTimeout(500);
  const got = async (): Promise<{ readonly requests: number; readonly indicators: number }> => {
    sink.send("got");
    const [answer] = await once(sink, "message");
    return answer;
  };
  return {
    got,
    /** Resolves when so many requests have arrived. */
    async arrived(requests: number) {
      while ((await got()).requests < requests) {
        if (child.exitCode !== null) {
          throw new Error("The program has ended");
        }
        await setTimeout(5);
      }
    },
    async tell(from: number, to: number) {
      for (let n = from; n < to; n += 1) {
        await publisher.send(publication(n));
      }
    },
    send: (frame: string) => publisher.send(frame),
    /** Of all its threads, in seconds. */
    cpu() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      publisher.close();
      sink.disconnect();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function sustained(concurrency: number, alerts: number) {
  await using program = await open(concurrency);
  await program.tell(0, WARM_UP);
  await program.arrived(WARM_UP);
  const [startedAt, cpu] = [performance.now(), program.cpu()];
  await program.tell(WARM_UP, WARM_UP + alerts);
  await program.arrived(WARM_UP + alerts);
  const seconds = (performance.now() - startedAt) / 1000;
  const { requests } = await program.got();
  if (requests !== WARM_UP + alerts) {
    throw new Error(`${requests} requests for ${WARM_UP + alerts} alerts`);
  }
  return { perSecond: alerts / seconds, cpuMs: ((program.cpu() - cpu) / alerts) * 1000 };
}

async function secondsForOne(count: number): Promise<number> {
  await using program = await open(4);
  const attributes = Array.from({ length: count }, (_, n) => ({
    ...EVENT.Attribute[0],
    id: String(n + 1),
    uuid: uuidOf(50_000_000 + n),
    value: `host-${n}.example`,
    to_ids: true,
  }));
  const frame = publication(1, attributes);
  const startedAt = performance.now();
  await program.send(frame);
  for (let arrived = 0; arrived < count; arrived = (await program.got()).indicators) {
    await setTimeout(5);
  }
  const { indicators } = await program.got();
  if (indicators !== count) {
    throw new Error(`${indicators} of ${count} attributes arrived`);
  }
  return (performance.now() - startedAt) / 1000;
}

async function measure({ smoke, runs }: BenchOptions): Promise<readonly Row[]> {
  const alerts = smoke ? 100 : 3_000;
  const attributes = smoke ? 1_000 : 20_000;
  const figures = { four: [] as number[], cpu: [] as number[], one: [] as number[], whole: [] as number[] };
  for (let run = 0; run < runs; run += 1) {
    const { perSecond, cpuMs } = await sustained(4, alerts);
    figures.four.push(perSecond);
    figures.cpu.push(cpuMs);
    figures.one.push((await sustained(1, Math.ceil(alerts / 5))).perSecond);
    figures.whole.push(await secondsForOne(attributes));
  }
  const stream = "one publication each, every commit on the disk";
  return [
    { name: "into a local webhook", stream, unit: "alerts/s", must: "≥ 1000", figures: figures.four },
    {
      name: "CPU of that, all threads, from frame to record",
      stream,
      unit: "ms/alert",
      must: "",
      figures: figures.cpu,
    },
    { name: "the same with `concurrency: 1`", stream, unit: "alerts/s", must: "", figures: figures.one },
    {
      name: "frame to last part",
      stream: `one event of ${attributes} attributes`,
      unit: "s",
      must: "all arrive",
      figures: figures.whole,
    },
  ];
}

await bench(measure);
