import { expect, test } from "vitest";
import { openWakeups } from "../../src/absorbing/absorb.ts";
import { Notices } from "../../src/absorbing/notices.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { type Parts, start } from "../../src/app.ts";
import { Liveness } from "../../src/base/liveness.ts";
import { LogLimiter } from "../../src/base/log-limiter.ts";
import { Wakeup } from "../../src/base/wakeup.ts";
import { Holds } from "../../src/delivery/holds.ts";
import { openDeliveryState } from "../../src/delivery/settle.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Frame } from "../../src/model/frame.ts";
import type { Store } from "../../src/model/outbox.ts";
import type { Destination } from "../../src/model/payload.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { openBudget } from "../recall/budgets.ts";
import { captureLog } from "../support/captured-log.ts";
import { eventually } from "../support/eventually.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { frameOf, sample } from "../topics/frames.ts";

const SECOND = 1_000;
const HOUR = 3_600_000;
const PUBLICATION = sample("misp_json--publish-first-time");
const never = () => new Promise<never>(() => {});

/** A service of one instance and one destination, by virtual time. */
function service(store: Store, send: Destination["send"], frames: readonly Frame[] = []) {
  const clock = new VirtualClock();
  const liveness = new Liveness(clock.now);
  const { log } = captureLog();
  const guard = Guard.parse({ max_tlp: "amber" });
  const routes = compileRoutes([RouteOptions.parse({ name: "all", notify: "soc", group: { interval: "0s" } })]);
  const wakeups = openWakeups(["soc"], ["cert"]);
  const budget = openBudget(clock);
  const preview = () => Promise.reject(new Error("Nobody looks at it"));
  const parts: Parts = {
    sources: [
      {
        name: "cert",
        async *frames(signal) {
          if (frames.length > 0) {
            yield frames;
          }
          await new Promise((ended) => signal.addEventListener("abort", ended, { once: true }));
        },
      },
    ],
    workers: [
      {
        destination: { name: "soc", send, preview, async [Symbol.asyncDispose]() {} },
        breaker: new Holds().breaker("soc"),
        state: openDeliveryState(clock.now()),
        sending: { guard, routes, links: new Map() },
        maxAgeMs: HOUR,
        attemptMs: 80 * SECOND,
        store,
        wakeup: wakeups.destinations.get("soc") ?? new Wakeup(),
        observer: UNOBSERVED,
        clock,
        log,
      },
    ],
    accounts: new Map(),
    confirms: [],
    recalls: [{ instance: "cert", ask: never, thread: never, settleMs: 0, budget, patienceMs: HOUR, log }],
    reconciles: [
      {
        instance: "cert",
        budget,
        published: async () => ({ kind: "page", events: [], more: false }),
        ask: never,
        everyMs: 300 * SECOND,
        patienceMs: 600_000,
        maxAgeMs: HOUR,
        wakeup: wakeups.instances.get("cert")?.reconcile ?? new Wakeup(),
        log,
      },
    ],
    wakeups,
    observer: UNOBSERVED,
    store,
    rules: { routes, destinations: new Map([["soc", { guard, repeats: "changed" }]]) },
    clock,
    log,
    incomplete: new LogLimiter(log, "Cannot read a frame", clock.now),
    unreadable: new LogLimiter(log, "Cannot read a frame", clock.now),
    graceMs: 1,
    drains: false,
    opening: [],
    notices: new Notices(),
    liveness,
  };
  return { clock, liveness, parts };
}

test("a loop is stuck once it has not turned for longer than it said, and half a minute more", async () => {
  let now = 0;
  const liveness = new Liveness(() => now);
  const stop = deferred();
  const loop = liveness.watch("deliver soc", async (beat) => {
    beat(60 * SECOND);
    await stop.promise;
  });
  now = 90 * SECOND;
  expect(liveness.stuck()).toEqual([]);
  now += 1;
  expect(liveness.stuck()).toEqual(["deliver soc"]);
  stop.resolve();
  await loop;
  expect(liveness.stuck()).toEqual([]);
});

test("a loop that fails is not stuck: its failure is told where it is awaited", async () => {
  let now = 0;
  const liveness = new Liveness(() => now);
  await expect(liveness.watch("upkeep", () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  now = HOUR;
  expect(liveness.stuck()).toEqual([]);
});

test("no loop is stuck while there is nothing to do for a day", async () => {
  await using store = openMemoryStore();
  const { clock, liveness, parts } = service(store, async () => ({ kind: "done" }));
  const stop = new AbortController();
  const running = start(parts, stop.signal);
  for (let hour = 0; hour < 24; hour += 1) {
    await clock.pass(HOUR);
    expect(liveness.stuck()).toEqual([]);
  }
  stop.abort();
  await running.ended;
  await clock.pass(HOUR);
  expect(liveness.stuck()).toEqual([]);
});

test("an attempt may last as long as its channel's time-outs, and is then stuck, alone", async () => {
  await using store = openMemoryStore();
  const answer = deferred();
  const frames = [frameOf(PUBLICATION.topic, PUBLICATION.payload)];
  const { clock, liveness, parts } = service(
    store,
    async () => {
      await answer.promise;
      return { kind: "done" };
    },
    frames,
  );
  const stop = new AbortController();
  const running = start(parts, stop.signal);
  await clock.pass(110 * SECOND);
  expect(liveness.stuck()).toEqual([]);
  await clock.pass(SECOND);
  expect(liveness.stuck()).toEqual(["deliver soc"]);
  answer.resolve();
  await clock.pass(1);
  expect(liveness.stuck()).toEqual([]);
  stop.abort();
  await running.ended;
});

test("frames that are taken and not dealt with make the feed's loop stuck", async () => {
  await using store = openMemoryStore();
  const held = deferred();
  const slow: Store = new Proxy(store, {
    get: (target, key) =>
      key === "commit"
        ? async (...args: Parameters<Store["commit"]>) => {
            await held.promise;
            return target.commit(...args);
          }
        : Reflect.get(target, key).bind(target),
  });
  const frames = [frameOf(PUBLICATION.topic, PUBLICATION.payload)];
  const { clock, liveness, parts } = service(slow, async () => ({ kind: "done" }), frames);
  const stop = new AbortController();
  const running = start({ ...parts, recalls: [], reconciles: [] }, stop.signal);
  await clock.pass(91 * SECOND);
  expect(liveness.stuck()).toEqual(["feed cert"]);
  held.resolve();
  await eventually(() => liveness.stuck().length === 0);
  stop.abort();
  await running.ended;
});

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
