import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { AlertId } from "../../src/model/alert.ts";
import type { RecordLine } from "../../src/model/outbox.ts";
import type { Eviction } from "../../src/store/size.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { historyOf } from "../support/history.ts";
import { settleOne } from "../support/one-batch.ts";
import {
  alert,
  delivery,
  EVENT_KEYS,
  effects,
  eventMemory,
  group,
  MINUTE,
  NOW,
  owing,
  partMemory,
  record,
  settledAs,
  takeBatch,
  UUID,
} from "./samples.ts";

const DAY = 86_400_000;
const KIB = 1024;
/** Text that takes about as much room as a middling alert. */
const LONG = "x".repeat(4 * KIB);

async function openStore() {
  const directory = await mkdtemp(join(tmpdir(), "herald-size-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "state.db");
  const store = await openSqliteStore({ path });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return { path, store, size: store.size };
}
type Opened = Awaited<ReturnType<typeof openStore>>;

function uuidOf(n: number): string {
  return `5f1b2c3d-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

/** Owes `n` deliveries of large alerts about events of their own, named `${destination}-0` and so on, oldest first. */
async function owe({ store }: Opened, destination: string, n: number, from = 0): Promise<void> {
  for (let i = from; i < from + n; i += 1) {
    const id = `${destination}-${i}`;
    const event = { id: `9${i}`, uuid: uuidOf(i), info: LONG, tags: [] };
    const one = delivery(id, { destination, eventUuid: uuidOf(i), createdAt: NOW + i, groups: [group(id)] });
    await store.commit(effects({ alerts: [alert(one.alert, { event })], deliveries: [one] }), NOW);
  }
}

/** Sheds until it fits; gives every step. */
async function shedAll({ size }: Opened, maxBytes: number, now = NOW): Promise<readonly Eviction[]> {
  const steps: Eviction[] = [];
  for (let step = await size.shed(maxBytes, now); step; step = await size.shed(maxBytes, now)) {
    steps.push(step);
  }
  return steps;
}

function linesOf(steps: readonly Eviction[]): readonly RecordLine[] {
  return steps.flatMap((step) => (step.what === "owed" ? step.lines : []));
}

test("nothing is removed from a file that is small enough", async () => {
  const opened = await openStore();
  await owe(opened, "soc", 3);
  const { used } = await opened.size.measure();
  expect(await opened.size.shed(used, NOW)).toBeUndefined();
});

test("the oldest records go first, then memory of what is not owed, then the oldest owed of who owes most", async () => {
  const opened = await openStore();
  const { store, size } = opened;
  const empty = (await size.measure()).used;
  const lines = Array.from({ length: 700 }, (_, i) => record(delivery(`r${i}`), { outcome: "refused", at: NOW + i }));
  await store.commit(effects({ records: lines }), NOW);
  await store.commit(
    effects({
      events: [eventMemory({ event: { id: "7", uuid: UUID, info: LONG, tags: [] } })],
      parts: [partMemory("70")],
    }),
    NOW,
  );
  await owe(opened, "few", 5, 100);
  await owe(opened, "many", 20, 200);
  const steps = await shedAll(opened, empty + 60 * KIB, NOW + DAY);
  expect([...new Set(steps.map(({ what }) => what))]).toEqual(["records", "memory", "owed"]);
  expect(await store.load(EVENT_KEYS)).toMatchObject({ events: [], parts: [] });
  const dead = linesOf(steps);
  expect(dead.length).toBeGreaterThan(0);
  expect(dead.slice(0, 3)).toMatchObject([
    { delivery: "many-200", destination: "many", outcome: "dead", reason: "state-full" },
    { delivery: "many-201" },
    { delivery: "many-202" },
  ]);
  expect((await size.measure()).used).toBeLessThanOrEqual(empty + 60 * KIB);
  const owed = new Map((await store.owed()).map((line) => [line.destination, line.owed]));
  expect((owed.get("few") ?? 0) + (owed.get("many") ?? 0) + dead.length).toBe(25);
});

test("no more of the record goes than is needed, the newest lines stay", async () => {
  const opened = await openStore();
  const lines = Array.from({ length: 2_000 }, (_, i) => record(delivery(`r${i}`), { at: NOW + i }));
  await opened.store.commit(effects({ records: lines }), NOW);
  const { used } = await opened.size.measure();
  expect(await shedAll(opened, used - 50 * KIB, NOW + DAY)).toEqual([{ what: "records", rows: 500 }]);
  const left = await historyOf(opened.store, 10_000);
  expect(left).toHaveLength(1_500);
  expect(left[0]?.delivery).toBe("r1999");
});

/** An event that was told and of which nothing is owed, at that time. */
async function tell({ store }: Opened, n: number, at: number): Promise<void> {
  const event = { id: String(n), uuid: uuidOf(n), changedAt: at, info: LONG, tags: [] };
  const one = delivery(`told-${n}`, { eventUuid: uuidOf(n), changedAt: at, createdAt: at, groups: [group(`${n}`)] });
  await store.commit({ ...owing(one), events: [eventMemory({ key: uuidOf(n), event })] }, at);
  await settleOne(store, settledAs(await takeBatch(store, at), "sent", at), at);
}

/** What is left of an event, and that it was told. */
async function leftOf({ store }: Opened, n: number) {
  const { events, told } = await store.load({ events: [{ instance: "cert", uuid: uuidOf(n) }], parts: [] });
  const lines = await historyOf(store, 1_000);
  return {
    memory: events.length,
    told: told.length,
    record: lines.filter(({ eventUuid, outcome }) => eventUuid === uuidOf(n) && outcome === "sent").length,
  };
}

test("what was told within the last hour stays known as long as anything else can go, so that it is not told again", async () => {
  const opened = await openStore();
  await tell(opened, 1, NOW - 2 * 60 * MINUTE);
  await tell(opened, 2, NOW - 10 * MINUTE);
  await owe(opened, "soc", 20, 100);
  const { used } = await opened.size.measure();
  const steps = await shedAll(opened, used - 52 * KIB);
  expect(steps.map(({ what }) => what)).toEqual(["records", "memory", "owed"]);
  expect(await leftOf(opened, 2)).toEqual({ memory: 1, told: 1, record: 1 });
  await owe(opened, "soc", 1, 200);
  expect((await shedAll(opened, 0)).map(({ what }) => what)).toEqual(["owed", "records", "memory", "memory"]);
  expect(await leftOf(opened, 2)).toEqual({ memory: 0, told: 0, record: 0 });
});

test("who was told of an event stays known for a day, also when its memory goes", async () => {
  const opened = await openStore();
  await tell(opened, 1, NOW - DAY - MINUTE);
  await tell(opened, 2, NOW - 2 * 60 * MINUTE);
  await owe(opened, "soc", 20, 100);
  const { used } = await opened.size.measure();
  await shedAll(opened, used - 30 * KIB);
  expect(await leftOf(opened, 1)).toEqual({ memory: 0, told: 0, record: 0 });
  expect(await leftOf(opened, 2)).toEqual({ memory: 0, told: 1, record: 0 });
  const { used: left } = await opened.size.measure();
  expect(await opened.size.shed(left - 1, NOW + DAY)).toMatchObject({ what: "memory" });
  expect(await leftOf(opened, 2)).toMatchObject({ told: 0 });
});

test("memory of an event that something is owed of, or waits to be decided, stays", async () => {
  const opened = await openStore();
  const { store } = opened;
  await store.commit(effects({ events: [eventMemory()], parts: [partMemory("70")] }), NOW);
  await store.commit(owing(delivery("a")), NOW);
  const waiting = eventMemory({ key: "8", event: { id: "8", uuid: uuidOf(8), tags: [] } });
  const message = {
    instance: "cert",
    topic: "misp_json_sighting",
    receivedAt: NOW,
    subject: { type: "sighting", id: "1" },
    version: "1",
    attributes: [],
    objects: [],
    lines: [],
  } as const;
  const undecided = {
    id: "u" as AlertId,
    instance: "cert",
    eventKey: "8",
    destinations: ["soc"],
    message,
    since: NOW,
  };
  await store.commit(effects({ events: [waiting], undecided: [undecided] }), NOW);
  expect(await opened.size.shed(0, NOW)).toEqual({ what: "undecided", undecided: [undecided] });
  const known = await store.load({ events: [...EVENT_KEYS.events, { instance: "cert", id: "8" }], parts: [] });
  expect(known.events).toHaveLength(2);
  expect(known.parts).toHaveLength(1);
});

test("what is being sent is never dead for want of room", async () => {
  const opened = await openStore();
  await owe(opened, "soc", 2);
  const batch = await takeBatch(opened.store, NOW);
  const sent = batch.entries.map((entry) => entry.delivery.id);
  const dead = linesOf(await shedAll(opened, 0)).map((line) => line.delivery);
  expect([...sent, ...dead].sort()).toEqual(["soc-0", "soc-1"]);
  expect(await opened.store.owed()).toMatchObject([{ destination: "soc", owed: sent.length }]);
});

test("that a delivery was lost stays in the record for a day, though room is scarce", async () => {
  const opened = await openStore();
  await owe(opened, "soc", 2);
  await shedAll(opened, 0);
  expect(await historyOf(opened.store, 10)).toMatchObject([{ reason: "state-full" }, { reason: "state-full" }]);
  await shedAll(opened, 0, NOW + 2 * DAY);
  expect(await historyOf(opened.store, 10)).toEqual([]);
});

test("the rest of a batch and of a group leaves when it would have", async () => {
  const opened = await openStore();
  const { store, size } = opened;
  const together = Array.from({ length: 4 }, (_, i) => delivery(`d${i}`, { createdAt: NOW + i, alert: "large" }));
  const event = { id: "9", uuid: UUID, info: LONG.repeat(20), tags: [] };
  await store.commit(effects({ alerts: [alert("large", { event })], deliveries: together }), NOW);
  const { used } = await size.measure();
  expect(linesOf([(await size.shed(used - 1, NOW)) ?? { what: "records", rows: 0 }])).toMatchObject([
    { delivery: "d0" },
  ]);
  const batch = await takeBatch(store, NOW + 1);
  expect(batch.entries.map((entry) => entry.delivery.id)).toEqual(["d1", "d2", "d3"]);
});

test("room that is not in use goes back to the disk", async () => {
  const opened = await openStore();
  const { store, size, path } = opened;
  await owe(opened, "soc", 200);
  await shedAll(opened, 0);
  const before = (await size.measure()).file;
  while (await size.giveBack()) {}
  const { file } = await size.measure();
  expect(file).toBeLessThan(before / 2);
  await store[Symbol.asyncDispose]();
  expect((await stat(path)).size).toBe(file);
});
