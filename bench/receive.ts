import { parseArgs } from "node:util";
import { Subscriber } from "zeromq";
import { openLog } from "../src/base/log.ts";
import { Feed } from "../src/sources/index.ts";
import { openPublisherProcess, type Step } from "../test/support/publisher-process.ts";

// What a busy main thread costs: the same publisher, once read by a socket in the main thread, once by the source.
// bench/README.md tells how to run it and what came out.

const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, count: { type: "string", default: "10000" } },
});
const runs = Number(values.runs);
const count = Number(values.count);
const BLOCKED_MS = 1000;
const SETTLED_MS = 1500;

interface Design {
  readonly name: string;
  /** Starts to receive from `endpoint`; `count` tells how many frames of the run came. */
  open(endpoint: string): { count(): number; close(): Promise<void> };
}

const IN_THREAD: Design = {
  name: "main thread, HWM 0",
  open(endpoint) {
    const socket = new Subscriber({
      linger: 0,
      receiveHighWaterMark: 0,
      reconnectInterval: 100,
      reconnectMaxInterval: 5000,
    });
    socket.subscribe("");
    socket.connect(endpoint);
    let received = 0;
    const reading = (async () => {
      for await (const _ of socket) {
        received++;
      }
    })();
    return {
      count: () => received,
      async close() {
        socket.close();
        await reading;
      },
    };
  },
};

const SOURCE: Design = {
  name: "source (worker)",
  open(endpoint) {
    const source = Feed.parse({ type: "zeromq", endpoints: [endpoint] }).open({
      instance: "bench",
      log: openLog("silent"),
      now: Date.now,
    });
    const stop = new AbortController();
    let received = 0;
    const reading = (async () => {
      for await (const batch of source.frames(stop.signal)) {
        received += batch.length;
      }
    })();
    return {
      count: () => received,
      async close() {
        stop.abort();
        await reading;
      },
    };
  },
};

const send = (bytes: number): Step => ({ do: "send", topic: "misp_json_attribute", count, bytes });
const CASES: readonly { readonly name: string; readonly blocked: boolean; readonly steps: readonly Step[] }[] = [
  { name: "idle, 1 kB", blocked: false, steps: [send(1000)] },
  { name: "blocked 1 s, burst, 1 kB", blocked: true, steps: [{ do: "wait", ms: 100 }, send(1000)] },
  { name: "blocked 1 s, burst, 5 kB", blocked: true, steps: [{ do: "wait", ms: 100 }, send(5000)] },
  {
    // mispzmq.py binds, and drains its backlog some time later, whoever is there.
    name: "blocked 1 s, restart, then 1 kB",
    blocked: true,
    steps: [{ do: "wait", ms: 100 }, { do: "restart", downMs: 50 }, { do: "await-subscriber", ms: 600 }, send(1000)],
  },
];

for (const { name, blocked, steps } of CASES) {
  for (const design of [IN_THREAD, SOURCE]) {
    const received: number[] = [];
    const tookMs: number[] = [];
    for (let run = 0; run < runs; run++) {
      await using publisher = await openPublisherProcess(steps);
      const reader = design.open(publisher.endpoint);
      await publisher.subscribed();
      const startedAt = performance.now();
      publisher.go();
      if (blocked) {
        while (performance.now() < startedAt + BLOCKED_MS) {}
      }
      await publisher.done();
      let lastAt = performance.now();
      for (let before = -1; reader.count() < count && performance.now() < lastAt + SETTLED_MS; ) {
        if (reader.count() !== before) {
          lastAt = performance.now();
        }
        before = reader.count();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      received.push(reader.count());
      tookMs.push(lastAt - startedAt);
      await reader.close();
    }
    const worst = Math.min(...received);
    const median = tookMs.sort((a, b) => a - b)[Math.floor(runs / 2)] ?? 0;
    process.stdout.write(
      `${name.padEnd(34)}${design.name.padEnd(22)}sent ${count}, received ${received.join(" ")}; ` +
        `worst ratio ${(worst / count).toFixed(3)}; median ${median.toFixed(0)} ms\n`,
    );
  }
}
