import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { systemClock } from "../src/base/clock.ts";
import { openLog } from "../src/base/log.ts";
import { Wakeup } from "../src/base/wakeup.ts";
import { deliver } from "../src/delivery/deliver.ts";
import { Holds } from "../src/delivery/holds.ts";
import { openDeliveryState } from "../src/delivery/settle.ts";
import { DestinationEntry } from "../src/destinations/index.ts";
import { keysOf, plan, type Rules } from "../src/planning/plan.ts";
import { compileRoutes } from "../src/routing/route.ts";
import { RouteOptions } from "../src/routing/schema.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { attributeOf, publication, uuidOf } from "../test/support/messages.ts";
import { type BenchOptions, bench, type Row } from "./row.ts";

// What a local webhook takes of alerts that are planned while it is told: one publication each, every commit on the disk,
// one request for each; and how long an event of 20,000 attributes takes from the plan to the last of its parts.

/** As a micro-batch of a busy feed. */
const MICRO_BATCH = 50;

function eventOf(n: number) {
  return { id: String(n), uuid: `5f1b2c3d-0000-4000-9000-${String(n).padStart(12, "0")}` };
}

/** A service of one webhook on a state file; `got` counts what arrived. */
async function open(folder: string, concurrency: number) {
  const got = { requests: 0, indicators: 0 };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      got.requests += 1;
      got.indicators += Buffer.concat(chunks).toString().split('"to_ids":true').length - 1;
      response.end();
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const configured = DestinationEntry.parse({
    type: "webhook",
    url: `http://127.0.0.1:${port}/hook`,
    guard: { max_tlp: "amber" },
    concurrency,
  });
  const rules: Rules = {
    routes: compileRoutes([RouteOptions.parse({ name: "all", notify: "hook", group: { interval: "0s" } })]),
    destinations: new Map([["hook", configured]]),
  };
  const store = await openSqliteStore({ path: join(folder, "state.db") });
  const log = openLog("error", { write: () => {} });
  const stop = new AbortController();
  const wakeup = new Wakeup();
  const destination = configured.open({ name: "hook", log, now: Date.now, stdout: process.stdout });
  const running = deliver(
    {
      ...{ store, destination, wakeup, log, clock: systemClock, concurrency, maxAgeMs: 86_400_000 },
      breaker: new Holds(store.ledger).breaker("hook"),
      state: openDeliveryState(Date.now()),
      sending: { guard: configured.guard, routes: rules.routes, links: new Map(), program: true },
      observer: { settled: () => {}, attempted: () => {} },
    },
    stop.signal,
    new AbortController().signal,
  );
  return {
    got,
    async tell(messages: readonly ReturnType<typeof publication>[]) {
      const now = Date.now();
      const { effects } = plan(messages, await store.load(keysOf(messages)), now, rules);
      await store.commit(effects, now);
      wakeup.wake();
    },
    async drained() {
      while ((await store.owed()).length > 0) {
        await setTimeout(2);
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await destination[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      server.closeAllConnections();
      server.close();
    },
  };
}

async function perSecond(concurrency: number, alerts: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "herald-bench-"));
  try {
    await using service = await open(folder, concurrency);
    const startedAt = performance.now();
    for (let from = 0; from < alerts; from += MICRO_BATCH) {
      const length = Math.min(MICRO_BATCH, alerts - from);
      const some = Array.from({ length }, (_, n) => publication({ event: eventOf(from + n) }));
      await service.tell(some);
      await setTimeout(0);
    }
    await service.drained();
    if (service.got.requests !== alerts) {
      throw new Error(`${service.got.requests} requests for ${alerts} alerts`);
    }
    return (alerts / (performance.now() - startedAt)) * 1000;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function secondsForOne(attributes: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "herald-bench-"));
  try {
    await using service = await open(folder, 4);
    const all = Array.from({ length: attributes }, (_, n) => ({ ...attributeOf(String(n)), uuid: uuidOf(String(n)) }));
    const startedAt = performance.now();
    await service.tell([publication({ event: eventOf(1), attributes: all })]);
    await service.drained();
    if (service.got.indicators !== attributes) {
      throw new Error(`${service.got.indicators} of ${attributes} attributes arrived`);
    }
    return (performance.now() - startedAt) / 1000;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure({ smoke, runs }: BenchOptions): Promise<readonly Row[]> {
  const alerts = smoke ? 200 : 5_000;
  const attributes = smoke ? 1_000 : 20_000;
  const figures = { four: [] as number[], one: [] as number[], whole: [] as number[] };
  await perSecond(4, smoke ? 50 : 500);
  for (let run = 0; run < runs; run += 1) {
    figures.four.push(await perSecond(4, alerts));
    figures.one.push(await perSecond(1, alerts / 5));
    figures.whole.push(await secondsForOne(attributes));
  }
  const stream = "one publication each, every commit on the disk";
  return [
    { name: "into a local webhook", stream, unit: "alerts/s", must: "≥ 1000", figures: figures.four },
    { name: "the same with `concurrency: 1`", stream, unit: "alerts/s", must: "", figures: figures.one },
    {
      name: "plan to last part",
      stream: `one event of ${attributes} attributes`,
      unit: "s",
      must: "all arrive",
      figures: figures.whole,
    },
  ];
}

await bench(measure);
