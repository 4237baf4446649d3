import { describe, expect, it } from "vitest";
import type { OwedFilter, OwedLine, RecordFilter } from "../../src/model/ledger.ts";
import type { RecordLine } from "../../src/model/outbox.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import type { LedgerStore, Opened } from "../support/store-contract.ts";
import {
  alert,
  delivery,
  effects,
  eventMemory,
  group,
  idsOf,
  MINUTE,
  NOW,
  owing,
  record,
  settledAs,
  takeBatch,
  UUID,
} from "./samples.ts";

const DROPPED = { outcome: "muted", reason: "dropped-by-operator", by: "alice" } as const;
const OTHER = "5f1b2c3d-0000-4000-8000-000000000002";

async function linesOf({ ledger }: LedgerStore, filter: OwedFilter = {}): Promise<readonly OwedLine[]> {
  const lines: OwedLine[] = [];
  for await (const page of ledger.owed(filter)) {
    lines.push(...page);
  }
  return lines;
}

async function owedIn(store: LedgerStore, filter: OwedFilter = {}): Promise<readonly string[]> {
  return (await linesOf(store, filter)).map((line) => line.delivery.id);
}

async function recordsOf({ ledger }: LedgerStore, filter: RecordFilter = {}): Promise<readonly RecordLine[]> {
  const lines: RecordLine[] = [];
  for await (const page of ledger.records(filter)) {
    lines.push(...page);
  }
  return lines;
}

async function hasten({ ledger }: LedgerStore, filter: OwedFilter, now: number): Promise<readonly OwedLine[]> {
  const lines: OwedLine[] = [];
  for await (const page of ledger.hasten(filter, now)) {
    lines.push(...page);
  }
  return lines;
}

async function drop({ ledger }: LedgerStore, filter: OwedFilter): Promise<readonly RecordLine[]> {
  const lines: RecordLine[] = [];
  for await (const page of ledger.drop(filter, DROPPED, NOW + 7)) {
    lines.push(...page);
  }
  return lines;
}

/** What people ask and decide: the part of the store's contract that is about the ledger. */
export function describeLedger(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: refusals that repeat`, () => {
    it("are one line for each event, destination and reason, which counts and is the newest", async () => {
      await using store = (await open()).store;
      const refused = (id: string, fields: Partial<RecordLine> = {}) =>
        record(delivery(id), { outcome: "refused", reason: "draft", eventUuid: "u1", ...fields });
      const burst = Array.from({ length: 300 }, (_, n) => refused(`a${n}`, { at: NOW + n }));
      await store.commit(effects({ records: burst }), NOW);
      const others = [
        refused("b", { reason: "tlp-unknown" }),
        refused("c", { destination: "mail" }),
        refused("d", { eventUuid: "u2" }),
        refused("e", { outcome: "dead" }),
      ];
      await store.commit(effects({ records: others }), NOW);
      await store.commit(effects({ records: [refused("last", { at: NOW + 500 })] }), NOW);
      const lines = await recordsOf(store);
      expect(lines.map(({ delivery: id, times }) => [id, times])).toEqual([
        ["last", 301],
        ["e", undefined],
        ["d", undefined],
        ["c", undefined],
        ["b", undefined],
      ]);
      expect(lines[0]?.at).toBe(NOW + 500);
    });
  });

  describe(`${name}: the ledger of what is owed`, () => {
    it("tells where each delivery stands, oldest first", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW + 900, attempted: true, reason: "http-503" }, NOW);
      await store.commit(owing(delivery("b", { groups: [group("two")] })), NOW);
      await takeBatch(store, NOW);
      await store.commit(owing(delivery("c", { groups: [group("three", { waitMs: MINUTE })] })), NOW);
      expect(await linesOf(store)).toEqual([
        {
          delivery: delivery("a"),
          standing: "retrying",
          group: delivery("a").groups[0]?.key,
          dueAt: NOW + 900,
          attempts: 1,
          firstAttemptAt: NOW,
          reason: "http-503",
        },
        expect.objectContaining({ standing: "sending", attempts: 0 }),
        expect.objectContaining({ standing: "waiting", dueAt: NOW + MINUTE, attempts: 0 }),
      ]);
      expect(await owedIn(store, { standing: "retrying" })).toEqual(["a"]);
      expect(await owedIn(store, { standing: "sending" })).toEqual(["b"]);
      expect(await owedIn(store, { standing: "waiting" })).toEqual(["c"]);
    });

    it("keeps the last reason when an attempt ends without one", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW, attempted: true, reason: "http-503" }, NOW);
      await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], attempted: false }, NOW);
      expect(await linesOf(store)).toMatchObject([{ reason: "http-503" }]);
    });

    it("finds by destination, id, event and age, and by all of them together", async () => {
      await using store = (await open()).store;
      await store.commit(
        owing(
          delivery("a", { createdAt: NOW - MINUTE }),
          delivery("b", { destination: "mail" }),
          delivery("c", { eventUuid: OTHER }),
        ),
        NOW,
      );
      expect(await owedIn(store, { destinations: ["soc", "nobody"] })).toEqual(["a", "c"]);
      expect(await owedIn(store, { destinations: [] })).toEqual([]);
      expect(await owedIn(store, { ids: ["b", "x", "a"].map((id) => delivery(id).id) })).toEqual(["a", "b"]);
      expect(await owedIn(store, { eventUuid: OTHER })).toEqual(["c"]);
      expect(await owedIn(store, { before: NOW })).toEqual(["a"]);
      expect(await owedIn(store, { destinations: ["mail"], before: NOW })).toEqual([]);
      expect(await owedIn(store, { ids: [delivery("b").id], destinations: ["soc"] })).toEqual([]);
    });

    it("lists more than a page of them, also when what was listed is dropped meanwhile", async () => {
      await using store = (await open()).store;
      const many = Array.from({ length: 1201 }, (_, n) => delivery(`d${n}`, { alert: "one" }));
      await store.commit(owing(...many), NOW);
      expect(await owedIn(store)).toEqual(many.map(({ id }) => id));
      expect(await drop(store, {})).toHaveLength(1201);
      expect(await owedIn(store)).toEqual([]);
      expect(await recordsOf(store)).toHaveLength(1201);
    });

    it("finds a delivery by the beginning of its id", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("ab12"), delivery("ab34"), delivery("ab56"), delivery("cd")), NOW);
      expect(await store.ledger.find("ab1")).toEqual(["ab12"]);
      expect(await store.ledger.find("ab")).toEqual(["ab12", "ab34"]);
      expect(await store.ledger.find("x")).toEqual([]);
      expect(await store.ledger.find("%")).toEqual([]);
    });

    it("opens one delivery as it would be taken, and takes nothing", async () => {
      await using store = (await open()).store;
      await store.commit(
        { ...owing(delivery("a", { groups: [group("x", { show: 3 })] })), events: [eventMemory()] },
        NOW,
      );
      const opened = await store.ledger.open(delivery("a").id);
      expect(opened?.line).toMatchObject({ standing: "waiting", dueAt: NOW });
      const { entries, ...batch } = await takeBatch(store, NOW);
      expect(opened?.batch.entries).toEqual(entries);
      expect(entries[0]?.memory.event?.key).toBe(UUID);
      expect(opened?.batch).toMatchObject({ destination: "soc", attempts: 0, show: batch.show });
      expect(await store.ledger.open(delivery("b").id)).toBeUndefined();
    });
  });

  describe(`${name}: hastening`, () => {
    it("makes a group and a batch due at once", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW + MINUTE, attempted: true }, NOW);
      await store.commit(owing(delivery("b", { groups: [group("two", { waitMs: MINUTE })] })), NOW);
      expect(await takeOne(store, "soc", NOW + 1)).toEqual({ dueAt: NOW + MINUTE });
      expect(await hasten(store, { ids: [delivery("b").id] }, NOW + 1)).toMatchObject([
        { delivery: { id: "b" }, dueAt: NOW + 1 },
      ]);
      expect(idsOf(await takeBatch(store, NOW + 1))).toEqual(["b"]);
      expect(await takeOne(store, "soc", NOW + 1)).toEqual({ dueAt: NOW + MINUTE });
      expect(await hasten(store, { destinations: ["soc"] }, NOW + 1)).toMatchObject([{ delivery: { id: "a" } }]);
      expect(await takeBatch(store, NOW + 1)).toMatchObject({ id, attempts: 1 });
    });

    it("delays nothing that is due earlier, and leaves alone what is being sent", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      expect(await hasten(store, {}, NOW + MINUTE)).toMatchObject([{ dueAt: NOW }]);
      const batch = await takeBatch(store, NOW);
      expect(await hasten(store, {}, NOW)).toEqual([]);
      expect(await takeOne(store, "soc", NOW + MINUTE)).toBeUndefined();
      await settleOne(store, settledAs(batch, "sent"), NOW);
      expect(await owedIn(store)).toEqual([]);
    });
  });

  describe(`${name}: dropping`, () => {
    it("settles as muted what waits, with who wanted it, and it was not told", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a"), delivery("b", { destination: "mail" })), NOW);
      const line = record(delivery("a"), {
        outcome: "muted",
        reason: "dropped-by-operator",
        by: "alice",
        at: NOW + 7,
      });
      expect(await drop(store, { destinations: ["soc"] })).toEqual([line]);
      expect(await recordsOf(store)).toEqual([line]);
      expect(await store.owed()).toMatchObject([{ destination: "mail", owed: 1 }]);
      expect(await takeOne(store, "soc", NOW + 60 * MINUTE)).toBeUndefined();
      await store.commit(owing(delivery("a")), NOW + 8);
      expect(idsOf(await takeBatch(store, NOW + 8))).toEqual(["a"]);
    });

    it("takes the alert along with its last delivery only", async () => {
      await using store = (await open()).store;
      const both = [delivery("a", { alert: "one" }), delivery("b", { alert: "one", destination: "mail" })];
      await store.commit(owing(...both), NOW);
      await drop(store, { destinations: ["soc"] });
      expect((await takeBatch(store, NOW, "mail")).entries[0]?.alert).toEqual(alert("one"));
      await store.commit(owing(delivery("c", { alert: "two" })), NOW);
      await drop(store, { destinations: ["soc"] });
      await expect(store.commit(effects({ deliveries: [delivery("d", { alert: "two" })] }), NOW)).rejects.toThrow();
    });

    it("leaves what is being sent to its end", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const batch = await takeBatch(store, NOW);
      expect(await drop(store, {})).toEqual([]);
      await settleOne(store, settledAs(batch, "sent"), NOW);
      expect(await recordsOf(store)).toEqual([record(delivery("a"))]);
    });

    it("of a part of a batch or group leaves the rest as it was", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a"), delivery("b")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW + MINUTE, attempted: true }, NOW);
      await store.commit(owing(delivery("c"), delivery("d", { priority: "high" })), NOW);
      await drop(store, { ids: ["a", "d"].map((one) => delivery(one).id) });
      const rest = await takeBatch(store, NOW + MINUTE);
      expect(rest.id).toBe(id);
      expect(idsOf(rest)).toEqual(["b"]);
      expect(idsOf(await takeBatch(store, NOW + 5 * MINUTE))).toEqual(["c"]);
    });

    it("of a whole batch leaves nothing to take, and a quiet group keeps its interval", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW + 1, attempted: true }, NOW);
      await store.commit(owing(delivery("b")), NOW);
      expect(await drop(store, {})).toHaveLength(2);
      expect(await takeOne(store, "soc", NOW + 1)).toBeUndefined();
      await store.commit(owing(delivery("c")), NOW + 1);
      expect(await takeOne(store, "soc", NOW + 1)).toEqual({ dueAt: NOW + 5 * MINUTE });
    });
  });

  describe(`${name}: the ledger of records`, () => {
    it("tells by destination, event, outcome and time, newest first", async () => {
      await using store = (await open()).store;
      const lines = [
        record(delivery("a"), { at: NOW - MINUTE }),
        record(delivery("b", { destination: "mail" }), { outcome: "refused", reason: "tlp-above-ceiling" }),
        record(delivery("c", { eventUuid: OTHER }), { at: NOW + 1 }),
      ] as const;
      await store.commit(effects({ records: lines }), NOW);
      const [a, b, c] = lines;
      expect(await recordsOf(store)).toEqual([c, b, a]);
      expect(await recordsOf(store, { destination: "soc" })).toEqual([c, a]);
      expect(await recordsOf(store, { eventUuid: OTHER })).toEqual([c]);
      expect(await recordsOf(store, { outcome: "refused" })).toEqual([b]);
      expect(await recordsOf(store, { since: NOW })).toEqual([c, b]);
      expect(await recordsOf(store, { since: NOW, eventUuid: OTHER, destination: "mail" })).toEqual([]);
    });

    it("tells all of many, for one event too, and all of the last hour", async () => {
      await using store = (await open()).store;
      const old = Array.from({ length: 1201 }, (_, n) =>
        record(delivery(`o${n}`, { eventUuid: OTHER }), { at: NOW - MINUTE }),
      );
      const records = [...old, ...Array.from({ length: 600 }, (_, n) => record(delivery(`n${n}`)))];
      await store.commit(effects({ records }), NOW);
      expect(await recordsOf(store)).toEqual(records.toReversed());
      expect(await recordsOf(store, { eventUuid: OTHER })).toEqual(old.toReversed());
      expect(await recordsOf(store, { since: NOW })).toHaveLength(600);
    });

    it("knows when a destination was told last", async () => {
      await using store = (await open()).store;
      const records = [
        record(delivery("a"), { at: NOW }),
        record(delivery("b"), { at: NOW + 5, outcome: "unproven" }),
        record(delivery("c"), { at: NOW + 9, outcome: "dead" }),
        record(delivery("d", { destination: "mail" }), { outcome: "refused" }),
      ];
      await store.commit(effects({ records }), NOW);
      expect(await store.ledger.toldAt("soc")).toBe(NOW + 5);
      expect(await store.ledger.toldAt("mail")).toBeUndefined();
    });
  });

  describe(`${name}: a destination that is held`, () => {
    it("is known until it is released; the first hold of a kind counts", async () => {
      await using store = (await open()).store;
      const held = { destination: "soc", kind: "paused", since: NOW, note: "alice" } as const;
      const other = { destination: "mail", kind: "suspended", since: NOW, note: "http-410" } as const;
      await store.ledger.hold(held);
      await store.ledger.hold({ ...held, since: NOW + 1, note: "bob" });
      await store.ledger.hold(other);
      expect(await store.ledger.holds()).toEqual([other, held]);
      await store.ledger.release("mail", "suspended", NOW + 2);
      await store.ledger.release("soc", "suspended", NOW + 2);
      await store.ledger.release("nobody", "paused", NOW + 2);
      expect(await store.ledger.holds()).toEqual([held]);
    });

    it("does not age: the time of the hold does not count as tried for", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a"), delivery("m", { destination: "mail" })), NOW);
      for (const destination of ["soc", "mail"]) {
        const { id } = await takeBatch(store, NOW, destination);
        await settleOne(store, { batch: id, records: [], retryAt: NOW + 1, attempted: true }, NOW);
      }
      await store.ledger.hold({ destination: "soc", kind: "paused", since: NOW + MINUTE, note: "alice" });
      await store.ledger.release("soc", "paused", NOW + 11 * MINUTE);
      expect(await takeBatch(store, NOW + 11 * MINUTE)).toMatchObject({ firstAttemptAt: NOW + 10 * MINUTE });
      expect(await takeBatch(store, NOW + 11 * MINUTE, "mail")).toMatchObject({ firstAttemptAt: NOW });
    });

    it("counts from the release where the first attempt ended within the hold", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW + 2);
      await store.ledger.hold({ destination: "soc", kind: "suspended", since: NOW + 1, note: "http-410" });
      await settleOne(store, { batch: id, records: [], retryAt: NOW + 3, attempted: true }, NOW + 3);
      await store.ledger.release("soc", "suspended", NOW + MINUTE);
      expect(await takeBatch(store, NOW + MINUTE)).toMatchObject({ firstAttemptAt: NOW + MINUTE });
    });

    it.each([
      ["the longer one is released first", NOW + MINUTE, NOW + 3 * MINUTE, ["suspended", "paused"]],
      ["the shorter one is released first", NOW + 3 * MINUTE, NOW + MINUTE, ["suspended", "paused"]],
    ] as const)("counts no time twice where two holds overlap and %s", async (_, suspendedAt, pausedAt, order) => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW + 1, attempted: true }, NOW);
      await store.ledger.hold({ destination: "soc", kind: "suspended", since: suspendedAt, note: "http-410" });
      await store.ledger.hold({ destination: "soc", kind: "paused", since: pausedAt, note: "alice" });
      for (const [index, kind] of order.entries()) {
        await store.ledger.release("soc", kind, NOW + (5 + 2 * index) * MINUTE);
      }
      // Held from the first minute to the seventh, whatever it was that held it.
      expect(await takeBatch(store, NOW + 7 * MINUTE)).toMatchObject({ firstAttemptAt: NOW + 6 * MINUTE });
    });

    it("stays held across a crash", async (context) => {
      const { store, reopen } = await open();
      if (!reopen) {
        await store[Symbol.asyncDispose]();
        return context.skip("not durable");
      }
      const hold = { destination: "soc", kind: "suspended", since: NOW, note: "http-410" } as const;
      await store.ledger.hold(hold);
      await using again = await reopen();
      expect(await again.ledger.holds()).toEqual([hold]);
    });
  });
}
