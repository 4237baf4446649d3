import { describe, expect, it } from "vitest";
import { historyOf } from "../support/history.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import type { Opened } from "../support/store-contract.ts";
import { delivery, group, idsOf, MINUTE, NOW, owing, record, settledAs, takeBatch } from "./samples.ts";

const INTERVAL = 5 * MINUTE;

/** When batches leave and what is in them: the part of the store's contract that is about time. */
export function describeSchedule(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: groups`, () => {
    it("let the first leave at once, and what follows together an interval after it left", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      await settleOne(store, settledAs(await takeBatch(store, NOW + 10), "sent"), NOW + 20);
      await store.commit(owing(delivery("b")), NOW + 30);
      await store.commit(owing(delivery("c")), NOW + MINUTE);
      expect(await takeOne(store, "soc", NOW + INTERVAL)).toEqual({ dueAt: NOW + 10 + INTERVAL });
      expect(idsOf(await takeBatch(store, NOW + 10 + INTERVAL))).toEqual(["b", "c"]);
    });

    it("leave at once again when they were quiet for an interval", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      await settleOne(store, settledAs(await takeBatch(store, NOW), "sent"), NOW);
      await store.commit(owing(delivery("b")), NOW + INTERVAL);
      expect(idsOf(await takeBatch(store, NOW + INTERVAL))).toEqual(["b"]);
    });

    it("wait before the first leaves, and then leave no earlier for the number that waits", async () => {
      await using store = (await open()).store;
      const groups = [group("slow", { waitMs: MINUTE })];
      await store.commit(owing(delivery("d0", { groups })), NOW);
      const more = Array.from({ length: 99 }, (_, n) => delivery(`d${n + 1}`, { groups, createdAt: NOW + n }));
      await store.commit(owing(...more), NOW + MINUTE - 1);
      expect(await takeOne(store, "soc", NOW + MINUTE - 1)).toEqual({ dueAt: NOW + MINUTE });
      expect((await takeBatch(store, NOW + MINUTE)).entries).toHaveLength(100);
    });

    it("leave at once when they are said to be complete, and wait an interval afterwards", async () => {
      await using store = (await open()).store;
      const groups = [group("late", { waitMs: 2 * MINUTE })];
      await store.commit(owing(delivery("a", { groups }), delivery("b")), NOW);
      await store.commit({ ...owing(), complete: ["late", "nothing waits in this"] }, NOW + MINUTE);
      const left = [await takeBatch(store, NOW + MINUTE), await takeBatch(store, NOW + MINUTE)];
      expect(left.map(idsOf).sort()).toEqual([["a"], ["b"]]);
      await store.commit({ ...owing(), complete: ["late"] }, NOW + MINUTE);
      await store.commit(owing(delivery("c", { groups })), NOW + MINUTE);
      expect(await takeOne(store, "soc", NOW + MINUTE)).toEqual({ dueAt: NOW + MINUTE + INTERVAL });
    });

    it("of several candidates the one that leaves first gets the delivery, with its own `show`", async () => {
      await using store = (await open()).store;
      const slow = group("slow", { waitMs: 3 * MINUTE, show: 1 });
      const quick = group("quick", { waitMs: 2 * MINUTE, show: "matched" });
      const late = group("late", { waitMs: 2 * MINUTE, show: 3 });
      await store.commit(owing(delivery("a", { groups: [slow, quick, late] })), NOW);
      const batch = await takeBatch(store, NOW + 2 * MINUTE);
      expect(idsOf(batch)).toEqual(["a"]);
      expect(batch.show).toBe("matched");
      // The quick group has just left: now the slow one is earlier.
      await store.commit(owing(delivery("b", { groups: [slow, quick] })), NOW + 2 * MINUTE);
      const next = await takeBatch(store, NOW + INTERVAL);
      expect(idsOf(next)).toEqual(["b"]);
      expect(next.show).toBe(1);
    });

    it("leave all together in the order in which they became owed, unless memory has no room; then the rest follows at once", async () => {
      await using store = (await open()).store;
      const many = Array.from({ length: 5001 }, (_, n) =>
        delivery(`d${n}`, { createdAt: NOW - n, priority: n === 5000 ? "high" : "normal" }),
      );
      await store.commit(owing(...many), NOW);
      const first = await takeBatch(store, NOW + 1);
      expect(first.entries).toHaveLength(5000);
      expect(idsOf(first)[0]).toBe("d0");
      expect(idsOf(await takeBatch(store, NOW + 1))).toEqual(["d5000"]);
    });

    it("of one destination do not know those of another", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      await takeBatch(store, NOW);
      await store.commit(owing(delivery("b", { destination: "mail" })), NOW);
      expect(idsOf(await takeBatch(store, NOW, "mail"))).toEqual(["b"]);
      expect(await takeOne(store, "nobody", NOW)).toBeUndefined();
    });

    it("with high priority leave first, but not earlier", async () => {
      await using store = (await open()).store;
      const urgent = group("urgent", { waitMs: MINUTE });
      await store.commit(
        owing(delivery("a", { groups: [group("one")] }), delivery("b", { groups: [group("two")] })),
        NOW,
      );
      await store.commit(owing(delivery("c", { groups: [urgent], priority: "high" })), NOW);
      expect(idsOf(await takeBatch(store, NOW))).not.toContain("c");
      expect(idsOf(await takeBatch(store, NOW + MINUTE))).toEqual(["c"]);
      expect((await takeBatch(store, NOW + MINUTE)).entries).toHaveLength(1);
    });

    it("are urgent as long as something urgent is in them", async () => {
      await using store = (await open()).store;
      const groups = [group("two", { waitMs: 1 })];
      await store.commit(
        owing(delivery("a", { groups: [group("one")] }), delivery("b", { groups, priority: "high" })),
        NOW,
      );
      await store.commit(owing(delivery("c", { groups })), NOW);
      expect(idsOf(await takeBatch(store, NOW + 1))).toEqual(["b", "c"]);
      await store.commit(owing(delivery("d", { groups })), NOW + 1);
      await store.commit(owing(delivery("e", { groups: [group("three")] })), NOW + 2);
      // "two" has left with what was urgent, so that the earliest is first again.
      expect(idsOf(await takeBatch(store, NOW + INTERVAL + 1))).toEqual(["a"]);
      expect(idsOf(await takeBatch(store, NOW + INTERVAL + 1))).toEqual(["e"]);
      expect(idsOf(await takeBatch(store, NOW + INTERVAL + 1))).toEqual(["d"]);
    });

    it("are not held by a clock that was set back", async () => {
      await using store = (await open()).store;
      const later = NOW + 24 * 60 * MINUTE;
      await store.commit(owing(delivery("a")), later);
      await settleOne(store, settledAs(await takeBatch(store, later), "sent"), later);
      await store.commit(owing(delivery("b")), NOW);
      expect(await takeOne(store, "soc", NOW)).toEqual({ dueAt: NOW + INTERVAL });
    });
  });

  describe(`${name}: batches`, () => {
    it("are the same at every attempt, and who joins later is in another", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a"), delivery("b")), NOW);
      const first = await takeBatch(store, NOW);
      expect(first).toMatchObject({ destination: "soc", attempts: 0, firstAttemptAt: NOW, show: 20 });
      expect(first.id).toMatch(/^[0-9a-f]{32}$/);
      await store.commit(owing(delivery("c", { createdAt: NOW - 1 })), NOW + 1);
      await settleOne(store, { batch: first.id, records: [], retryAt: NOW + INTERVAL, attempted: true }, NOW + 2);
      const again = await takeBatch(store, NOW + INTERVAL);
      expect(again).toEqual({ ...first, attempts: 1, firstAttemptAt: NOW });
      const joiners = await takeBatch(store, NOW + INTERVAL);
      expect(idsOf(joiners)).toEqual(["c"]);
      expect(joiners.id).not.toBe(first.id);
    });

    it("are not handed out twice before they are settled", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const batch = await takeBatch(store, NOW);
      expect(await takeOne(store, "soc", NOW + INTERVAL)).toBeUndefined();
      await settleOne(store, { batch: batch.id, records: [], attempted: false }, NOW + INTERVAL);
      expect(await takeBatch(store, NOW + INTERVAL)).toMatchObject({ id: batch.id, attempts: 0 });
    });

    it("come behind those that were never tried, where that is wanted", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a"), delivery("b", { groups: [group("two")] })), NOW);
      const first = await takeBatch(store, NOW);
      await settleOne(store, { batch: first.id, records: [], retryAt: NOW, attempted: true }, NOW);
      const second = await takeOne(store, "soc", NOW, { newFirst: true });
      expect(second && "batch" in second ? idsOf(second.batch) : []).not.toEqual(idsOf(first));
      expect(await takeOne(store, "soc", NOW, { newFirst: true })).toMatchObject({ batch: { id: first.id } });
    });

    it("come back at `retryAt` and not before, and count only real attempts", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW + 1000, attempted: false }, NOW + 500);
      expect(await takeOne(store, "soc", NOW + 999)).toEqual({ dueAt: NOW + 1000 });
      expect(await takeBatch(store, NOW + 1000)).toMatchObject({ id, attempts: 0, firstAttemptAt: NOW + 1000 });
      await settleOne(store, { batch: id, records: [], retryAt: NOW + 3000, attempted: true }, NOW + 2000);
      expect(await takeBatch(store, NOW + 3000)).toMatchObject({ id, attempts: 1, firstAttemptAt: NOW + 1000 });
      await settleOne(store, { batch: id, records: [], retryAt: NOW + 5000, attempted: true }, NOW + 4000);
      expect(await takeBatch(store, NOW + 5000)).toMatchObject({ id, attempts: 2, firstAttemptAt: NOW + 1000 });
    });

    it("are settled in parts under one id", async () => {
      await using store = (await open()).store;
      const [a, b] = [delivery("a"), delivery("b")];
      await store.commit(owing(a, b), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [record(a)], retryAt: NOW + 1000, attempted: true }, NOW);
      expect(await store.owed()).toEqual([{ destination: "soc", owed: 1, oldestAt: NOW }]);
      const rest = await takeBatch(store, NOW + 1000);
      expect(rest).toMatchObject({ id, attempts: 1 });
      expect(idsOf(rest)).toEqual(["b"]);
      await settleOne(store, settledAs(rest, "sent"), NOW + 1000);
      expect(await store.owed()).toEqual([]);
    });

    it("are settled once, also when the settlement is repeated or names what is not in them", async () => {
      await using store = (await open()).store;
      const other = delivery("b", { destination: "mail" });
      await store.commit(owing(delivery("a"), other), NOW);
      const batch = await takeBatch(store, NOW);
      const settlement = settledAs(batch, "sent");
      const records = [...settlement.records, record(other)];
      await settleOne(store, { ...settlement, records }, NOW);
      await settleOne(store, { ...settlement, records }, NOW);
      expect(await historyOf(store, 9)).toEqual(settlement.records);
      expect(idsOf(await takeBatch(store, NOW, "mail"))).toEqual(["b"]);
    });
  });

  describe(`${name}: a crash`, () => {
    it("changes nothing of what is owed, of a batch on its way, of memory and of records", async (context) => {
      const { store, reopen } = await open();
      if (!reopen) {
        await store[Symbol.asyncDispose]();
        return context.skip("not durable");
      }
      await store.commit(owing(delivery("a"), delivery("b", { groups: [group("two", { waitMs: MINUTE })] })), NOW);
      const batch = await takeBatch(store, NOW);
      await settleOne(store, { batch: batch.id, records: [], retryAt: NOW + 1000, attempted: true }, NOW);
      const taken = await takeBatch(store, NOW + 1000);
      await using again = await reopen();
      expect(await takeBatch(again, NOW + 1000)).toEqual(taken);
      expect(await takeOne(again, "soc", NOW + 1000)).toEqual({ dueAt: NOW + MINUTE });
      await settleOne(again, settledAs(taken, "sent"), NOW + 1000);
      await again.commit(owing(delivery("a"), delivery("c")), NOW + 2000);
      expect(await takeOne(again, "soc", NOW + 2000)).toEqual({ dueAt: NOW + MINUTE });
      expect(idsOf(await takeBatch(again, NOW + MINUTE))).toEqual(["b"]);
      expect(idsOf(await takeBatch(again, NOW + INTERVAL))).toEqual(["c"]);
      expect(await historyOf(again, 9)).toHaveLength(1);
    });
  });
}
