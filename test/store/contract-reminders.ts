import { describe, expect, it } from "vitest";
import type { Delivery } from "../../src/model/outbox.ts";
import type { RemindRules } from "../../src/model/remind.ts";
import type { StoreClock } from "../../src/store/clock-watch.ts";
import { historyOf } from "../support/history.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import type { LedgerStore, Opened } from "../support/store-contract.ts";
import { alert, delivery, effects, group, idsOf, MINUTE, NOW, owing, settledAs, takeBatch, UUID } from "./samples.ts";

const HOUR = 60 * MINUTE;
const RULES: RemindRules = { afterMs: 4 * HOUR, times: 2, escalate: ["duty"] };
const OTHER = "5f1b2c3d-0000-4000-8000-000000000002";
const ACK = { instance: "cert", eventUuid: UUID, by: "alice" };

function urgent(id: string, fields: Parameters<typeof delivery>[1] = {}): Delivery {
  return delivery(id, { priority: "high", remind: RULES, groups: [group(`${id} high`)], ...fields });
}

/** Tells all that is due at that time; gives what was told, as what each reminds of. */
async function tell(store: LedgerStore, at: number, destination = "soc", outcome: "sent" | "refused" = "sent") {
  const batch = await takeBatch(store, at, destination);
  await settleOne(store, settledAs(batch, outcome, at), at);
  return batch;
}

async function nextAt(store: LedgerStore, now: number, destination = "soc"): Promise<number | undefined> {
  const taken = await takeOne(store, destination, now);
  return taken && "dueAt" in taken ? taken.dueAt : undefined;
}

/** Readers are reminded until somebody acknowledges: the part of the store's contract that is about that. */
export function describeReminders(name: string, open: (clock?: StoreClock) => Promise<Opened>): void {
  describe(`${name}: a reminder`, () => {
    it("follows what was told, as often as the rules say, and at last somebody else is told", async () => {
      await using store = (await open()).store;
      await store.commit(owing(urgent("a", { mentions: ["U1"] })), NOW);
      await tell(store, NOW + MINUTE);
      const since = NOW + MINUTE;
      expect(await nextAt(store, since)).toBe(since + 4 * HOUR);
      const first = await tell(store, since + 4 * HOUR);
      expect(first).toMatchObject({ note: { collects: "reminder" }, show: 0 });
      expect(first.entries[0]?.delivery).toMatchObject({ reminder: { n: 1, of: 2, since }, mentions: ["U1"] });
      expect(first.entries[0]?.alert.id).toBe("alert-a");
      const second = await tell(store, since + 8 * HOUR);
      expect(second.entries[0]?.delivery.reminder).toEqual({ n: 2, of: 2, since });
      expect(await takeOne(store, "soc", since + 8 * HOUR)).toBeUndefined();
      expect(await nextAt(store, since + 8 * HOUR, "duty")).toBe(since + 12 * HOUR);
      const last = await tell(store, since + 12 * HOUR, "duty");
      expect(last.entries[0]?.delivery).toMatchObject({
        ...{ destination: "duty", mentions: [] },
        reminder: { n: 2, of: 2, since, escalatedFrom: "soc" },
      });
      expect(await takeOne(store, "duty", since + 1000 * HOUR)).toBeUndefined();
      const lines = await historyOf(store, 100);
      expect(lines.map(({ destination, outcome, reminder }) => [destination, outcome, reminder])).toEqual([
        ["duty", "sent", { n: 2, escalatedFrom: "soc" }],
        ["soc", "sent", { n: 2 }],
        ["soc", "sent", { n: 1 }],
        ["soc", "sent", undefined],
      ]);
    });

    it("is no alert that is owed, and hides none", async () => {
      await using store = (await open()).store;
      await store.commit(owing(urgent("a")), NOW);
      await tell(store, NOW);
      expect(await store.owed()).toEqual([]);
      expect(await store.ledger.collected()).toEqual([
        { destination: "soc", collects: "reminder", n: 1, dueAt: NOW + 4 * HOUR },
      ]);
      const known = await store.load({
        events: [{ instance: "cert", uuid: UUID, whole: true, shownSince: 0 }],
        parts: [],
      });
      expect(known.shown?.map(({ delivery: owed }) => owed)).toEqual([undefined]);
      await store.commit(owing(delivery("b", { createdAt: NOW + 5, groups: [group("b")] })), NOW);
      expect(await store.owed()).toEqual([{ destination: "soc", owed: 1, oldestAt: NOW + 5 }]);
    });

    it("changes nothing of which version was told last", async () => {
      await using store = (await open()).store;
      await store.commit(owing(urgent("a")), NOW);
      await tell(store, NOW);
      await store.commit(owing(delivery("b", { changedAt: NOW, groups: [group("b")] })), NOW);
      await tell(store, NOW);
      await tell(store, NOW + 4 * HOUR);
      const known = await store.load({ events: [{ instance: "cert", uuid: UUID, whole: true }], parts: [] });
      expect(known.told.map(({ changedAt }) => changedAt)).toEqual([NOW]);
      await tell(store, NOW + 8 * HOUR);
      await tell(store, NOW + 12 * HOUR, "duty");
      const after = await store.load({ events: [{ instance: "cert", uuid: UUID, whole: true }], parts: [] });
      expect(after.told.map(({ destination, changedAt }) => [destination, changedAt]).sort()).toEqual([
        ["duty", NOW - MINUTE],
        ["soc", NOW],
      ]);
    });

    it("ends with an acknowledgement, in every destination, and no other event's does", async () => {
      await using store = (await open()).store;
      await store.commit(
        owing(
          urgent("a"),
          urgent("mail", { destination: "mail" }),
          urgent("other", { eventUuid: OTHER, groups: [group("other high")] }),
        ),
        NOW,
      );
      await tell(store, NOW);
      await tell(store, NOW);
      await tell(store, NOW, "mail");
      const lines = await store.ledger.acknowledge({ ...ACK, at: NOW + HOUR });
      expect(lines.map(({ destination, outcome, reason, by }) => [destination, outcome, reason, by]).sort()).toEqual([
        ["mail", "muted", "acknowledged", "alice"],
        ["soc", "muted", "acknowledged", "alice"],
      ]);
      expect(await store.ledger.acknowledged(UUID)).toEqual([{ ...ACK, at: NOW + HOUR }]);
      expect(await store.ledger.acknowledged(OTHER)).toEqual([]);
      expect(await takeOne(store, "mail", NOW + HOUR)).toBeUndefined();
      const left = await tell(store, NOW + 4 * HOUR);
      expect(left.entries.map(({ delivery: { eventUuid } }) => eventUuid)).toEqual([OTHER]);
      // Once more changes nothing but who said so.
      expect(await store.ledger.acknowledge({ ...ACK, by: "bob", at: NOW + 5 * HOUR })).toEqual([]);
      expect(await store.ledger.acknowledged(UUID)).toMatchObject([{ by: "bob" }]);
    });

    it("does not follow what was owed when it was acknowledged, and follows what is owed later", async () => {
      await using store = (await open()).store;
      await store.commit(owing(urgent("a")), NOW);
      await store.ledger.acknowledge({ ...ACK, at: NOW + MINUTE });
      await tell(store, NOW + 2 * MINUTE);
      expect(await nextAt(store, NOW + 2 * MINUTE)).toBeUndefined();
      await store.commit(owing(urgent("b", { createdAt: NOW + 3 * MINUTE })), NOW + 3 * MINUTE);
      await tell(store, NOW + 3 * MINUTE);
      expect(await nextAt(store, NOW + 3 * MINUTE)).toBe(NOW + 3 * MINUTE + 4 * HOUR);
    });

    it("that is on its way when somebody acknowledges is the last one", async () => {
      await using store = (await open()).store;
      await store.commit(owing(urgent("a")), NOW);
      await tell(store, NOW);
      const at = NOW + 4 * HOUR;
      const batch = await takeBatch(store, at);
      expect(await store.ledger.acknowledge({ ...ACK, at })).toEqual([]);
      await settleOne(store, settledAs(batch, "sent", at), at);
      expect(await takeOne(store, "soc", at + 1000 * HOUR)).toBeUndefined();
      expect(await takeOne(store, "duty", at + 1000 * HOUR)).toBeUndefined();
    });

    it("reminds of the newest that was told of an event, at the time at which it would have reminded of the first", async () => {
      await using store = (await open()).store;
      await store.commit(owing(urgent("a")), NOW);
      await tell(store, NOW);
      await store.commit(owing(urgent("b", { createdAt: NOW + HOUR, changedAt: NOW })), NOW + HOUR);
      await tell(store, NOW + HOUR);
      expect(await nextAt(store, NOW + HOUR)).toBe(NOW + 4 * HOUR);
      const batch = await tell(store, NOW + 4 * HOUR);
      expect(batch.entries.map(({ alert: { id }, delivery: { reminder } }) => [id, reminder?.n])).toEqual([
        ["alert-b", 1],
      ]);
      expect((await takeOne(store, "soc", NOW + 8 * HOUR)) ?? {}).toHaveProperty("batch");
    });

    it("leaves with others that are due soon after it, and not before its time otherwise", async () => {
      await using store = (await open()).store;
      const at = Math.ceil((NOW + 4 * HOUR) / (5 * MINUTE)) * 5 * MINUTE - 4 * HOUR;
      await store.commit(owing(urgent("a"), urgent("b", { eventUuid: OTHER })), at);
      await tell(store, at);
      await tell(store, at + 4 * MINUTE);
      await store.commit(owing(urgent("c", { eventUuid: "5f1b2c3d-0000-4000-8000-000000000003" })), at + 5 * MINUTE);
      await tell(store, at + 5 * MINUTE);
      expect((await tell(store, at + 4 * HOUR)).entries).toHaveLength(2);
      expect(await takeOne(store, "soc", at + 4 * HOUR)).toEqual({ dueAt: at + 4 * HOUR + 5 * MINUTE });
    });

    it.each(["refused", "withdrawn", "muted"] as const)(
      "does not follow what was %s, nor does the next one",
      async (outcome) => {
        await using store = (await open()).store;
        await store.commit(owing(urgent("a")), NOW);
        const batch = await takeBatch(store, NOW);
        await settleOne(store, settledAs(batch, outcome), NOW);
        expect(await nextAt(store, NOW)).toBeUndefined();
        await store.commit(owing(urgent("b")), NOW);
        await tell(store, NOW);
        const first = await takeBatch(store, NOW + 4 * HOUR);
        await settleOne(store, settledAs(first, outcome), NOW + 4 * HOUR);
        expect(await takeOne(store, "soc", NOW + 1000 * HOUR)).toBeUndefined();
        expect(await takeOne(store, "duty", NOW + 1000 * HOUR)).toBeUndefined();
      },
    );

    it("that is dead, or silenced, is one of them", async () => {
      await using store = (await open()).store;
      await store.commit(owing(urgent("a")), NOW);
      await tell(store, NOW);
      const first = await takeBatch(store, NOW + 4 * HOUR);
      await settleOne(store, settledAs(first, "dead"), NOW + 4 * HOUR);
      const second = await takeBatch(store, NOW + 8 * HOUR);
      const records = settledAs(second, "muted").records.map((line) => ({ ...line, reason: "silenced" }));
      await settleOne(store, { batch: second.id, records, attempted: false }, NOW + 8 * HOUR);
      expect(await nextAt(store, NOW + 8 * HOUR)).toBeUndefined();
      expect(await nextAt(store, NOW + 8 * HOUR, "duty")).toBe(NOW + 12 * HOUR);
    });

    it("is not hastened with all that is owed, but by its name, and can be dropped for good", async () => {
      await using store = (await open()).store;
      await store.commit(owing(urgent("a")), NOW);
      await tell(store, NOW);
      for await (const lines of store.ledger.hasten({ destinations: ["soc"] }, NOW)) {
        expect(lines).toEqual([]);
      }
      expect(await nextAt(store, NOW)).toBe(NOW + 4 * HOUR);
      const ids: Delivery["id"][] = [];
      for await (const lines of store.ledger.owed({})) {
        expect(lines).toMatchObject([{ collects: "reminder", dueAt: NOW + 4 * HOUR }]);
        ids.push(...lines.map((line) => line.delivery.id));
      }
      for await (const lines of store.ledger.hasten({ ids }, NOW)) {
        expect(lines).toHaveLength(1);
      }
      expect(idsOf(await tell(store, NOW))).toEqual(ids);
      for await (const _ of store.ledger.drop(
        { destinations: ["soc"] },
        { outcome: "muted", reason: "dropped-by-operator" },
        NOW,
      )) {
      }
      expect(await takeOne(store, "soc", NOW + 1000 * HOUR)).toBeUndefined();
    });

    it("waits through a restart, and keeps its time", async () => {
      const { store, reopen } = await open();
      await store.commit(owing(urgent("a")), NOW);
      await tell(store, NOW);
      await using after = (await reopen?.()) ?? store;
      expect(await nextAt(after, NOW)).toBe(NOW + 4 * HOUR);
      expect(await after.owed()).toEqual([]);
      await tell(after, NOW + 4 * HOUR);
      await after.ledger.acknowledge({ ...ACK, at: NOW + 5 * HOUR });
      expect(await after.ledger.acknowledged(UUID)).toHaveLength(1);
      expect(await after.prune(NOW + 6 * HOUR, NOW + 6 * HOUR)).toBe(false);
      expect(await after.ledger.acknowledged(UUID)).toEqual([]);
    });

    it("keeps what is known of its event as long as it waits", async () => {
      await using store = (await open()).store;
      await store.commit({ ...owing(urgent("a")), alerts: [alert("alert-a")] }, NOW);
      await tell(store, NOW);
      while (await store.prune(NOW + HOUR, NOW + HOUR)) {}
      const batch = await takeBatch(store, NOW + 4 * HOUR);
      expect(batch.entries[0]?.alert.event?.uuid).toBe(UUID);
      await store.commit(effects(), NOW + 4 * HOUR);
    });
  });
}
