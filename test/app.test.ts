import { expect, test } from "vitest";
import { started } from "../src/absorbing/herald.ts";
import { UNOBSERVED } from "../src/absorbing/observer.ts";
import { type Parts, start } from "../src/app.ts";
import { systemClock } from "../src/base/clock.ts";
import { StoreError } from "../src/base/errors.ts";
import { LogLimiter } from "../src/base/log-limiter.ts";
import { Wakeup } from "../src/base/wakeup.ts";
import type { DeliveryWorker } from "../src/delivery/deliver.ts";
import { Holds } from "../src/delivery/holds.ts";
import { openDeliveryState } from "../src/delivery/settle.ts";
import { Guard } from "../src/guard/policy.ts";
import type { Frame, Source } from "../src/model/frame.ts";
import type { Store } from "../src/model/outbox.ts";
import { compileRoutes } from "../src/routing/route.ts";
import { RouteOptions } from "../src/routing/schema.ts";
import { FrameLook } from "../src/sources/frame-look.ts";
import { openMemoryStore } from "../src/store/memory/store.ts";
import { captureLog } from "./support/captured-log.ts";
import { eventually } from "./support/eventually.ts";
import { frameOf, sample } from "./topics/frames.ts";

const PUBLICATION = sample("misp_json--publish-first-time");

/** A source that yields these frames and then lasts until it is stopped, or ends if it is finite. */
function sourceOf(frames: readonly Frame[], finite = false): Source {
  return {
    name: "cert",
    async *frames(signal) {
      yield frames;
      if (!finite) {
        await systemClock.sleep(60_000, signal);
      }
    },
  };
}

function partsOf(store: Store, sources: readonly Source[], send: DeliveryWorker["destination"]["send"]) {
  const captured = captureLog();
  const wakeup = new Wakeup();
  const guard = Guard.parse({ max_tlp: "amber" });
  const routes = compileRoutes([RouteOptions.parse({ name: "all", notify: "soc" })]);
  const worker: DeliveryWorker = {
    destination: {
      name: "soc",
      send,
      preview: () => Promise.reject(new Error("Nobody looks at it")),
      async [Symbol.asyncDispose]() {},
    },
    breaker: new Holds().breaker("soc"),
    state: openDeliveryState(systemClock.now()),
    sending: { guard, routes, links: new Map() },
    maxAgeMs: 60_000,
    store,
    wakeup,
    observer: UNOBSERVED,
    clock: systemClock,
    log: captured.log,
  };
  const parts: Parts = {
    sources,
    confirms: [],
    recalls: [],
    accounts: new Map(),
    reconciles: [],
    workers: [worker],
    wakeups: { destinations: new Map([["soc", wakeup]]), instances: new Map() },
    observer: UNOBSERVED,
    store,
    rules: { routes, destinations: new Map([["soc", { guard, repeats: "changed" }]]) },
    clock: systemClock,
    log: captured.log,
    incomplete: new LogLimiter(captured.log, "Left out", systemClock.now),
    unreadable: new LogLimiter(captured.log, "Cannot read a frame", systemClock.now),
    graceMs: 50,
    drains: false,
    opening: [],
  };
  return { parts, captured };
}

test("run goes on after frames that nobody can read, which are counted", async () => {
  await using store = openMemoryStore();
  const sent: string[] = [];
  const bad = [
    frameOf("misp_json", "{"),
    frameOf("", "x"),
    frameOf("misp_json", { Event: "x" }),
    frameOf("misp_json_event", new Uint8Array([0xff])),
  ];
  const source = sourceOf([...bad, frameOf(PUBLICATION.topic, PUBLICATION.payload)], true);
  const { parts, captured } = partsOf(store, [source], async (payload) => {
    sent.push(payload.batch);
    return { kind: "done" };
  });
  await start({ ...parts, drains: true }, new AbortController().signal).ended;
  expect(sent).toHaveLength(1);
  expect(parts.unreadable.total).toBe(4);
  expect(captured.find(/Cannot read a frame/).map(({ topic }) => topic)).toEqual(["misp_json", "", "misp_json_event"]);
});

test("run passes over what MISP says of the account that we ask with, and over nothing else", async () => {
  await using store = openMemoryStore();
  const sent: string[] = [];
  const audits = ["7", "8"].map((user) =>
    frameOf("misp_json_audit", {
      Log: { model: "User", action: "edit", title: `by ${user}`, user_id: user },
      action: "log",
    }),
  );
  const { parts } = partsOf(store, [sourceOf(audits, true)], async ({ entries }) => {
    sent.push(...entries.flatMap(({ guarded }) => guarded.alert.lines.map(({ text }) => text)));
    return { kind: "done" };
  });
  const guard = Guard.parse({ max_tlp: "amber", also: ["audit"] });
  const routes = compileRoutes([RouteOptions.parse({ name: "all", kinds: ["audit.logged"], notify: "soc" })]);
  const [worker] = parts.workers;
  await start(
    {
      ...parts,
      workers: worker ? [{ ...worker, sending: { guard, routes, links: new Map() } }] : [],
      rules: { routes, destinations: new Map([["soc", { guard, repeats: "changed" }]]) },
      accounts: new Map([["cert", () => "7"]]),
      drains: true,
    },
    new AbortController().signal,
  ).ended;
  expect(sent.join(" ")).toContain("by 8");
  expect(sent.join(" ")).not.toContain("by 7");
});

test("run rejects when the store fails under a delivery loop, after the sources have been closed", async () => {
  await using store = openMemoryStore();
  let closed = false;
  const source: Source = {
    name: "cert",
    async *frames(signal) {
      yield [frameOf(PUBLICATION.topic, PUBLICATION.payload)];
      await systemClock.sleep(60_000, signal);
      // A source may take its time to end.
      await systemClock.sleep(20, new AbortController().signal);
      closed = true;
    },
  };
  const broken: Store = Object.assign(Object.create(store) as Store, {
    settle: () => Promise.reject(new Error("disk is gone")),
    commit: store.commit.bind(store),
    load: store.load.bind(store),
    take: store.take.bind(store),
    owed: store.owed.bind(store),
  });
  const { parts } = partsOf(broken, [source], async () => ({ kind: "done" }));
  await expect(start(parts, new AbortController().signal).ended).rejects.toThrow("disk is gone");
  expect(closed).toBe(true);
});

test("run waits while nothing can be written, and then tells what came meanwhile", async () => {
  await using store = openMemoryStore();
  let failures = 3;
  const full: Store = Object.assign(Object.create(store) as Store, {
    commit: async (...args: Parameters<Store["commit"]>) => {
      if (failures-- > 0) {
        throw new StoreError("The disk is full", { passing: true });
      }
      return store.commit(...args);
    },
    load: store.load.bind(store),
    take: store.take.bind(store),
    settle: store.settle.bind(store),
    owed: store.owed.bind(store),
  });
  let sent = 0;
  const { parts, captured } = partsOf(
    full,
    [sourceOf([frameOf(PUBLICATION.topic, PUBLICATION.payload)], true)],
    async () => {
      sent += 1;
      return { kind: "done" };
    },
  );
  const clock = {
    ...systemClock,
    sleep: (ms: number, signal: AbortSignal) => systemClock.sleep(Math.min(ms, 20), signal),
  };
  await start({ ...parts, clock, drains: true }, new AbortController().signal).ended;
  expect(sent).toBe(1);
  expect(captured.find(/Cannot write to the state file/)).toMatchObject([
    { loop: "feed cert" },
    { loop: "feed cert" },
    { loop: "feed cert" },
  ]);
});

test("run does not begin to send when what it begins with cannot be stored", async () => {
  await using store = openMemoryStore();
  const broken: Store = Object.assign(Object.create(store) as Store, {
    commit: () => Promise.reject(new Error("disk is gone")),
    load: store.load.bind(store),
    take: () => Promise.reject(new Error("Nobody may take anything")),
    owed: store.owed.bind(store),
  });
  const { parts } = partsOf(broken, [sourceOf([])], async () => ({ kind: "done" }));
  const opening = [started("cert", "1", 0).message];
  const routes = compileRoutes([RouteOptions.parse({ name: "herald", kinds: ["herald.*"], notify: "soc" })]);
  const rules = { ...parts.rules, routes };
  await expect(start({ ...parts, rules, opening }, new AbortController().signal).ended).rejects.toThrow("disk is gone");
});

test("run rejects when a source fails, and lets the attempt in flight end", async () => {
  await using store = openMemoryStore();
  const events: string[] = [];
  const source: Source = {
    name: "cert",
    async *frames() {
      yield [frameOf(PUBLICATION.topic, PUBLICATION.payload)];
      await eventually(() => events.includes("sending"));
      throw new Error("no socket");
    },
  };
  const { parts } = partsOf(store, [source], async () => {
    events.push("sending");
    await systemClock.sleep(10, new AbortController().signal);
    events.push("sent");
    return { kind: "done" };
  });
  await expect(start(parts, new AbortController().signal).ended).rejects.toThrow("no socket");
  expect(events).toEqual(["sending", "sent"]);
  expect(await store.owed()).toEqual([]);
});

test("run cuts an attempt that outlasts the grace, and what it was about is still owed", async () => {
  await using store = openMemoryStore();
  const stop = new AbortController();
  const { parts } = partsOf(store, [sourceOf([frameOf(PUBLICATION.topic, PUBLICATION.payload)])], async (_, signal) => {
    stop.abort();
    await systemClock.sleep(60_000, signal);
    throw signal.reason;
  });
  await start(parts, stop.signal).ended;
  expect(await store.owed()).toMatchObject([{ destination: "soc", owed: 1 }]);
});

test("run plans again when memory has moved between recall and commit", async () => {
  await using store = openMemoryStore();
  let conflicts = 2;
  const contended: Store = Object.assign(Object.create(store) as Store, {
    commit: async (...args: Parameters<Store["commit"]>) => (conflicts-- > 0 ? "conflict" : store.commit(...args)),
    load: store.load.bind(store),
    take: store.take.bind(store),
    settle: store.settle.bind(store),
    owed: store.owed.bind(store),
  });
  let sent = 0;
  const { parts } = partsOf(
    contended,
    [sourceOf([frameOf(PUBLICATION.topic, PUBLICATION.payload)], true)],
    async () => {
      sent += 1;
      return { kind: "done" };
    },
  );
  await start({ ...parts, drains: true }, new AbortController().signal).ended;
  expect(sent).toBe(1);
  expect(conflicts).toBe(-1);
});

test("a reload amid frames that only say the same again: what the new rules ask about is told, from the next frame on", async () => {
  await using store = openMemoryStore();
  const { topic, payload } = sample("misp_json_attribute--add");
  const { Attribute } = payload as { readonly Attribute: object };
  const at = Date.now() - 60_000;
  const frame = (n: number) => {
    const own = { id: String(n), uuid: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}` };
    return frameOf(topic, { ...payload, Attribute: { ...Attribute, ...own } }, at + n);
  };
  const wire = (one: Frame) => Buffer.concat([Buffer.from(`${one.topic} `), one.payload]);
  // As the receiving thread does it: what is an echo is not yielded.
  const look = new FrameLook({});
  const waiting: Frame[] = [];
  const rung = new Wakeup();
  let spared = 0;
  let yielded = 0;
  let clockAt = at;
  const come = (one: Frame) => {
    clockAt = one.receivedAt;
    if (look.matters(wire(one), one.topic, one.receivedAt)) {
      waiting.push(one);
      rung.wake();
    } else {
      spared += 1;
    }
  };
  const source: Source = {
    name: "cert",
    async *frames(signal) {
      while (!signal.aborted) {
        const woken = rung.next();
        const some = waiting.splice(0);
        if (some.length > 0) {
          yielded += some.length;
          yield some;
        } else {
          await systemClock.sleep(60_000, AbortSignal.any([woken, signal]));
        }
      }
    },
    quiet: (frames) => frames.map((one) => look.quiet(wire(one), one.receivedAt)),
    stir: () => look.stir(clockAt),
  };
  const told: string[] = [];
  const { parts } = partsOf(store, [source], async ({ entries }) => {
    told.push(...entries.flatMap(({ guarded }) => guarded.alert.items.map(({ id }) => id ?? "")));
    return { kind: "done" };
  });
  const guard = Guard.parse({ max_tlp: "red", drafts: true, untagged: "green" });
  const rulesOf = (org: string) => {
    const kinds = ["attribute.added"];
    const route = RouteOptions.parse({
      name: "asked",
      kinds,
      match: { org },
      notify: "soc",
      group: { interval: "0s" },
    });
    const routes = compileRoutes([route]);
    return { routes, destinations: new Map([["soc", { guard, repeats: "changed" as const }]]) };
  };
  const partsBy = (org: string): Parts => {
    const rules = rulesOf(org);
    const sending = { guard, routes: rules.routes, links: new Map() };
    return { ...parts, rules, workers: parts.workers.map((worker) => ({ ...worker, sending })) };
  };
  const stop = new AbortController();
  const running = start(partsBy("Nobody"), stop.signal);
  let n = 0;
  const next = () => come(frame(++n));
  for (let before = 0; spared < 20; ) {
    next();
    // Until one is known to be quiet, each is planned.
    if (spared === before) {
      const done = n - spared;
      await eventually(() => yielded >= done);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    before = spared;
  }
  expect(told).toEqual([]);
  const sparedBefore = spared;
  await running.swap(partsBy("*"));
  next();
  const first = String(n);
  await eventually(() => told.includes(first));
  expect(spared).toBe(sparedBefore);
  for (let more = 0; more < 5; more += 1) {
    next();
  }
  await eventually(() => told.length === 6);
  expect(spared).toBe(sparedBefore);
  stop.abort();
  await running.ended;
});
