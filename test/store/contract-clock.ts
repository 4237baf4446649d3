import { describe, expect, it } from "vitest";
import type { StoreClock } from "../../src/store/clock-watch.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import type { Opened } from "../support/store-contract.ts";
import { undecided } from "./contract-undecided.ts";
import { delivery, group, idsOf, MINUTE, NOW, owing, settledAs, takeBatch } from "./samples.ts";

const DAYS = 48 * 60 * MINUTE;

/** A clock that somebody sets; `passed` is the time that has passed in truth. */
class SetClock implements StoreClock {
  passed = 0;
  set = 0;

  now(): number {
    return NOW + this.passed + this.set;
  }

  monotonic(): number {
    return this.passed;
  }
}

/** What no store lets a clock do that somebody sets. */
export function describeClock(name: string, open: (clock?: StoreClock) => Promise<Opened>): void {
  describe(`${name}: a clock that is set back`, () => {
    const DAYS = 48 * 60 * MINUTE;

    it("changes nothing of how long a group waits, an attempt, and what is undecided", async () => {
      await using store = (await open()).store;
      const groups = [group("slow", { waitMs: 2 * MINUTE })];
      await store.commit(owing(delivery("a", { groups }), delivery("b")), NOW);
      const batch = await takeBatch(store, NOW);
      await settleOne(store, { batch: batch.id, records: [], retryAt: NOW + MINUTE, attempted: true }, NOW);
      await store.commit({ ...owing(), undecided: [undecided("u")] }, NOW);
      expect(await takeOne(store, "soc", NOW - DAYS)).toEqual({ dueAt: NOW - DAYS + MINUTE });
      const again = await takeBatch(store, NOW - DAYS + MINUTE);
      expect([idsOf(again), again.attempts, again.firstAttemptAt]).toEqual([["b"], 1, NOW - DAYS]);
      expect(await takeOne(store, "soc", NOW - DAYS + MINUTE)).toEqual({ dueAt: NOW - DAYS + 2 * MINUTE });
      expect(idsOf(await takeBatch(store, NOW - DAYS + 2 * MINUTE))).toEqual(["a"]);
      expect(await store.undecided("cert", NOW - DAYS, [])).toMatchObject({ undecided: [{ since: NOW - DAYS }] });
    });

    it("by a little is one of several loops that read it", async () => {
      await using store = (await open()).store;
      const groups = [group("slow", { waitMs: 2 * MINUTE })];
      await store.commit(owing(delivery("a", { groups })), NOW);
      expect(await takeOne(store, "soc", NOW - 5_000)).toEqual({ dueAt: NOW + 2 * MINUTE });
    });

    it("and forward again makes nothing leave twice", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const batch = await takeBatch(store, NOW + DAYS);
      expect(await takeOne(store, "soc", NOW)).toBeUndefined();
      await settleOne(store, settledAs(batch, "sent"), NOW);
      await store.commit(owing(delivery("a")), NOW + DAYS);
      expect(await takeOne(store, "soc", NOW + DAYS)).toBeUndefined();
    });

    it("while nobody looked is noticed at the next start", async (context) => {
      const { store, reopen } = await open();
      if (!reopen) {
        await store[Symbol.asyncDispose]();
        return context.skip("not durable");
      }
      await store.commit(owing(delivery("a", { groups: [group("slow", { waitMs: 2 * MINUTE })] })), NOW);
      await using again = await reopen();
      expect(await takeOne(again, "soc", NOW - DAYS)).toEqual({ dueAt: NOW - DAYS + 2 * MINUTE });
    });

    it("is made up for once, however often the store is opened afterwards", async (context) => {
      const { store, reopen } = await open();
      if (!reopen) {
        await store[Symbol.asyncDispose]();
        return context.skip("not durable");
      }
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW, attempted: true }, NOW);
      const firstAttempts: number[] = [];
      for (let start = 0; start < 3; start += 1) {
        await using again = await reopen();
        const batch = await takeBatch(again, NOW - DAYS + start * MINUTE);
        firstAttempts.push(batch.firstAttemptAt);
        await settleOne(again, { batch: id, records: [], retryAt: NOW - DAYS, attempted: true }, NOW - DAYS);
      }
      expect(firstAttempts).toEqual([NOW - DAYS, NOW - DAYS, NOW - DAYS]);
    });

    it("keeps how long something has been owed", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a", { createdAt: NOW - MINUTE }), delivery("b")), NOW);
      expect(await takeOne(store, "nobody", NOW - DAYS)).toBeUndefined();
      expect(await store.owed()).toEqual([{ destination: "soc", owed: 2, oldestAt: NOW - DAYS - MINUTE }]);
      // What readers are shown is the same at every attempt.
      const batch = await takeBatch(store, NOW - DAYS);
      expect(batch.entries.map((entry) => entry.delivery.createdAt)).toEqual([NOW - MINUTE, NOW]);
    });

    it("takes nothing from what a hold gives back", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW, attempted: true }, NOW);
      await store.ledger.hold({ destination: "soc", kind: "paused", since: NOW, note: "alice" });
      expect(await takeOne(store, "nobody", NOW - DAYS)).toBeUndefined();
      expect(await store.ledger.holds()).toMatchObject([{ since: NOW - DAYS }]);
      await store.ledger.release("soc", "paused", NOW - DAYS + 20 * MINUTE);
      expect(await takeBatch(store, NOW - DAYS + 20 * MINUTE)).toMatchObject({
        firstAttemptAt: NOW - DAYS + 20 * MINUTE,
      });
    });
  });

  describe(`${name}: a clock that is set ahead, or a machine that slept`, () => {
    it("makes nothing older that is tried for so long at most", async () => {
      const clock = new SetClock();
      await using store = (await open(clock)).store;
      await store.commit({ ...owing(delivery("a")), undecided: [undecided("u")] }, NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW + MINUTE, attempted: true }, NOW);
      clock.passed = MINUTE;
      clock.set = DAYS;
      const waiting = await store.undecided("cert", clock.now(), []);
      expect(waiting).toMatchObject({ undecided: [{ since: NOW + DAYS }] });
      expect(await takeBatch(store, clock.now())).toMatchObject({ attempts: 1, firstAttemptAt: NOW + DAYS });
    });

    it("is made up for once, and made up for again when it is set back", async () => {
      const clock = new SetClock();
      await using store = (await open(clock)).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      const firstAttempts: number[] = [];
      for (const set of [DAYS, DAYS, 0]) {
        clock.set = set;
        clock.passed += MINUTE;
        await takeOne(store, "nobody", clock.now());
        await settleOne(store, { batch: id, records: [], retryAt: clock.now(), attempted: true }, clock.now());
        firstAttempts.push((await takeBatch(store, clock.now())).firstAttemptAt);
      }
      expect(firstAttempts).toEqual([NOW + DAYS, NOW + DAYS, NOW]);
    });

    it("does not age what its destination is held for", async () => {
      const clock = new SetClock();
      await using store = (await open(clock)).store;
      await store.ledger.hold({ destination: "soc", kind: "unnamed", since: NOW, note: "" });
      await store.ledger.hold({ destination: "mail", kind: "suspended", since: NOW, note: "http-401" });
      clock.set = DAYS;
      clock.passed = MINUTE;
      expect(await store.ledger.holds()).toMatchObject([
        { destination: "mail", since: NOW },
        { destination: "soc", since: NOW + DAYS },
      ]);
    });

    it("is not what time is that passes, however much", async () => {
      const clock = new SetClock();
      await using store = (await open(clock)).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW, attempted: true }, NOW);
      clock.passed = DAYS;
      clock.set = 5_000;
      expect(await takeBatch(store, clock.now())).toMatchObject({ firstAttemptAt: NOW });
    });
  });
}
