import { describe, expect, it } from "vitest";
import type { Delivery } from "../../src/model/outbox.ts";
import type { Pacing } from "../../src/model/pacing.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import type { Opened } from "../support/store-contract.ts";
import { delivery, group, idsOf, MINUTE, NOW, owing, settledAs, takeBatch } from "./samples.ts";

const FLOOD = { over: 3, withinMs: 5 * MINUTE, everyMs: 10 * MINUTE };

/** What comes at once, each about an event of its own. */
function burst(from: number, to: number, fields: Partial<Delivery> = {}): readonly Delivery[] {
  return Array.from({ length: to - from }, (_, n) =>
    delivery(`d${from + n}`, { groups: [group(`g${from + n}`)], eventUuid: `uuid-${from + n}`, ...fields }),
  );
}

function paced(pacing: Pacing, ...deliveries: readonly Delivery[]) {
  return { ...owing(...deliveries), pacing: new Map([["soc", pacing]]) };
}

/** Digests, quiet hours and floods: the part of the store's contract that keeps people from being flooded. */
export function describePacing(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: what quiet hours hold`, () => {
    it("is not taken where only what goes first is, whenever it was due, nor is its time told", async () => {
      await using store = (await open()).store;
      const later = delivery("later", { groups: [group("later", { waitMs: 5 * MINUTE })], priority: "high" });
      await store.commit(owing(delivery("retried"), delivery("waits", { groups: [group("waits")] }), later), NOW);
      const retried = await takeBatch(store, NOW);
      await settleOne(store, { batch: retried.id, records: [], retryAt: NOW + MINUTE, attempted: true }, NOW);
      const urgentOnly = true;
      expect(await takeOne(store, "soc", NOW + 2 * MINUTE, { urgentOnly })).toEqual({ dueAt: NOW + 5 * MINUTE });
      const taken = await takeOne(store, "soc", NOW + 5 * MINUTE, { urgentOnly });
      expect(taken && "batch" in taken && idsOf(taken.batch)).toEqual(["later"]);
      expect(await takeOne(store, "soc", NOW + 5 * MINUTE, { urgentOnly, newFirst: true })).toBeUndefined();
      expect(await takeOne(store, "soc", NOW + 5 * MINUTE)).toHaveProperty("batch");
    });
  });

  describe(`${name}: a flood`, () => {
    async function flooded(): Promise<Opened> {
      const opened = await open();
      await opened.store.commit(paced({ flood: FLOOD }, ...burst(0, 10)), NOW);
      return opened;
    }

    it("lets the first leave, folds the rest into a digest soon after, and then into one at a time", async () => {
      const { store } = await flooded();
      await using _ = store;
      for (const id of ["d0", "d1", "d2"]) {
        const batch = await takeBatch(store, NOW);
        expect(idsOf(batch)).toEqual([id]);
        expect(batch.note).toBeUndefined();
        await settleOne(store, settledAs(batch, "sent"), NOW);
      }
      expect(await takeOne(store, "soc", NOW)).toEqual({ dueAt: NOW + MINUTE });
      const first = await takeBatch(store, NOW + MINUTE);
      expect(idsOf(first)).toHaveLength(7);
      expect(first.note).toMatchObject({
        collects: "flood",
        flood: { class: "rest", reason: "burst", begins: true, ends: false, since: NOW, nextAt: NOW + 11 * MINUTE },
      });
      await settleOne(store, settledAs(first, "sent"), NOW + MINUTE);
      await store.commit(paced({ flood: FLOOD }, ...burst(10, 14)), NOW + 2 * MINUTE);
      expect(await takeOne(store, "soc", NOW + 2 * MINUTE)).toEqual({ dueAt: NOW + 11 * MINUTE });
      const second = await takeBatch(store, NOW + 11 * MINUTE);
      expect(second.note).toMatchObject({ flood: { begins: false, ends: false } });
      expect(idsOf(second)).toEqual(["d10", "d11", "d12", "d13"]);
    });

    it("is over with the digest that holds few, and then alerts leave one by one", async () => {
      const { store } = await flooded();
      await using _ = store;
      for (let n = 0; n < 4; n += 1) {
        await settleOne(store, settledAs(await takeBatch(store, NOW + MINUTE), "sent"), NOW + MINUTE);
      }
      await store.commit(paced({ flood: FLOOD }, ...burst(10, 12)), NOW + 2 * MINUTE);
      const last = await takeBatch(store, NOW + 11 * MINUTE);
      expect(last.note).toMatchObject({ flood: { ends: true } });
      await settleOne(store, settledAs(last, "sent"), NOW + 11 * MINUTE);
      expect(await takeOne(store, "soc", NOW + 11 * MINUTE)).toBeUndefined();
      await store.commit(paced({ flood: FLOOD }, ...burst(12, 13)), NOW + 12 * MINUTE);
      expect((await takeBatch(store, NOW + 12 * MINUTE)).note).toBeUndefined();
    });

    it("says that it is over though nothing came any more, and says it again until it is said", async () => {
      const { store } = await flooded();
      await using _ = store;
      for (let n = 0; n < 4; n += 1) {
        await settleOne(store, settledAs(await takeBatch(store, NOW + MINUTE), "sent"), NOW + MINUTE);
      }
      const last = await takeBatch(store, NOW + 11 * MINUTE);
      expect(last).toMatchObject({ entries: [], note: { flood: { ends: true } } });
      await settleOne(
        store,
        { batch: last.id, records: [], retryAt: NOW + 12 * MINUTE, attempted: true },
        NOW + 11 * MINUTE,
      );
      const again = await takeBatch(store, NOW + 12 * MINUTE);
      expect(again).toMatchObject({ id: last.id, entries: [], attempts: 1, note: last.note });
      await settleOne(store, { batch: again.id, records: [], attempted: true }, NOW + 12 * MINUTE);
      expect(await takeOne(store, "soc", NOW + 100 * MINUTE)).toBeUndefined();
    });

    it("is the same after a crash", async () => {
      const { store, reopen } = await flooded();
      if (!reopen) {
        await store[Symbol.asyncDispose]();
        return;
      }
      for (let n = 0; n < 3; n += 1) {
        await settleOne(store, settledAs(await takeBatch(store, NOW), "sent"), NOW);
      }
      await using after = await reopen();
      await after.commit(paced({ flood: FLOOD }, ...burst(10, 12)), NOW + 1000);
      expect(await takeOne(after, "soc", NOW + 1000)).toEqual({ dueAt: NOW + MINUTE });
      const digest = await takeBatch(after, NOW + MINUTE);
      expect(idsOf(digest)).toHaveLength(9);
      expect(digest.note).toMatchObject({ flood: { begins: true, since: NOW } });
    });

    it("of one organisation's events holds nobody else's", async () => {
      await using store = (await open()).store;
      await store.commit(paced({ flood: FLOOD }, ...burst(0, 1), ...burst(1, 9, { cause: "CIRCL" })), NOW);
      await store.commit(paced({ flood: FLOOD }, ...burst(9, 10)), NOW);
      const left: (readonly string[])[] = [];
      for (
        let taken = await takeOne(store, "soc", NOW);
        taken && "batch" in taken;
        taken = await takeOne(store, "soc", NOW)
      ) {
        left.push(idsOf(taken.batch));
      }
      expect(left.flat().sort()).toEqual(["d0", "d1", "d2", "d9"]);
      expect((await takeBatch(store, NOW + MINUTE)).note).toMatchObject({ flood: { class: "cause:CIRCL" } });
    });

    it("holds nothing that nothing holds, and folds what is urgent by itself, once a minute", async () => {
      const { store } = await flooded();
      await using _ = store;
      const urgent = burst(20, 30, { priority: "high" });
      await store.commit(paced({ flood: FLOOD }, ...urgent, ...burst(30, 40, { unheld: "always" })), NOW);
      const left: string[] = [];
      for (
        let taken = await takeOne(store, "soc", NOW);
        taken && "batch" in taken;
        taken = await takeOne(store, "soc", NOW)
      ) {
        left.push(...idsOf(taken.batch));
      }
      expect(left.slice(0, 13).sort()).toEqual(
        ["d20", "d21", "d22", ...Array.from({ length: 10 }, (_, n) => `d${30 + n}`)].sort(),
      );
      const first = await takeBatch(store, NOW + MINUTE);
      expect(first.note).toMatchObject({ flood: { class: "high", everyMs: MINUTE, nextAt: NOW + 2 * MINUTE } });
      expect(idsOf(first)).toHaveLength(7);
    });

    it("goes on when its digest is dropped, and moves with a clock that is set back", async () => {
      const { store } = await flooded();
      await using _ = store;
      for await (const lines of store.ledger.drop(
        { standing: "waiting" },
        { outcome: "dead", reason: "dropped" },
        NOW,
      )) {
        expect(lines.length).toBeGreaterThan(0);
      }
      const back = NOW - 60 * MINUTE;
      expect(await takeOne(store, "soc", back)).toEqual({ dueAt: back + MINUTE });
      const first = await takeBatch(store, back + MINUTE);
      expect(first).toMatchObject({ entries: [], note: { flood: { since: back, nextAt: back + 11 * MINUTE } } });
    });
  });

  describe(`${name}: digests and quiet hours`, () => {
    const digest = group("digest", { digest: { cron: "0 7 * * *", timezone: "UTC" } });
    const quiet: Pacing = {
      quiet: { windows: [{ days: [0, 1, 2, 3, 4, 5, 6], from: 0, to: 1440 - 1 }], timezone: "UTC" },
    };
    const nextSlot = Math.ceil((NOW - 7 * 60 * MINUTE) / (24 * 60 * MINUTE)) * 24 * 60 * MINUTE + 7 * 60 * MINUTE;

    it("a digest leaves at its slot, late and once if that was missed, and not at all if it is empty", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a", { groups: [digest] })), NOW);
      await store.commit(owing(delivery("b", { groups: [digest] })), NOW + 1);
      expect(await takeOne(store, "soc", NOW + 1)).toEqual({ dueAt: nextSlot });
      const missed = nextSlot + 50 * 60 * MINUTE;
      const batch = await takeBatch(store, missed);
      expect(idsOf(batch)).toEqual(["a", "b"]);
      expect(batch.note).toEqual({ collects: "digest" });
      await settleOne(store, settledAs(batch, "sent"), missed);
      expect(await takeOne(store, "soc", missed)).toBeUndefined();
      await store.commit(owing(delivery("c", { groups: [digest] })), missed);
      expect(await takeOne(store, "soc", missed)).toEqual({ dueAt: nextSlot + 72 * 60 * MINUTE });
    });

    it("quiet hours hold all but what goes first, until they end", async () => {
      await using store = (await open()).store;
      const held = burst(0, 2);
      await store.commit(paced(quiet, ...held, ...burst(2, 3, { priority: "high" })), NOW);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["d2"]);
      const end = Math.floor(NOW / (24 * 60 * MINUTE)) * 24 * 60 * MINUTE + 1439 * MINUTE;
      expect(await takeOne(store, "soc", NOW)).toEqual({ dueAt: end });
      expect(await store.ledger.collected()).toEqual([{ destination: "soc", collects: "quiet", n: 2, dueAt: end }]);
      for await (const lines of store.ledger.owed({ standing: "waiting" })) {
        expect(lines.map(({ collects }) => collects)).toEqual(["quiet", "quiet"]);
      }
      const batch = await takeBatch(store, end);
      expect(idsOf(batch)).toEqual(["d0", "d1"]);
      expect(batch.note).toEqual({ collects: "quiet" });
    });
  });

  describe(`${name}: what goes first`, () => {
    it("comes before what was tried before and is due again", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      await settleOne(store, { batch: id, records: [], retryAt: NOW, attempted: true }, NOW);
      await store.commit(owing(delivery("b", { groups: [group("other")], priority: "high" })), NOW);
      expect([idsOf(await takeBatch(store, NOW)), idsOf(await takeBatch(store, NOW))]).toEqual([["b"], ["a"]]);
    });
  });
}
