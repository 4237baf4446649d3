import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { openLog } from "../../src/base/log.ts";
import { openBatch } from "../../src/delivery/payload.ts";
import { Guard } from "../../src/guard/policy.ts";
import { recordOf } from "../../src/model/record.ts";
import { recall } from "../../src/recall/recall.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openDatabase } from "../../src/store/sqlite/driver.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { SteppedClock } from "../delivery/worker.ts";
import { openBudget } from "../recall/budgets.ts";
import { historyOf } from "../support/history.ts";
import { attributeOf, eventView, MINUTE, T0, tags } from "../support/messages.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import { messageOf, sample } from "../topics/frames.ts";

// State files as earlier versions of the program wrote them: support/state-files/produce.mjs says what is in them.

const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
const STOPPED = T0 + MINUTE;
const SECONDS = T0 / 1000;

const GUARDS: Readonly<Record<string, object>> = {
  hook: { max_tlp: "amber" },
  bad: { max_tlp: "amber" },
  circle: { max_tlp: "amber", audience: ["CERT-XX"] },
  held: { max_tlp: "amber" },
  down: { max_tlp: "amber" },
};
/** The routes of that time but one: it is gone since. */
const ROUTES = [
  { name: "all", kinds: ["event.published", "attribute.added"], notify: ["hook", "held", "down"] },
  { name: "circle", notify: "circle", match: { distribution: "sharing_group" } },
];
const RULES = {
  routes: compileRoutes(ROUTES.map((route) => RouteOptions.parse(route))),
  destinations: new Map(
    Object.entries(GUARDS).map(([name, guard]) => [name, { guard: Guard.parse(guard), repeats: "changed" as const }]),
  ),
  asks: new Set(["cert"]),
};

type Opened = Awaited<ReturnType<typeof openSqliteStore>>;

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "migration-"));
  path = join(directory, "state.db");
});
afterEach(() => rmSync(directory, { recursive: true }));

async function open(schema: number): Promise<Opened> {
  const db = await openDatabase(path);
  const dump = readFileSync(new URL(`../fixtures/state/schema-${schema}.sql`, import.meta.url), "utf8");
  db.exec(`PRAGMA synchronous = OFF; BEGIN; ${dump} COMMIT;`);
  db.close();
  return openSqliteStore({ path });
}

function plannerOf(store: Opened, clock = new SteppedClock(STOPPED + 1, () => {})): Planner {
  clock.at = Math.max(clock.at, STOPPED);
  return { store, rules: RULES, clock, wakeups: openWakeups(), observer: UNOBSERVED };
}

/** All that leaves for a destination, a day later, by the rules of now; and why the rest does not. */
async function leave(store: Opened, destination: string): Promise<readonly string[]> {
  const guard = RULES.destinations.get(destination)?.guard;
  const left: string[] = [];
  const now = STOPPED + 86_400_000;
  for (;;) {
    const taken = await takeOne(store, destination, now);
    if (!guard || !taken || !("batch" in taken)) {
      return left;
    }
    const { payload, leaving, refused } = openBatch(
      taken.batch,
      { guard, routes: RULES.routes, links: new Map() },
      now,
    );
    for (const { guarded } of payload?.entries ?? []) {
      left.push([guarded.alert.event?.info, ...guarded.alert.items.map(({ value }) => value)].join(" "));
    }
    left.push(
      ...refused.map(({ eventUuid, outcome, reason }) => `${Number(eventUuid?.slice(-12))} ${outcome} ${reason}`),
    );
    const records = [...leaving.map(({ delivery }) => recordOf(delivery, now, { outcome: "sent" })), ...refused];
    await settleOne(store, { batch: taken.batch.id, records, attempted: true }, now);
  }
}

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as {
  readonly Event: { readonly Attribute: readonly object[] };
};

/** The very publication that the file knows, once more. */
function publicationOf(n: number, fields: object = {}) {
  const Attribute = PUBLISHED.Attribute.slice(0, 1).map((one) => ({
    ...one,
    ...{ id: String(n * 100 + 1), event_id: String(n), uuid: uuidOf(n * 100 + 1) },
  }));
  const told = {
    id: String(n),
    uuid: uuidOf(n),
    info: `Event ${n}`,
    timestamp: String(SECONDS - 60),
    Attribute,
    Object: [],
  };
  return messageOf("misp_json", { Event: { ...PUBLISHED, ...told, ...fields } }, STOPPED);
}

describe.each([[1], [2], [3], [4], [5]])("a state file of schema %i", (schema) => {
  it("tells all that it owes, also by a route that is gone, and what was never stored refuses nothing", async () => {
    await using store = await open(schema);
    expect(await leave(store, "hook")).toEqual([
      expect.stringMatching(/^Event 2 \S+$/),
      expect.stringMatching(/^Event 3 \S+$/),
      "7 refused tlp-above-ceiling",
      "7 refused tlp-above-ceiling",
    ]);
    expect(await leave(store, "bad")).toHaveLength(4);
    expect(await leave(store, "circle")).toEqual([expect.stringMatching(/^Event 4 \S+$/)]);
    expect(await leave(store, "held")).toHaveLength(4);
    expect(await leave(store, "down")).toHaveLength(4);
    expect(await store.owed()).toEqual([]);
    const refused = (await historyOf(store, 1000)).filter(({ at, outcome }) => outcome === "refused" && at > STOPPED);
    expect(new Set(refused.map(({ eventUuid }) => eventUuid))).toEqual(new Set([uuidOf(7)]));
  });

  it("keeps what is tried again, what is held, and why", async () => {
    await using store = await open(schema);
    expect((await store.ledger.holds()).map(({ destination, kind, note }) => [destination, kind, note])).toEqual([
      ["down", "suspended", "http-410"],
      ["held", "paused", "operator"],
    ]);
    const tried: unknown[] = [];
    for await (const lines of store.ledger.owed({ standing: "retrying" })) {
      tried.push(
        ...lines.map(({ delivery, attempts, reason }) => [delivery.destination, delivery.eventUuid, attempts, reason]),
      );
    }
    expect(tried).toContainEqual(["hook", uuidOf(2), 1, "http-503"]);
    expect(Object.fromEntries((await store.owed()).map(({ destination, owed }) => [destination, owed]))).toEqual({
      ...{ bad: 4, circle: 1, down: 4, held: 4, hook: 4 },
    });
  });

  it("tells nothing twice: neither what was told nor what is owed is news when it comes again", async () => {
    await using store = await open(schema);
    const before = await store.owed();
    for (const n of [1, 2, 3]) {
      await absorb([publicationOf(n)], plannerOf(store));
    }
    expect(await store.owed()).toEqual(before);
    await absorb([publicationOf(1, { timestamp: String(SECONDS - 1), info: "Another" })], plannerOf(store));
    expect((await store.owed()).find(({ destination }) => destination === "hook")?.owed).toBe(5);
  });

  it("decides by MISP's answer what was undecided", async () => {
    await using store = await open(schema);
    const stop = new AbortController();
    const clock = new SteppedClock(STOPPED + 10 * MINUTE, () => stop.abort());
    const asked: string[] = [];
    const worker = {
      ...{
        instance: "cert",
        settleMs: 5000,
        patienceMs: 10 * MINUTE,
        budget: openBudget(clock),
        log: openLog("silent"),
      },
      thread: async () => Promise.reject(new Error("nobody posts here")),
      async ask(event: string) {
        asked.push(event);
        const view = eventView({
          id: "5",
          uuid: uuidOf(5),
          tags: tags("tlp:green"),
          published: true,
          wasPublished: true,
        });
        const attribute = attributeOf("501", { uuid: uuidOf(501), value: "undecided.example", tags: [] });
        return { kind: "event" as const, event: view, attributes: [attribute], objects: [] };
      },
    };
    await recall(worker, plannerOf(store, clock), stop.signal);
    expect(asked).toHaveLength(1);
    expect(await leave(store, "hook")).toContainEqual(expect.stringContaining("undecided.example"));
    expect(await store.undecided("cert", Number.MAX_SAFE_INTEGER, [])).toBeUndefined();
  });

  it("has one row of what it knew twice, which is as strict as both", async () => {
    await using store = await open(schema);
    const { events } = await store.load({
      events: [
        { instance: "cert", id: "7" },
        { instance: "cert", uuid: uuidOf(7) },
      ],
      parts: [],
    });
    expect(events.map(({ key }) => key)).toEqual([uuidOf(7)]);
    const [memory] = events;
    expect([...(memory?.attached ?? []), ...(memory?.event.tags ?? [])].map(({ name }) => name)).toContain("tlp:red");
  });
});

it("keeps of a state file of schema 3 what a destination will know of a delivery that leaves in parts", async () => {
  const db = await openDatabase(path);
  db.exec(readFileSync(new URL("../fixtures/state/schema-3.sql", import.meta.url), "utf8"));
  db.exec(
    "INSERT INTO cuts SELECT id, '{\"at\":1}', '{\"missing\":[]}' FROM deliveries WHERE destination = 'hook' LIMIT 2",
  );
  db.exec("UPDATE cuts SET told = NULL WHERE rowid = 2");
  db.close();
  await (await openSqliteStore({ path }))[Symbol.asyncDispose]();
  const after = await openDatabase(path);
  expect(
    after.prepare("SELECT c.body, t.body AS told FROM cuts c LEFT JOIN cuts_told t USING (delivery)").all(),
  ).toEqual(['{"at":1}', null].map((told) => ({ body: '{"missing":[]}', told })));
  after.exec("DELETE FROM deliveries");
  expect(after.prepare("SELECT * FROM cuts_told").all()).toEqual([]);
  after.close();
});

it("knows of a message of schema 5 that is to be changed since when it was due", async () => {
  const db = await openDatabase(path);
  db.exec(readFileSync(new URL("../fixtures/state/schema-5.sql", import.meta.url), "utf8"));
  const body = (id: string) =>
    JSON.stringify({ id, destination: "hook", at: 1, ref: { channel: "C1", ts: id }, events: [] });
  for (const [id, dueAt] of [
    ["waits", 7],
    ["shown", null],
  ] as const) {
    db.prepare("INSERT INTO posts (id, destination, at, reply, due_at, body) VALUES (?, 'hook', 1, 0, ?, ?)").run(
      ...([id, dueAt, body(id)] as const),
    );
  }
  db.close();
  await using store = await openSqliteStore({ path });
  expect(await store.ledger.pendingChanges()).toEqual([{ destination: "hook", n: 1, urgent: 0, oldestAt: 7 }]);
});
