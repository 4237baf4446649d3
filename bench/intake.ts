import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Subscriber } from "zeromq";
import { absorb, openWakeups } from "../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../src/absorbing/observer.ts";
import { quietFrames } from "../src/absorbing/quiet.ts";
import { systemClock } from "../src/base/clock.ts";
import { openLog } from "../src/base/log.ts";
import { Guard } from "../src/guard/policy.ts";
import type { Rules } from "../src/planning/plan.ts";
import { compileRoutes } from "../src/routing/route.ts";
import { RouteOptions } from "../src/routing/schema.ts";
import { Feed } from "../src/sources/index.ts";
import { openMemoryStore } from "../src/store/memory/store.ts";
import { decode } from "../src/topics/index.ts";
import { needlessWithout } from "../src/topics/needless.ts";
import { type BenchOptions, bench, type Row } from "./row.ts";

// What it costs to take in the feed: a publisher in a process of its own sends as fast as it can, and once a bare loop that
// receives and parses reads it, once the source with decoding and planning behind it. Frames per second over frames per
// second, in turns of one run; the Python loop is there where python3-zmq is.

const ROOT = join(import.meta.dirname, import.meta.dirname.includes("build") ? "../../.." : "..");
const ROUTES = 1_000;

/** 1,000 routes for publications, as most configurations have: none is about what the streams say. */
function rules(kinds: readonly string[]): Rules {
  const routes = Array.from({ length: ROUTES }, (_, n) =>
    RouteOptions.parse({ name: `r${n}`, kinds, match: { org: `Customer ${n}` }, notify: "soc" }),
  );
  const guard = Guard.parse({ max_tlp: "amber" });
  return { routes: compileRoutes(routes), destinations: new Map([["soc", { guard, repeats: "changed" }]]) };
}

const sample = (name: string): string => {
  const { topic, payload } = JSON.parse(readFileSync(join(ROOT, `test/fixtures/frames/${name}.json`), "utf8"));
  return `${topic} ${JSON.stringify(payload)}`;
};

const PUBLICATION = JSON.parse(
  readFileSync(join(ROOT, "test/fixtures/frames/misp_json--publish-first-time.json"), "utf8"),
);

/** Publications of 200 events in turn, every `hit`-th by a creator whom a route asks for. */
function publicationsOf(hit: number): readonly string[] {
  return Array.from({ length: 200 }, (_, n) => {
    const { Event } = PUBLICATION.payload;
    const name = n % hit === 0 ? `Customer ${n}` : "Somebody else";
    const uuid = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
    const one = { ...Event, id: String(n + 1), uuid, Orgc: { ...Event.Orgc, name } };
    return `${PUBLICATION.topic} ${JSON.stringify({ ...PUBLICATION.payload, Event: one })}`;
  });
}

/** Each has what a publisher sends over and over. */
const STREAMS: readonly {
  readonly name: string;
  readonly frames: readonly string[];
  readonly kinds: readonly string[];
}[] = [
  {
    name: "frames that nobody wants (audit, new objects, keep-alives)",
    frames: ["misp_json_audit--classic-log-publish", "misp_json_object--add", "misp_json_self--keepalive"].map(sample),
    kinds: ["event.published"],
  },
  {
    name: "attribute frames that match nothing",
    frames: [sample("misp_json_attribute--add")],
    kinds: ["event.published", "attribute.*"],
  },
  {
    name: "publications that match nothing",
    frames: [sample("misp_json--publish-first-time")],
    kinds: ["event.published"],
  },
  { name: "publications of which 1 % match", frames: publicationsOf(100), kinds: ["event.published"] },
  { name: "publications that all match", frames: publicationsOf(1), kinds: ["event.published"] },
  {
    name: "the recorded mix",
    frames: readFileSync(join(ROOT, "test/fixtures/session.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).frame),
    kinds: ["event.published"],
  },
];

/** Sends `count` frames once somebody has subscribed, and ends. */
const PUBLISHER = `
const [zeromq, file, count] = process.argv.slice(1);
const { XPublisher } = require(zeromq);
const frames = JSON.parse(require("node:fs").readFileSync(file, "utf8"));
(async () => {
  const socket = new XPublisher({ linger: -1, sendHighWaterMark: 0 });
  await socket.bind("tcp://127.0.0.1:*");
  console.log(socket.lastEndpoint);
  await socket.receive();
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (let n = 0; n < count; n++) await socket.send(frames[n % frames.length]);
  process.stdin.once("data", () => process.exit());
})();
`;

/** Reads until it has `count`, or nothing has come for a while; gives how many, and the seconds from the first to the last. */
type Reader = (endpoint: string, count: number) => Promise<{ readonly received: number; readonly seconds: number }>;

/** Measures from the first frame to the last. */
class Stopwatch {
  received = 0;
  #first = 0;
  #last = 0;

  add(count: number): void {
    this.#last = performance.now();
    this.#first ||= this.#last;
    this.received += count;
  }

  /** Resolves when all are there, or nothing has come for 5 s. */
  async done(count: number): Promise<void> {
    const isStill = () => this.#last > 0 && performance.now() - this.#last > 5_000;
    while (this.received < count && !isStill()) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  get seconds(): number {
    return (this.#last - this.#first) / 1000;
  }
}

const bare: Reader = async (endpoint, count) => {
  const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  socket.subscribe("");
  socket.connect(endpoint);
  const watch = new Stopwatch();
  const reading = (async () => {
    for await (const [frame] of socket) {
      const at = frame?.indexOf(0x20) ?? 0;
      JSON.parse(String(frame?.subarray(at + 1)));
      watch.add(1);
    }
  })();
  await watch.done(count);
  socket.close();
  await reading;
  return { received: watch.received, seconds: watch.seconds };
};

const intake =
  (kinds: readonly string[]): Reader =>
  async (endpoint, count) => {
    const source = Feed.parse({ type: "zeromq", endpoints: [endpoint], queue: "512MiB" }).open({
      instance: "bench",
      log: openLog("silent"),
      now: Date.now,
    });
    const planned = rules(kinds);
    const wanted = [...planned.routes].filter(([, table]) => table.routes.length > 0).map(([kind]) => kind);
    source.spare(needlessWithout(new Set(wanted)));
    const planner = {
      ...{ store: openMemoryStore(), rules: planned, clock: systemClock, wakeups: openWakeups() },
      observer: UNOBSERVED,
    };
    const stop = new AbortController();
    const watch = new Stopwatch();
    let spared = 0;
    const reading = (async () => {
      for await (const frames of source.frames(stop.signal)) {
        const decoded = frames.flatMap((frame) => {
          const message = decode(frame);
          return message ? { message, frame } : [];
        });
        const messages = decoded.map(({ message }) => message);
        const traces = await absorb(messages, planner);
        source.quiet?.(quietFrames(decoded, traces, planned));
        watch.add(frames.length);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    // What is spared never comes here: the thread says how many it has counted.
    const counting = setInterval(() => {
      const now = Object.values(source.status().skipped).reduce((sum, n) => sum + n, 0);
      if (now > spared) {
        watch.add(now - spared);
        spared = now;
      }
    }, 5);
    await watch.done(count);
    clearInterval(counting);
    stop.abort();
    await reading;
    return { received: watch.received, seconds: watch.seconds };
  };

const PYTHON_LOOP = `
import json, sys, time, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.rcvhwm = 0
socket.subscribe(b"")
socket.rcvtimeo = 5000
socket.connect(sys.argv[1])
count, received, first, last = int(sys.argv[2]), 0, 0, 0
try:
    while received < count:
        topic, payload = socket.recv().split(b" ", 1)
        json.loads(payload)
        last = time.monotonic()
        first = first or last
        received += 1
except zmq.Again:
    pass
print(json.dumps({"received": received, "seconds": last - first}))
`;

function findPython(): string | undefined {
  return ["python3", "/usr/bin/python3"].find((python) => {
    try {
      execFileSync(python, ["-c", "import zmq"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

const python =
  (program: string): Reader =>
  async (endpoint, count) => {
    const child = spawn(program, ["-c", PYTHON_LOOP, endpoint, String(count)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(createInterface(child.stdout), "line");
    return JSON.parse(String(line));
  };

/** Frames per second that `reader` takes in. */
async function rate(frames: readonly string[], count: number, reader: Reader): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "intake-"));
  const file = join(folder, "frames.json");
  writeFileSync(file, JSON.stringify(frames));
  const zeromq = createRequire(import.meta.url).resolve("zeromq");
  const child = spawn(process.execPath, ["-e", PUBLISHER, zeromq, file, String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const [endpoint] = await once(createInterface(child.stdout), "line");
    const { received, seconds } = await reader(String(endpoint), count);
    if (received < count) {
      process.stderr.write(`${count - received} of ${count} frames did not arrive\n`);
    }
    // Few frames come in one turn: a smoke run says nothing, but it says it in numbers.
    return received / Math.max(seconds, 1e-6);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure({ smoke, runs }: BenchOptions): Promise<readonly Row[]> {
  const found = findPython();
  const rows: Row[] = [];
  for (const { name, frames, kinds } of STREAMS) {
    const count = smoke ? 300 : 50_000;
    const overNode: number[] = [];
    const overPython: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const ours = await rate(frames, count, intake(kinds));
      overNode.push(ours / (await rate(frames, count, bare)));
      if (found) {
        overPython.push(ours / (await rate(frames, count, python(found))));
      }
    }
    const what = "intake, 1,000 routes, ÷";
    rows.push({
      name: `${what} bare receive + JSON.parse`,
      stream: name,
      must: "≥ 0.85",
      figures: overNode,
      unit: "×",
    });
    if (found) {
      rows.push({ name: `${what} bare pyzmq + json`, stream: name, must: "≥ 1.0", figures: overPython, unit: "×" });
    }
  }
  return rows;
}

await bench(measure);
