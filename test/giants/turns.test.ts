import { expect, it } from "vitest";
import { openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { unheard } from "../../src/base/liveness.ts";
import { Giants } from "../../src/giants/giants.ts";
import type { GiantThread } from "../../src/giants/handle.ts";
import { readTurn } from "../../src/giants/reading.ts";
import { GiantWork, SLICE } from "../../src/giants/work.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Frame } from "../../src/model/frame.ts";
import type { Effects } from "../../src/model/outbox.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { eventually } from "../support/eventually.ts";
import { T0 } from "../support/messages.ts";
import { SHAPES, shaped } from "../support/shapes.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { frameOf } from "../topics/frames.ts";

// What the main loop does at once for a large event, counted and not timed.

const BYTES = 4 * 2 ** 20;
/** Pages come as text, some at a time, and are written in steps of 2 MiB. */
const PAGES = 8;
const ABOUT_EVENT = ["tags of the event", "galaxy clusters"];

const RULES = {
  routes: compileRoutes([RouteOptions.parse({ name: "all", notify: "soc" })]),
  destinations: new Map([
    ["soc", { guard: Guard.parse({ max_tlp: "red" }), repeats: "changed" as const, program: true }],
  ]),
};

/** A thread that is none; what another gives is a copy. */
function thread(): GiantThread {
  let work: GiantWork | undefined;
  return {
    async read(name, frame, mostText) {
      work = new GiantWork(name);
      return structuredClone(work.read({ ...frame }, mostText));
    },
    async plan(question) {
      const plan = work?.plan(structuredClone(question));
      if (!plan) {
        throw new Error("Nothing was read");
      }
      return structuredClone(plan);
    },
    next: async () => work?.next(),
    async close() {},
  };
}

/** The most that any one commit has of rows, and of text beside pages; no two commits are in one turn of the loop. */
async function mostAtOnce(frame: Frame) {
  const store = openMemoryStore();
  const most = { rows: 0, pages: 0, text: 0, commits: 0, together: 0 };
  let turns = 0;
  let committedAt = -1;
  let isEnding = false;
  const tick = () => {
    turns += 1;
    if (!isEnding) {
      setImmediate(tick);
    }
  };
  setImmediate(tick);
  const count = ({ pages = [], ...others }: Effects) => {
    const { parts, forget } = others;
    most.rows = Math.max(most.rows, parts.length + forget.length);
    // Those of the whole alert are put into rows by the store, step by step.
    most.pages = Math.max(most.pages, others.alerts.length > 0 ? 0 : pages.length);
    most.text = Math.max(most.text, JSON.stringify({ ...others, pacing: undefined }).length);
    most.commits += 1;
    most.together += turns === committedAt ? 1 : 0;
    committedAt = turns;
  };
  const giants = new Giants(thread);
  const planner: Planner = {
    store: Object.assign(Object.create(store), {
      load: (...args: Parameters<typeof store.load>) => store.load(...args),
      commit: (...args: Parameters<typeof store.commit>) => {
        count(args[0]);
        return store.commit(...args);
      },
    }),
    rules: RULES,
    clock: new VirtualClock(),
    wakeups: openWakeups(["soc"]),
    observer: UNOBSERVED,
    giants,
  };
  const stop = new AbortController();
  let isDone = false;
  const room = {
    done() {
      isDone = true;
    },
    refused() {},
  };
  const limiter = { say() {}, close() {} } as never;
  const reading = { log: undefined as never, accounts: new Map(), incomplete: limiter, unreadable: limiter };
  const running = giants.run(
    planner,
    {
      accept: (message) => message,
      unreadable() {},
      failed(_, error) {
        throw error;
      },
    },
    stop.signal,
    stop.signal,
    unheard,
  );
  const { away, read } = readTurn([{ ...frame, giant: room }], reading, RULES);
  expect(read).toEqual([]);
  giants.take(away ? [away] : []);
  await eventually(() => isDone);
  isEnding = true;
  stop.abort();
  await running;
  await store[Symbol.asyncDispose]();
  return most;
}

it.each(SHAPES)("%s: the main loop gets no more at once than a turn may take", async (shape) => {
  const most = await mostAtOnce(frameOf("misp_json", shaped(shape, BYTES), T0));
  expect(most.rows).toBeLessThanOrEqual(SLICE);
  expect(most.pages).toBeLessThanOrEqual(PAGES);
  expect(most.together).toBe(0);
  // What is said of the event itself is one row, and is as long as that.
  expect(most.text).toBeLessThan(ABOUT_EVENT.includes(shape) ? 2 * BYTES : 2 ** 20);
});
