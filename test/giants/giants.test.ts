import { describe, expect, it } from "vitest";
import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { unheard } from "../../src/base/liveness.ts";
import { type GiantReader, Giants } from "../../src/giants/giants.ts";
import { GiantError, type GiantThread } from "../../src/giants/handle.ts";
import { GiantWork, SLICE } from "../../src/giants/work.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Frame } from "../../src/model/frame.ts";
import type { Unconfirmed } from "../../src/model/memory.ts";
import type { Batch, Store } from "../../src/model/outbox.ts";
import { withConfirmation } from "../../src/planning/confirm.ts";
import type { Rules, Trace } from "../../src/planning/plan.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { WatchTable } from "../../src/routing/watch.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { TableBuilder } from "../../src/watching/table.ts";
import { eventually } from "../support/eventually.ts";
import { T0 } from "../support/messages.ts";
import { takeOne } from "../support/one-batch.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { frameOf, messageOf, sample } from "../topics/frames.ts";

const NOW = T0 + 60_000;
const MANY = SLICE + 600;

const RULES: Rules = {
  routes: compileRoutes(
    [
      { name: "all", kinds: ["event.*", "tag.*"], notify: ["soc", "strict"] },
      { name: "hit", match: { attribute: { value: "host-2049.example" } }, notify: "soc", priority: "high" },
    ].map((route) => RouteOptions.parse(route)),
  ),
  destinations: new Map([
    ["soc", { guard: Guard.parse({ max_tlp: "red" }), repeats: "changed" as const }],
    ["strict", { guard: Guard.parse({ max_tlp: "green" }), repeats: "changed" as const }],
  ]),
};

const recorded = sample("misp_json--publish-first-time").payload.Event as Record<string, unknown>;

/** A publication of so many attributes, every second with a label of its own. */
function publicationOf(uuid: string, id: string, count = MANY, tlp = "tlp:amber"): Record<string, unknown> {
  const Attribute = Array.from({ length: count }, (_, n) => ({
    id: String(n + 1),
    uuid: `00000000-0000-4000-8000-${String(n + 1).padStart(12, "0")}`,
    type: "domain",
    category: "Network activity",
    value: `host-${n}.example`,
    to_ids: true,
    comment: "",
    distribution: "5",
    timestamp: recorded.timestamp,
    deleted: false,
    ...(n % 2 === 0 && { Tag: [{ name: tlp }] }),
  }));
  return { Event: { ...recorded, id, uuid, Object: [], Tag: [{ name: "tlp:green" }], Attribute } };
}

const BIG = "11111111-1111-4111-8111-111111111111";
const OTHER = "22222222-2222-4222-8222-222222222222";

interface Room {
  done: number;
  refused: number;
}

function giant(topic: string, payload: unknown, room: Room = { done: 0, refused: 0 }): Frame {
  return {
    ...frameOf(topic, payload, NOW),
    giant: {
      done() {
        room.done += 1;
      },
      refused() {
        room.refused += 1;
      },
    },
  };
}

/** What waits for MISP's word, once it does. */
async function waiting(store: Pick<Store, "unconfirmed">): Promise<Unconfirmed> {
  for (let turns = 0; turns < 100_000; turns += 1) {
    const [row] = await store.unconfirmed("cert", 10, []);
    if (row) {
      return row;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("It does not wait");
}

/** A thread that is none: its answers wait for `gate`, and fail where they are told to. */
function threadOf(
  options: { readonly gate?: Promise<void>; readonly fails?: "read" | "plan" | "next" } = {},
): GiantThread {
  let work: GiantWork | undefined;
  let isLost = false;
  const tooLarge = () => new GiantError(Object.assign(new Error("heap"), { code: "ERR_WORKER_OUT_OF_MEMORY" }));
  return {
    async read(name, frame, mostText) {
      await options.gate;
      if (options.fails === "read") {
        throw tooLarge();
      }
      work = new GiantWork(name);
      // What another thread gives is a copy.
      return structuredClone(work.read({ ...frame }, mostText));
    },
    async plan(question) {
      if (options.fails === "plan" || (options.fails === "next" && isLost) || !work) {
        throw tooLarge();
      }
      return structuredClone(work.plan(structuredClone(question)));
    },
    async next() {
      if (options.fails === "next") {
        isLost = true;
        throw tooLarge();
      }
      return work?.next();
    },
    async close() {},
  };
}

const READER: GiantReader = {
  accept: (message) => message,
  unreadable() {},
  failed(_, error) {
    throw error;
  },
};

async function opened(open: (bytes: number) => GiantThread = () => threadOf(), rules: Rules = RULES) {
  const clock = new VirtualClock();
  const giants = new Giants(open);
  const traces: Trace[] = [];
  const store = openMemoryStore();
  const planner: Planner = {
    store,
    rules,
    clock,
    wakeups: openWakeups(["soc", "strict"], ["cert"]),
    observer: { ...UNOBSERVED, planned: (plan) => void traces.push(...plan.traces) },
    giants,
  };
  const stop = new AbortController();
  const running = giants.run(planner, READER, stop.signal, stop.signal, unheard);
  return {
    giants,
    planner,
    clock,
    store,
    traces,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await store[Symbol.asyncDispose]();
    },
  };
}

function contentOf(taken: { readonly batch: Batch } | { readonly dueAt: number } | undefined) {
  if (!taken || !("batch" in taken)) {
    throw new Error("Nothing is due");
  }
  return taken.batch.entries.map(({ delivery, alert, memory }) => ({ delivery, alert, memory }));
}

describe("a giant", () => {
  it("is planned as it would be in one piece", async () => {
    await using away = await opened();
    const room = { done: 0, refused: 0 };
    away.giants.take([giant("misp_json", publicationOf(BIG, "77"), room)]);
    await eventually(() => room.done === 1);
    await using here = await opened();
    await absorb([messageOf("misp_json", publicationOf(BIG, "77"), NOW)], here.planner);
    for (const destination of ["soc", "strict"]) {
      const told = contentOf(await takeOne(away.store, destination, NOW + 1));
      expect(told).toEqual(contentOf(await takeOne(here.store, destination, NOW + 1)));
      expect(told[0]?.alert.counts.reduce((sum, { n }) => sum + n, 0)).toBe(MANY);
    }
    const keys = { events: [{ instance: "cert", uuid: BIG, id: "77", whole: true }], parts: [] };
    const [known, expected] = [await away.store.load(keys), await here.store.load(keys)];
    expect(known.parts.length).toBe(Math.ceil(MANY / 2));
    const byId = (parts: typeof known.parts) => [...parts].sort((a, b) => Number(a.id) - Number(b.id));
    expect({ ...known, parts: byId(known.parts) }).toEqual({ ...expected, parts: byId(expected.parts) });
    expect(away.traces.map(({ routes, destinations }) => [routes, destinations.map(({ verdict }) => verdict)])).toEqual(
      here.traces.map(({ routes, destinations }) => [routes, destinations.map(({ verdict }) => verdict)]),
    );
    expect(room).toEqual({ done: 1, refused: 0 });
  });

  it("is told by the watch lists that its parts hit, and by no others", async () => {
    const lists = new TableBuilder();
    lists.add("ours.txt", `host-${MANY - 1}.example\tministry-a\n`, "ours.txt");
    lists.add("theirs.txt", "elsewhere.example\n", "theirs.txt");
    const watch = new WatchTable(lists.build());
    const matches = {
      ours: { attribute: { value: { list: "ours.txt" } } },
      theirs: { attribute: { value: { list: "theirs.txt" } } },
      called: { watch: "ministry-*" },
    };
    const routes = Object.entries(matches).map(([name, match]) => RouteOptions.parse({ name, match, notify: "soc" }));
    await using flow = await opened(() => threadOf(), { ...RULES, routes: compileRoutes(routes, watch), watch });
    const room = { done: 0, refused: 0 };
    flow.giants.take([giant("misp_json", publicationOf(BIG, "77"), room)]);
    await eventually(() => room.done === 1);
    expect(flow.traces.map((trace) => trace.routes)).toEqual([
      [
        { name: "ours", truth: true },
        { name: "called", truth: true },
      ],
    ]);
    const [entry] = contentOf(await takeOne(flow.store, "soc", NOW + 1));
    expect(entry?.delivery).toMatchObject({ routes: ["ours", "called"] });
    expect(room).toEqual({ done: 1, refused: 0 });
  });

  it("lets all pass but what is about its event, which is planned after it, in order", async () => {
    let begin = () => {};
    const gate = new Promise<void>((resolve) => {
      begin = resolve;
    });
    await using flow = await opened(() => threadOf({ gate }));
    const room = { done: 0, refused: 0 };
    flow.giants.take([giant("misp_json", publicationOf(BIG, "77"), room)]);
    const about = (payload: unknown) => ({ message: messageOf("misp_json", payload, NOW), bytes: 100 });
    const other = about(publicationOf(OTHER, "78", 1));
    const edit = about(publicationOf(BIG, "77", 1));
    const attached = {
      message: messageOf("misp_json_tag", {
        Tag: { id: "4", name: "tlp:red", event_id: "77" },
        action: "attached to event",
      }),
      bytes: 100,
    };
    expect(flow.giants.pass([edit, other, attached])).toEqual([other.message]);
    expect(flow.traces).toEqual([]);
    begin();
    await eventually(() => room.done === 1);
    expect(flow.traces.map(({ kind, message }) => [kind, message.skipped])).toEqual([
      ["event.published", MANY],
      ["event.published", undefined],
      ["tag.attached", undefined],
    ]);
    // All of them are through: the next one waits no more.
    expect(flow.giants.pass([attached])).toEqual([attached.message]);
    // It has become stricter while it was owed.
    expect(
      contentOf(await takeOne(flow.store, "strict", NOW + 1))[0]?.memory.event?.attached.map(({ name }) => name),
    ).toEqual(["tlp:red"]);
  });

  it("of another topic makes all wait that is about an event, until it is read", async () => {
    let begin = () => {};
    const gate = new Promise<void>((resolve) => {
      begin = resolve;
    });
    await using flow = await opened(() => threadOf({ gate }));
    const { topic, payload } = sample("misp_json_attribute--add");
    const room = { done: 0, refused: 0 };
    flow.giants.take([giant(topic, payload, room)]);
    const other = { message: messageOf("misp_json", publicationOf(OTHER, "78", 1), NOW), bytes: 1 };
    const login = { message: { ...other.message, event: undefined }, bytes: 1 };
    const { event: _, ...withoutEvent } = login.message;
    expect(flow.giants.pass([other, { message: withoutEvent, bytes: 1 }])).toEqual([withoutEvent]);
    begin();
    await eventually(() => room.done === 1);
    expect(flow.traces.map(({ kind }) => kind)).toEqual(["attribute.added", "event.published"]);
  });

  it("makes reading wait when too much waits behind it", async () => {
    let begin = () => {};
    const gate = new Promise<void>((resolve) => {
      begin = resolve;
    });
    await using flow = await opened(() => threadOf({ gate }));
    flow.giants.take([giant("misp_json", publicationOf(BIG, "77"))]);
    const edit = { message: messageOf("misp_json", publicationOf(BIG, "77", 1), NOW), bytes: 2 ** 24 + 1 };
    const never = new AbortController();
    await flow.giants.room(never.signal);
    flow.giants.pass([edit]);
    let hasRoom = false;
    const room = flow.giants.room(never.signal).then(() => {
      hasRoom = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasRoom).toBe(false);
    begin();
    await room;
  });

  it("that takes too much memory to read is refused aloud, and the next one is read", async () => {
    const threads = [threadOf({ fails: "read" }), threadOf()];
    await using flow = await opened(() => threads.shift() ?? threadOf());
    const rooms = [
      { done: 0, refused: 0 },
      { done: 0, refused: 0 },
    ];
    flow.giants.take([
      giant("misp_json", publicationOf(BIG, "77"), rooms[0]),
      giant("misp_json", publicationOf(OTHER, "78"), rooms[1]),
    ]);
    await eventually(() => rooms[1]?.done === 1);
    expect(rooms).toEqual([
      { done: 1, refused: 1 },
      { done: 1, refused: 0 },
    ]);
    expect(flow.traces.map(({ message }) => message.event?.uuid)).toEqual([OTHER]);
  });

  it.each(["plan", "next"] as const)(
    "that takes too much memory (%s) is refused aloud, and told by its title",
    async (fails) => {
      await using flow = await opened(() => threadOf({ fails }));
      const room = { done: 0, refused: 0 };
      flow.giants.take([giant("misp_json", publicationOf(BIG, "77"), room)]);
      await eventually(() => room.done === 1);
      expect(room.refused).toBe(1);
      const [entry] = contentOf(await takeOne(flow.store, "soc", NOW + 1));
      expect(entry?.alert.items).toEqual([]);
      expect(entry?.alert.skipped).toBe(MANY);
      expect(entry?.alert.lines).toEqual([{ label: "left out", text: `${MANY} parts that cannot be read` }]);
    },
  );

  it("waits in its thread until MISP has confirmed it, and is told with what MISP says of its parts", async () => {
    await using flow = await opened(() => threadOf(), { ...RULES, confirms: new Set(["cert"]) });
    const room = { done: 0, refused: 0 };
    flow.giants.take([giant("misp_json", publicationOf(BIG, "77"), room)]);
    const row = await waiting(flow.store);
    expect(row.message.attributes).toEqual([]);
    const answer = {
      event: { ...row.message.event, published: true },
      markings: new Map([["00000000-0000-4000-8000-000000000002", [{ name: "tlp:red", exportable: false }]]]),
    };
    expect(room.done).toBe(0);
    await absorb([withConfirmation(row.message, "confirmed", answer)], flow.planner, undefined, {
      confirmed: [row.id],
    });
    await eventually(() => room.done === 1);
    const [entry] = contentOf(await takeOne(flow.store, "soc", NOW + 1));
    expect(entry?.alert.counts.find(({ marking }) => marking.tlp === "red")?.n).toBe(1);
    expect(entry?.alert.counts.reduce((sum, { n }) => sum + n, 0)).toBe(MANY);
  });

  it("that MISP does not confirm in time is told without its parts", async () => {
    await using flow = await opened(() => threadOf(), { ...RULES, confirms: new Set(["cert"]) });
    const room = { done: 0, refused: 0 };
    flow.giants.take([giant("misp_json", publicationOf(BIG, "77"), room)]);
    const row = await waiting(flow.store);
    await flow.clock.pass(60_000);
    await eventually(() => room.done === 1);
    await absorb([{ ...row.message, confirmation: "unconfirmed" }], flow.planner, undefined, { confirmed: [row.id] });
    const [entry] = contentOf(await takeOne(flow.store, "soc", NOW + 60_001));
    expect([entry?.alert.items, entry?.alert.skipped, room.refused]).toEqual([[], MANY, 0]);
  });

  it("by what rules ask of it, and not by its bytes, is planned in the thread, and makes reading wait as what waits does", async () => {
    const expressions = { attribute: { value: ["/x/", "/(foo|bar)+baz/", "/xx[0-9]+7$/"] } };
    const asking = RouteOptions.parse({ name: "asking", match: expressions, notify: "soc" });
    const rules = { ...RULES, routes: compileRoutes([asking]) };
    let begin = () => {};
    const gate = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const plans: number[] = [];
    await using flow = await opened(() => {
      const thread = threadOf({ gate });
      return {
        ...thread,
        plan: (question) => {
          plans.push(1);
          return thread.plan(question);
        },
      };
    }, rules);
    const Attribute = Array.from({ length: 18 }, (_, n) => ({
      ...(publicationOf(BIG, "77", 1).Event as { Attribute: object[] }).Attribute[0],
      ...{ id: String(n + 1), uuid: `00000000-0000-4000-8000-${String(n + 1).padStart(12, "0")}` },
      value: `${"x".repeat(59_500)}${n}`,
    }));
    const long = frameOf("misp_json", { Event: { ...recorded, id: "77", uuid: BIG, Object: [], Attribute } }, NOW);
    flow.giants.take(Array.from({ length: 20 }, () => long));
    const never = new AbortController();
    let hasRoom = false;
    const room = flow.giants.room(never.signal).then(() => {
      hasRoom = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasRoom).toBe(false);
    begin();
    await room;
    await eventually(() => flow.traces.length === 20);
    expect(plans).toHaveLength(20);
    expect(flow.traces[0]?.routes).toEqual([{ name: "asking", truth: true }]);
  });

  it("that is small once it is read is planned like any other", async () => {
    await using flow = await opened(() => threadOf({ fails: "plan" }));
    const room = { done: 0, refused: 0 };
    const { topic, payload } = sample("misp_json--publish-first-time");
    flow.giants.take([giant(topic, payload, room)]);
    await eventually(() => room.done === 1);
    expect([room.refused, flow.traces.map(({ message }) => message.giant)]).toEqual([0, [undefined]]);
  });
});
