import { expect, test } from "vitest";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { attributeOf, eventEdited, MINUTE, publication, SECOND, T0, tags, uuidOf } from "../support/messages.ts";
import { takeOne } from "../support/one-batch.ts";
import { feed, HOUR, Misp, owed, rounds, startedBefore } from "./misp.ts";

test("a publication that was missed is told though its event was edited afterwards, which unpublished it", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + 10 * MINUTE);
  misp.edit("1", T0 + 15 * MINUTE);
  expect(await rounds(store, misp, 14 * MINUTE, T0 + 20 * MINUTE)).toEqual([1]);
  expect(await owed(store)).toMatchObject([{ info: undefined, late: true, items: 0 }]);
});

test("what was edited since is not told: not its title and tags, nor that they are what a route asks for", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + 10 * MINUTE);
  misp.edit("1", T0 + 15 * MINUTE);
  const row = { id: "1", uuid: uuidOf("1"), published: false, info: "UNPUBLISHED", threatLevel: "high" as const };
  const edit = eventEdited({ ...row, changedAt: T0 + 15 * MINUTE, tags: tags("tlp:green", "UNPUBLISHED-TAG") });
  await feed(store, T0 + 16 * MINUTE, edit);
  expect(await rounds(store, misp, 14 * MINUTE, T0 + 20 * MINUTE)).toEqual([1]);
  const taken = await takeOne(store, "soc", Number.MAX_SAFE_INTEGER);
  const opened = taken && "batch" in taken ? taken : undefined;
  const alert = opened?.batch.entries[0]?.alert;
  expect(alert?.marking.tlp).toBe("green");
  expect(alert?.event).toMatchObject({ id: "1", uuid: uuidOf("1"), distribution: "community" });
  expect(JSON.stringify(alert)).not.toMatch(/UNPUBLISHED|threatLevel|"tags":\[\{/);
});

test("the edit is an update once it is published, and told once", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + 10 * MINUTE);
  misp.edit("1", T0 + 15 * MINUTE);
  await rounds(store, misp, MINUTE, T0 + 20 * MINUTE);
  const event = misp.republish("1", T0 + 30 * MINUTE);
  const again = publication({ event, attributes: [attributeOf("21")] });
  await feed(store, T0 + 30 * MINUTE, again, again);
  expect(await rounds(store, misp, 14 * MINUTE, T0 + 35 * MINUTE)).toEqual([]);
  expect(await owed(store)).toMatchObject([
    { info: undefined, late: true, items: 0, change: "new" },
    { info: "Event 1", late: undefined, items: 1, change: "updated" },
  ]);
});

test("a publication that the feed told is not told again because its event was edited afterwards", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  const event = misp.publish("1", T0 + 10 * MINUTE);
  // Ours is two days ahead.
  const aheadMs = 48 * HOUR;
  const told = publication({ event, receivedAt: T0 + aheadMs + 10 * MINUTE + SECOND });
  await feed(store, T0 + aheadMs + 10 * MINUTE + SECOND, told);
  misp.edit("1", T0 + 15 * MINUTE);
  expect(await rounds(store, misp, 14 * MINUTE, T0 + aheadMs + 20 * MINUTE, aheadMs)).toEqual([]);
  expect(await owed(store)).toHaveLength(1);
});

test("of two publications that the second was missed is found though its event was edited after both", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  const event = misp.publish("1", T0 + 10 * MINUTE);
  await feed(store, T0 + 10 * MINUTE, publication({ event, receivedAt: T0 + 10 * MINUTE }));
  misp.edit("1", T0 + 12 * MINUTE);
  misp.republish("1", T0 + 15 * MINUTE);
  misp.edit("1", T0 + 17 * MINUTE);
  expect(await rounds(store, misp, 14 * MINUTE, T0 + 20 * MINUTE)).toEqual([1]);
  expect(await owed(store)).toMatchObject([{ change: "new" }, { change: "updated", late: true, items: 0 }]);
});

test("a publication that somebody took back is not told", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + 10 * MINUTE);
  misp.unpublish("1");
  misp.publish("2", T0 + 11 * MINUTE);
  const [, listed] = misp.events;
  if (!listed) {
    throw new Error("No such event");
  }
  // This one is taken back after MISP has listed it.
  const answer = { kind: "event" as const, attributes: [], objects: [] };
  misp.answers.set("2", { ...answer, event: { ...listed.event, published: false } });
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([]);
  expect(misp.asked).toEqual(["2"]);
  expect(await owed(store)).toEqual([]);
});

test("a publication that was missed is told though the feed told of the edit after it", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + 10 * MINUTE);
  misp.edit("1", T0 + 15 * MINUTE);
  const row = { id: "1", uuid: uuidOf("1"), published: false };
  // By the time that MISP's answer is dealt with, there is even a newer one.
  await feed(store, T0 + 16 * MINUTE, eventEdited({ ...row, changedAt: T0 + 16 * MINUTE }));
  expect(await rounds(store, misp, 14 * MINUTE, T0 + 20 * MINUTE)).toEqual([1]);
  expect(await owed(store)).toMatchObject([{ info: undefined, late: true, items: 0 }]);
});

test("a publication that the feed tells while the missed one before it is fetched is not gone back on", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  misp.publish("1", T0 + 10 * MINUTE);
  misp.edit("1", T0 + 15 * MINUTE);
  const ask = misp.ask.bind(misp);
  misp.ask = async (uuid) => {
    const event = misp.republish("1", T0 + 20 * MINUTE);
    await feed(store, T0 + 20 * MINUTE, publication({ event, receivedAt: T0 + 20 * MINUTE }));
    return ask(uuid);
  };
  await rounds(store, misp, MINUTE, T0 + 20 * MINUTE);
  expect(await owed(store)).toMatchObject([{ late: undefined, change: "new" }]);
});

test("what was taken back and is published again unchanged is found where the feed did not tell, and told once", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  const event = misp.publish("1", T0 + 10 * MINUTE);
  const first = publication({ event, receivedAt: T0 + 10 * MINUTE });
  await feed(store, T0 + 10 * MINUTE, first);
  expect(await owed(store)).toMatchObject([{ change: "new" }]);
  await feed(store, T0 + 12 * MINUTE, { ...eventEdited({ ...event, published: false }), receivedAt: T0 + 12 * MINUTE });
  misp.unpublish("1");
  expect(await rounds(store, misp, 7 * MINUTE, T0 + 14 * MINUTE)).toEqual([]);
  misp.republish("1", T0 + 22 * MINUTE);
  expect(await rounds(store, misp, 14 * MINUTE, T0 + 24 * MINUTE)).toEqual([1]);
  // The feed tells it after all.
  await feed(store, T0 + 40 * MINUTE, { ...first, receivedAt: T0 + 40 * MINUTE });
  expect(await rounds(store, misp, 7 * MINUTE, T0 + 41 * MINUTE)).toEqual([]);
  expect(await owed(store)).toMatchObject([{ late: true, info: "Event 1", items: 1 }]);
});

test("what reconcile is told of a missed event teaches memory, also of what waits about it", async () => {
  await using store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  const event = misp.publish("1", T0 + 10 * MINUTE);
  const attributes = [attributeOf("21"), attributeOf("22"), attributeOf("23")];
  await feed(store, T0 + 10 * MINUTE, publication({ event, receivedAt: T0 + 10 * MINUTE, attributes }));
  misp.edit("1", T0 + 12 * MINUTE);
  const next = misp.republish("1", T0 + 20 * MINUTE);
  // MISP has one less and one that is red by now, and the feed told of neither.
  const now = [attributeOf("21"), attributeOf("22", { tags: tags("tlp:red") })];
  misp.answers.set("1", { kind: "event", event: next, attributes: now, objects: [] });
  expect(await rounds(store, misp, 14 * MINUTE, T0 + 24 * MINUTE)).toEqual([1]);
  const taken = await takeOne(store, "soc", Number.MAX_SAFE_INTEGER);
  const memory = taken && "batch" in taken ? taken.batch.entries[0]?.memory : undefined;
  expect(memory?.parts).toMatchObject([{ id: "22", tags: ["tlp:red"] }]);
  expect(memory?.listing).toMatchObject({ asked: true });
});
