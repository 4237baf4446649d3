import { readdirSync, readFileSync, statSync } from "node:fs";
import { type MessageEvent, WebSocket } from "undici";
import { main } from "../../src/cli/program.ts";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { openScreen } from "../support/screen.ts";
import { openSink, start, workspace } from "./daemon.ts";

/** What the service takes at one moment, after a collection of garbage. */
export interface Sample {
  readonly residentMiB: number;
  readonly heapMiB: number;
  readonly handles: number;
  readonly fileMiB: number;
}

/** One number of all samples in order. */
export interface Course {
  /** Of each quarter. */
  readonly means: readonly number[];
  /** The mean of the last quarter over that of the second: in the first one, V8 and malloc make room. */
  readonly ratio: number;
  readonly most: number;
}

/** The built service, to which the recorded session is sent again and again, each time about other events and later. */
export interface Soak {
  /** Requests that the webhook got. */
  readonly requests: () => number;
  /** Resolves when all that was sent has been read, and nothing is owed any more. */
  settled(): Promise<void>;
  /** Sends the session once more; resolves with how many frames that are. */
  send(): Promise<number>;
  measure(): Promise<Sample>;
  handles(): number;
  /** The state file and its log. */
  fileMiB(): number;
  /** Ends the service by SIGTERM, and starts it anew; resolves with its exit code, and with what the file had in between. */
  restart(): Promise<{ readonly code: number | NodeJS.Signals; readonly fileMiB: number }>;
}

/** In MiB: what the state file loses the oldest beyond. */
export const MAX_SIZE_MIB = 16;

const LINES: readonly { readonly t: number; readonly frame: string }[] = readFileSync(
  new URL("../fixtures/session.jsonl", import.meta.url),
  "utf8",
)
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const FRAMES = LINES.map(({ frame }) => {
  const space = frame.indexOf(" ");
  return { topic: frame.slice(0, space), payload: JSON.parse(frame.slice(space + 1)) };
});

/** The same about other events, now: other UUIDs, ids and times. */
function renewed(value: unknown, round: number, key = ""): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => renewed(item, round, key));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, renewed(item, round, name)]));
  }
  if (typeof value !== "string") {
    return value;
  }
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) {
    return value.slice(0, 24) + round.toString(16).padStart(12, "0");
  }
  if (/^(id|event_id|object_id|attribute_id|model_id)$/.test(key) && /^[1-9]\d*$/.test(value)) {
    return String(Number(value) + round * 1000);
  }
  if (/timestamp$|^date_sighting$/.test(key) && /^1\d{9}$/.test(value)) {
    return String(Math.round(Number(value) - (LINES[0]?.t ?? 0) + Date.now() / 1000));
  }
  return value;
}

/** The mean of the last quarter over that of the second, and what else tells whether a number grows. */
export function courseOf(samples: readonly Sample[], name: keyof Sample): Course {
  const values = samples.map((sample) => sample[name]);
  const means = [0, 1, 2, 3].map((n) => {
    const quarter = values.slice((n * values.length) / 4, ((n + 1) * values.length) / 4);
    return quarter.reduce((sum, value) => sum + value, 0) / quarter.length;
  });
  return { means, ratio: (means[3] ?? 0) / (means[1] ?? 0), most: Math.max(...values) };
}

/** Runs the built service for as long as `work` takes. */
export async function soak<T>(retention: string, work: (soak: Soak) => Promise<T>): Promise<T> {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  using folder = workspace();
  const state = folder.path("state.db");
  const config = folder.write(
    "config.yaml",
    `misp:
  cert: { url: https://misp.example.org, feed: { type: zeromq, endpoints: ["${publisher.endpoint}"] } }
state: { path: ${state}, retention: ${retention}, max_size: ${MAX_SIZE_MIB}MiB }
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
  await using service = await openInspected(config);
  let rounds = 0;
  let sent = 0;
  const status = async () => {
    const screen = openScreen();
    if ((await main(["status", "--json", "-c", config], screen.context)) !== 0) {
      throw new Error(screen.errors());
    }
    return JSON.parse(screen.out());
  };
  const handles = () => readdirSync(`/proc/${service.pid()}/fd`).length;
  const fileMiB = () =>
    [state, `${state}-wal`].reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0) /
    2 ** 20;
  await publisher.subscribed();
  return await work({
    requests: () => sink.received.length,
    handles,
    fileMiB,
    async send() {
      rounds += 1;
      sent += FRAMES.length;
      for (const { topic, payload } of FRAMES) {
        await publisher.send(topic, renewed(payload, rounds));
      }
      return FRAMES.length;
    },
    async settled() {
      const until = Date.now() + 20_000;
      for (;;) {
        const { totals, destinations } = await status();
        if (totals.frames >= sent && destinations[0].owed === 0) {
          return;
        }
        if (Date.now() > until) {
          throw new Error(`Not settled: ${JSON.stringify({ sent, totals, destinations })}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async measure() {
      const heapMiB = await service.heapMiB();
      const [, kib = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.pid()}/status`, "utf8")) ?? [];
      return { residentMiB: Number(kib) / 1024, heapMiB, handles: handles(), fileMiB: fileMiB() };
    },
    async restart() {
      const code = await service.stop();
      const between = { code, fileMiB: fileMiB() };
      await service.start();
      await publisher.subscribed();
      sent = 0; // it counts since its start
      return between;
    },
  });
}

/** The service with its inspector, by which garbage can be collected. */
async function openInspected(config: string) {
  const run = async () => {
    const daemon = start(["run", "-c", config], { NODE_OPTIONS: "--inspect=127.0.0.1:0" });
    const socket = new WebSocket(await eventually(() => /ws:\/\/\S+/.exec(daemon.stderr())?.[0]));
    await new Promise((opened) => socket.addEventListener("open", opened, { once: true }));
    return { daemon, socket };
  };
  let { daemon, socket } = await run();
  let asked = 0;
  const ask = (method: string): Promise<{ readonly usedSize?: number }> => {
    asked += 1;
    const id = asked;
    return new Promise((resolve) => {
      const listen = ({ data }: MessageEvent) => {
        const answer = JSON.parse(String(data));
        if (answer.id !== id) {
          return;
        }
        socket.removeEventListener("message", listen);
        resolve(answer.result);
      };
      socket.addEventListener("message", listen);
      socket.send(JSON.stringify({ id, method }));
    });
  };
  return {
    pid: () => daemon.pid,
    /** What is alive on the JavaScript heap. */
    async heapMiB() {
      await ask("HeapProfiler.collectGarbage");
      const { usedSize = 0 } = await ask("Runtime.getHeapUsage");
      return usedSize / 2 ** 20;
    },
    stop() {
      socket.close();
      return daemon.stop("SIGTERM");
    },
    async start() {
      ({ daemon, socket } = await run());
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await daemon[Symbol.asyncDispose]();
    },
  };
}
