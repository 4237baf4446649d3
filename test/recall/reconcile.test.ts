import { expect, test } from "vitest";
import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { openLog } from "../../src/base/log.ts";
import { Wakeup } from "../../src/base/wakeup.ts";
import type { Published } from "../../src/recall/missed.ts";
import { reconcile } from "../../src/recall/reconcile.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { SteppedClock } from "../delivery/worker.ts";
import { attributeOf, MINUTE, publication, T0 } from "../support/messages.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { openBudget } from "./budgets.ts";
import { HOUR, Misp, owed, PATIENCE, rounds, SERVED_AT, startedBefore } from "./misp.ts";

test("the first start tells nothing of the past", async () => {
  await using store = openMemoryStore();
  const misp = new Misp();
  misp.publish("1", T0 - HOUR);
  expect(await rounds(store, misp, MINUTE)).toEqual([]);
  expect(await owed(store)).toEqual([]);
  expect((await store.cursor("cert"))?.publishedAt).toBe(SERVED_AT);
});

test("reconcile tells what was published while nobody listened, as late", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + 10 * MINUTE);
  misp.publish("2", T0 + 20 * MINUTE);
  misp.publish("3", T0 + 30 * MINUTE);
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([3]);
  expect(await owed(store)).toMatchObject(["1", "2", "3"].map((id) => ({ info: `Event ${id}`, late: true, items: 1 })));
  expect((await store.cursor("cert"))?.publishedAt).toBe(T0 + 30 * MINUTE);
});

test("what the feed told is not told again, and what is told is told once", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  const seen = misp.publish("1", T0 + 10 * MINUTE);
  const stop = new AbortController();
  const rules = { routes: new Map(), destinations: new Map() };
  await absorb([publication({ event: seen })], {
    store,
    rules,
    clock: new SteppedClock(T0, () => stop.abort()),
    wakeups: openWakeups(),
    observer: UNOBSERVED,
  });
  misp.publish("2", T0 + 20 * MINUTE);
  // Three rounds overlap by ten minutes each.
  expect(await rounds(store, misp, 14 * MINUTE, T0 + HOUR)).toEqual([1]);
  expect((await owed(store)).map(({ info }) => info)).toEqual(["Event 2"]);
});

test("what was published a moment ago is left to the feed", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + HOUR - 30_000);
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([]);
  expect(await owed(store)).toEqual([]);
  expect(await rounds(store, misp, MINUTE, T0 + HOUR + 10 * MINUTE)).toEqual([1]);
});

test("many late ones leave together, urgent ones alone", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  for (let n = 1; n <= 7; n += 1) {
    misp.publish(String(n), T0 + n * MINUTE, n === 7 ? { threatLevel: "high" } : {});
  }
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([7]);
  const told = await owed(store);
  expect(told.filter(({ group }) => group?.startsWith('["late"'))).toHaveLength(6);
  expect(told.filter(({ group }) => !group?.startsWith('["late"')).map(({ info }) => info)).toEqual(["Event 7"]);
});

test("an event that was edited since is told by its title, without what is not published yet", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  const listed = misp.publish("1", T0 + MINUTE);
  misp.answer = {
    kind: "event",
    event: { ...listed, changedAt: T0 + 50 * MINUTE },
    attributes: [attributeOf("21")],
    objects: [],
  };
  await rounds(store, misp, MINUTE, T0 + HOUR);
  expect(await owed(store)).toMatchObject([{ info: "Event 1", items: 0 }]);
});

test("while MISP does not answer nothing is skipped: the cursor stays", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + MINUTE);
  misp.failure = { kind: "retry", reason: "http-503" };
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([]);
  misp.failure = undefined;
  misp.answer = { kind: "retry", reason: "timeout" };
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([]);
  expect((await store.cursor("cert"))?.publishedAt).toBe(T0);
  misp.answer = undefined;
  expect(await rounds(store, misp, MINUTE, T0 + 2 * HOUR)).toEqual([1]);
});

test("a key that is no longer accepted skips nothing: the cursor stays", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + MINUTE);
  misp.answer = { kind: "forbidden", reason: "key-not-accepted" };
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([]);
  misp.answer = undefined;
  misp.failure = { kind: "forbidden", reason: "key-not-accepted" };
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([]);
  expect((await store.cursor("cert"))?.publishedAt).toBe(T0);
});

test("more events of one second than fit on a page are all found", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  for (let n = 1; n <= 5; n += 1) {
    misp.publish(String(n), T0 + MINUTE);
  }
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([5]);
  expect(await owed(store)).toHaveLength(5);
});

test("an event that is gone or hidden does not stop the others", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + MINUTE);
  misp.answer = { kind: "refused", reason: "event-not-found" };
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([]);
  expect((await store.cursor("cert"))?.publishedAt).toBe(T0 + MINUTE);
});

test("what is older than max_age is not asked for", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  await rounds(store, misp, MINUTE, T0 + 72 * HOUR);
  expect(misp.questions).toEqual([T0 + 48 * HOUR]);
});

test("after a gap MISP is asked at once, and again when the feed has had its minute; a gap without end asks every 10 s", async () => {
  const store = openMemoryStore();
  await startedBefore(store);
  const clock = new VirtualClock();
  const stop = new AbortController();
  const wakeup = new Wakeup();
  const asked: number[] = [];
  const worker = {
    instance: "cert",
    budget: openBudget(clock),
    published: async (): Promise<Published> => {
      asked.push((clock.now() - T0) / 1000);
      return { kind: "page", events: [], more: false };
    },
    ask: () => Promise.reject(new Error("Nobody asks about an event")),
    ...{ everyMs: 5 * MINUTE, maxAgeMs: 24 * HOUR, patienceMs: PATIENCE, wakeup, log: openLog("silent") },
  };
  const rules = { routes: compileRoutes([]), destinations: new Map() };
  const running = reconcile(worker, { store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED }, stop.signal);
  await clock.pass(100_000);
  wakeup.wake();
  await clock.pass(200_000);
  expect(asked).toEqual([0, 100, 170]);
  await clock.pass(170_000 + 5_000);
  asked.splice(0);
  for (let n = 0; n < 60; n += 1) {
    wakeup.wake();
    await clock.pass(500);
  }
  expect(asked.length).toBeGreaterThan(1);
  expect(asked.length).toBeLessThan(5);
  stop.abort();
  await clock.pass(1);
  await running;
});

test.each([
  ["two days ahead of", 48 * HOUR],
  ["two days behind", -48 * HOUR],
])("what was missed is found by MISP's clock when ours is %s it", async (_, aheadMs) => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + 10 * MINUTE);
  misp.publish("2", T0 + HOUR - 30_000);
  // By MISP's clock it is an hour later; what was published a moment ago is left to the feed.
  expect(await rounds(store, misp, MINUTE, T0 + HOUR + aheadMs, aheadMs)).toEqual([1]);
  expect((await owed(store)).map(({ info }) => info)).toEqual(["Event 1"]);
  expect((await store.cursor("cert"))?.publishedAt).toBe(T0 + 10 * MINUTE);
});

test("every round that MISP answers is told as done, also one that finds nothing; one that it does not answer is not", async () => {
  await using store = openMemoryStore();
  const rounded: number[] = [];
  const run = async (misp: Misp) => {
    const stop = new AbortController();
    const clock = new SteppedClock(T0 + 1, () => stop.abort());
    const planner: Planner = {
      store,
      rules: { routes: new Map(), destinations: new Map() },
      clock,
      wakeups: openWakeups(),
      observer: UNOBSERVED,
    };
    const worker = {
      instance: "cert",
      budget: openBudget(clock),
      published: (since: number, page: number) => misp.published(since, page),
      ask: (uuid: string) => misp.ask(uuid),
      everyMs: 5 * MINUTE,
      maxAgeMs: 24 * HOUR,
      patienceMs: PATIENCE,
      wakeup: new Wakeup(),
      log: openLog("silent"),
      done: (late: number) => void rounded.push(late),
    };
    await reconcile(worker, planner, stop.signal);
  };
  await run(new Misp()); // the first of all, which only sets the cursor
  await run(new Misp());
  expect(rounded).toEqual([0, 0]);
  const silent = new Misp();
  silent.failure = { kind: "retry", reason: "timeout" };
  await run(silent);
  expect(rounded).toEqual([0, 0]);
});

test("while the key is refused it is tried every minute, though nothing waits and rounds are rare", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.failure = { kind: "forbidden", reason: "key-not-accepted" };
  await rounds(store, misp, 10 * MINUTE + MINUTE / 2, T0 + HOUR);
  expect(misp.questions).toHaveLength(11);
});

test("the first start tells nothing of the past, in later rounds and after a restart either", async () => {
  await using store = openMemoryStore();
  const misp = new Misp();
  misp.publish("1", SERVED_AT - 5 * MINUTE);
  misp.publish("2", SERVED_AT);
  expect(await rounds(store, misp, 14 * MINUTE)).toEqual([]);
  misp.publish("3", SERVED_AT + MINUTE);
  expect(await rounds(store, misp, 14 * MINUTE, T0 + 15 * MINUTE)).toEqual([1]);
  expect((await owed(store)).map(({ info }) => info)).toEqual(["Event 3"]);
});
