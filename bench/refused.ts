import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { systemClock } from "../src/base/clock.ts";
import { openLog } from "../src/base/log.ts";
import { Wakeup } from "../src/base/wakeup.ts";
import { deliver } from "../src/delivery/deliver.ts";
import { Holds } from "../src/delivery/holds.ts";
import { openDeliveryState } from "../src/delivery/settle.ts";
import { Guard } from "../src/guard/policy.ts";
import type { Destination } from "../src/model/payload.ts";
import { keysOf, plan, type Rules } from "../src/planning/plan.ts";
import { compileRoutes } from "../src/routing/route.ts";
import { RouteOptions } from "../src/routing/schema.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { publication } from "../test/support/messages.ts";
import { type BenchOptions, bench, type Row } from "./row.ts";

// What others wait for while a destination owes thousands that a stricter guard, as after a reload, refuses one by one.

const MICRO_BATCH = 50;
const EVERY_MS = 100;

const eventOf = (n: number) => ({ id: String(n), uuid: `5f1b2c3d-0000-4000-9000-${String(n).padStart(12, "0")}` });

function rulesFor(name: string): Rules {
  return {
    routes: compileRoutes([RouteOptions.parse({ name: "all", notify: name, group: { interval: "0s" } })]),
    destinations: new Map([[name, { guard: Guard.parse({ max_tlp: "red" }), repeats: "changed" }]]),
  };
}

/** From plan to arrival at another destination, in ms, each time until all that is refused is over. */
async function waits(owed: number): Promise<readonly number[]> {
  const folder = mkdtempSync(join(tmpdir(), "herald-bench-"));
  const stop = new AbortController();
  try {
    await using store = await openSqliteStore({ path: join(folder, "state.db") });
    const tell = async (name: string, messages: readonly ReturnType<typeof publication>[]) => {
      const now = Date.now();
      const { effects } = plan(messages, await store.load(keysOf(messages)), now, rulesFor(name));
      await store.commit(effects, now);
    };
    for (let from = 0; from < owed; from += MICRO_BATCH) {
      const some = Array.from({ length: Math.min(MICRO_BATCH, owed - from) }, (_, n) => eventOf(from + n));
      await tell(
        "strict",
        some.map((event) => publication({ event })),
      );
    }
    let arrivedAt: number | undefined;
    const run = (name: string, guard: Guard) => {
      const destination: Destination = {
        name,
        send: async () => {
          arrivedAt = performance.now();
          return { kind: "done" };
        },
        preview: async () => ({ body: "", sizes: [], trimmed: [], html: "" }),
        async [Symbol.asyncDispose]() {},
      };
      const wakeup = new Wakeup();
      const { routes } = rulesFor(name);
      const log = openLog("error", { write: () => {} });
      const running = deliver(
        {
          ...{ store, destination, wakeup, log, clock: systemClock, maxAgeMs: 86_400_000 },
          breaker: new Holds(store.ledger).breaker(name),
          state: openDeliveryState(Date.now()),
          sending: { guard, routes, links: new Map() },
          observer: { settled: () => {}, attempted: () => {} },
        },
        stop.signal,
        new AbortController().signal,
      );
      return { wakeup, running };
    };
    const strict = run("strict", Guard.parse({ max_tlp: "clear" }));
    const other = run("other", Guard.parse({ max_tlp: "red" }));
    const figures: number[] = [];
    const isRefusing = async () => (await store.owed()).some(({ destination }) => destination === "strict");
    for (let n = owed; figures.length === 0 || (await isRefusing()); n += 1) {
      arrivedAt = undefined;
      const askedAt = performance.now();
      await tell("other", [publication({ event: eventOf(n) })]);
      other.wakeup.wake();
      while (arrivedAt === undefined) {
        await setTimeout(1);
      }
      figures.push(arrivedAt - askedAt);
      await setTimeout(EVERY_MS);
    }
    stop.abort();
    await Promise.all([strict.running, other.running]);
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure({ smoke, runs }: BenchOptions): Promise<readonly Row[]> {
  const owed = smoke ? 200 : 10_000;
  const longest: number[] = [];
  for (let run = 0; run < Math.min(runs, 3); run += 1) {
    longest.push(Math.max(...(await waits(owed))));
  }
  const stream = `${owed} owed that the guard refuses now, something for another every ${EVERY_MS} ms`;
  return [{ name: "longest from plan to arrival at another", stream, unit: "ms", must: "≤ 250", figures: longest }];
}

await bench(measure);
