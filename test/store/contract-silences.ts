import { describe, expect, it } from "vitest";
import type { RecordLine } from "../../src/model/outbox.ts";
import { mutedBy, type Silence, silenceGroup } from "../../src/model/silence.ts";
import type { StoreClock } from "../../src/store/clock-watch.ts";
import { historyOf } from "../support/history.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import type { LedgerStore, Opened } from "../support/store-contract.ts";
import { delivery, effects, group, idsOf, MINUTE, NOW, owing, record, settledAs, takeBatch } from "./samples.ts";

const HOUR = 60 * MINUTE;

function silence(id: string, fields: Partial<Silence> = {}): Silence {
  return {
    ...{ id, createdAt: NOW, until: NOW + HOUR, by: "alice", reason: "Übung \u0000 </script>" },
    ...{ match: [{ org: "CIRCL" }], events: [], routes: [], destinations: [], afterwards: "nothing", changes: [] },
    ...fields,
  };
}

function muted(id: string, by: Silence): RecordLine {
  return record(delivery(id), mutedBy(by));
}

async function mutedIn(store: LedgerStore): Promise<readonly RecordLine[]> {
  return (await historyOf(store, 100)).filter(({ outcome }) => outcome === "muted");
}

/** Takes what is due, whatever it is. */
async function dueAt(store: LedgerStore, now: number): Promise<number | undefined> {
  const taken = await takeOne(store, "soc", now);
  return taken && "dueAt" in taken ? taken.dueAt : undefined;
}

/** What operators do not want to be told for a while: the part of the store's contract that is about silences. */
export function describeSilences(name: string, open: (clock?: StoreClock) => Promise<Opened>): void {
  describe(`${name}: a silence`, () => {
    it("is listed until it ends, those that end first before others", async () => {
      await using store = (await open()).store;
      const [late, soon] = [silence("late", { until: NOW + 2 * HOUR }), silence("soon")];
      await store.ledger.silence(late);
      await store.ledger.silence(soon);
      expect(await store.ledger.silences(NOW)).toEqual([
        { ...soon, muted: 0, held: [] },
        { ...late, muted: 0, held: [] },
      ]);
      expect((await store.ledger.silences(NOW + HOUR)).map(({ id }) => id)).toEqual(["late"]);
    });

    it("counts what it has muted, once for each alert, also where it takes the place of itself", async () => {
      await using store = (await open()).store;
      const one = silence("one");
      await store.ledger.silence(one);
      await store.commit(effects({ records: [muted("a", one), muted("b", one)] }), NOW);
      await store.commit(
        effects({ records: [muted("a", one), record(delivery("c"), { outcome: "refused", reason: "draft" })] }),
        NOW,
      );
      await store.ledger.silence({ ...one, until: NOW + 2 * HOUR });
      expect(await store.ledger.silences(NOW)).toMatchObject([{ muted: 2, until: NOW + 2 * HOUR }]);
      const lines = await mutedIn(store);
      expect(lines.map(({ delivery: id, silence: by, reason }) => [id, by, reason])).toEqual([
        ["b", "one", "silenced"],
        ["a", "one", "silenced"],
      ]);
    });

    it("mutes nothing that is owed, sent or dead already", async () => {
      await using store = (await open()).store;
      const one = silence("one");
      await store.ledger.silence(one);
      await store.commit(owing(delivery("owed"), delivery("sent", { groups: [group("other")] })), NOW);
      const batches = [await takeBatch(store, NOW), await takeBatch(store, NOW)];
      const sent = batches.find((batch) => idsOf(batch).includes("sent"));
      if (!sent) {
        throw new Error("Each group is a batch");
      }
      await settleOne(store, settledAs(sent, "sent"), NOW);
      await store.commit(effects({ records: [muted("owed", one), muted("sent", one)] }), NOW);
      expect((await store.ledger.silences(NOW))[0]?.muted).toBe(0);
      expect(await mutedIn(store)).toEqual([]);
    });

    it("counts what it mutes when that is about to leave", async () => {
      await using store = (await open()).store;
      const one = silence("one");
      await store.ledger.silence(one);
      await store.commit(owing(delivery("a")), NOW);
      const { id } = await takeBatch(store, NOW);
      const settlement = { batch: id, records: [muted("a", one)], attempted: true };
      await settleOne(store, settlement, NOW);
      await settleOne(store, settlement, NOW);
      expect((await store.ledger.silences(NOW))[0]?.muted).toBe(1);
      expect(await store.owed()).toEqual([]);
    });

    it("holds what waits in its group until it ends, and all of that leaves together", async () => {
      const { store, reopen } = await open();
      const one = silence("one", { afterwards: "digest" });
      await store.ledger.silence(one);
      const waits = (at: number) => [silenceGroup(one, at)];
      await store.commit(owing(delivery("a", { groups: waits(NOW) })), NOW);
      await store.commit(owing(delivery("b", { groups: waits(NOW + MINUTE) })), NOW + MINUTE);
      await store.commit(owing(delivery("m", { groups: waits(NOW), destination: "mail" })), NOW + MINUTE);
      await using again = (await reopen?.()) ?? store;
      expect((await again.ledger.silences(NOW))[0]?.held).toEqual([
        { destination: "mail", n: 1 },
        { destination: "soc", n: 2 },
      ]);
      expect(await dueAt(again, NOW + HOUR - 1)).toBe(NOW + HOUR);
      for await (const lines of again.ledger.owed({ destinations: ["soc"] })) {
        expect(lines.map((line) => [line.silence, line.dueAt])).toEqual([
          ["one", NOW + HOUR],
          ["one", NOW + HOUR],
        ]);
      }
      const batch = await takeBatch(again, NOW + HOUR);
      expect(idsOf(batch)).toEqual(["a", "b"]);
      expect(batch.note).toEqual({ collects: "silence" });
      expect((await again.ledger.silences(NOW))[0]?.held).toEqual([{ destination: "mail", n: 1 }]);
    });

    it.each([
      ["extended", NOW + 2 * HOUR],
      ["removed", NOW + MINUTE],
    ])("that is %s moves what it holds, and nothing else", async (_, until) => {
      await using store = (await open()).store;
      const one = silence("one", { afterwards: "digest" });
      await store.ledger.silence(one);
      await store.commit(owing(delivery("a", { groups: [silenceGroup(one, NOW)] })), NOW);
      await store.commit(owing(delivery("b", { groups: [group("b", { waitMs: 3 * HOUR })] })), NOW);
      await store.ledger.silence({ ...one, until });
      expect(await dueAt(store, NOW)).toBe(until);
      expect(idsOf(await takeBatch(store, until))).toEqual(["a"]);
      expect(await dueAt(store, until)).toBe(NOW + 3 * HOUR);
    });

    it("takes what it holds out of a batch that was formed before it", async () => {
      const { store, reopen } = await open();
      const one = silence("one", { afterwards: "digest" });
      await store.commit(owing(delivery("a", { priority: "high" }), delivery("b"), delivery("c")), NOW);
      const batch = await takeBatch(store, NOW);
      await store.ledger.silence(one);
      await settleOne(
        store,
        {
          batch: batch.id,
          records: [record(delivery("b"))],
          regrouped: ["a", "c", "b", "nobody"].map((id) => ({
            delivery: delivery(id).id,
            group: silenceGroup(one, NOW),
          })),
          attempted: true,
        },
        NOW,
      );
      await using again = (await reopen?.()) ?? store;
      expect(await again.owed()).toMatchObject([{ destination: "soc", owed: 2 }]);
      expect((await again.ledger.silences(NOW))[0]?.held).toEqual([{ destination: "soc", n: 2 }]);
      expect(await dueAt(again, NOW)).toBe(NOW + HOUR);
      const held = await takeBatch(again, NOW + HOUR);
      expect(idsOf(held)).toEqual(["a", "c"]);
      await settleOne(again, settledAs(held, "sent"), NOW + HOUR);
      expect(await again.owed()).toEqual([]);
    });

    it("stays across a crash, with what it has muted, and is forgotten with the record", async () => {
      const { store, reopen } = await open();
      const one = silence("one", { changes: [{ at: NOW, by: "bob", what: "extended" }] });
      await store.ledger.silence(one);
      await store.commit(effects({ records: [muted("a", one)] }), NOW);
      await using again = (await reopen?.()) ?? store;
      expect(await again.ledger.silences(0)).toEqual([{ ...one, muted: 1, held: [] }]);
      await again.prune(NOW + HOUR, NOW + HOUR);
      expect(await again.ledger.silences(0)).toHaveLength(1);
      await again.prune(NOW + HOUR + 1, NOW + HOUR + 1);
      expect(await again.ledger.silences(0)).toEqual([]);
    });

    it("ends as by a clock that is never set", async () => {
      let at = NOW;
      const clock = { now: () => at, monotonic: () => 0 };
      await using store = (await open(clock)).store;
      await store.ledger.silence(silence("one", { afterwards: "digest" }));
      await store.commit(owing(delivery("a", { groups: [silenceGroup(silence("one"), NOW)] })), NOW);
      await store.ledger.hold({
        ...{ destination: "soc", kind: "paused", since: NOW, note: "bob" },
        until: NOW + HOUR,
      });
      at = NOW - 2 * HOUR;
      expect(await store.ledger.silences(at)).toMatchObject([{ until: NOW - HOUR }]);
      expect(await store.ledger.holds()).toMatchObject([{ until: NOW - HOUR }]);
      expect(await dueAt(store, at)).toBe(NOW - HOUR);
    });
  });

  describe(`${name}: a pause`, () => {
    const paused = { destination: "soc", kind: "paused", since: NOW, note: "alice", until: NOW + HOUR } as const;

    it("may have an end, which may be moved or taken away", async () => {
      const { store, reopen } = await open();
      await store.ledger.hold(paused);
      await store.ledger.limit({ ...paused, since: NOW + 5, until: NOW + 2 * HOUR, note: "bob" });
      await using again = (await reopen?.()) ?? store;
      expect(await again.ledger.holds()).toEqual([{ ...paused, until: NOW + 2 * HOUR, note: "bob" }]);
      const { until: _, ...endless } = paused;
      await again.ledger.limit(endless);
      await again.ledger.limit({ ...endless, destination: "nobody" });
      expect(await again.ledger.holds()).toEqual([endless]);
    });
  });
}
