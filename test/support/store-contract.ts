import { describe, expect, it } from "vitest";
import type { Ledger } from "../../src/model/ledger.ts";
import type { Store } from "../../src/model/outbox.ts";
import type { StoreClock } from "../../src/store/clock-watch.ts";
import { describeClock } from "../store/contract-clock.ts";
import { describeLedger } from "../store/contract-ledger.ts";
import { describeMemory } from "../store/contract-memory.ts";
import { describePacing } from "../store/contract-pacing.ts";
import { describeParts } from "../store/contract-parts.ts";
import { describePosts } from "../store/contract-posts.ts";
import { describeReminders } from "../store/contract-reminders.ts";
import { describeSchedule } from "../store/contract-schedule.ts";
import { describeSightings } from "../store/contract-sightings.ts";
import { describeSilences } from "../store/contract-silences.ts";
import { describeUndecided } from "../store/contract-undecided.ts";
import { describeWithin } from "../store/contract-within.ts";
import {
  alert,
  delivery,
  EVENT_KEYS,
  effects,
  eventMemory,
  group,
  idsOf,
  MINUTE,
  NOW,
  owing,
  partMemory,
  record,
  settledAs,
  takeBatch,
  UUID,
} from "../store/samples.ts";
import { historyOf } from "./history.ts";
import { settleOne, takeOne } from "./one-batch.ts";

export type LedgerStore = Store & { readonly ledger: Ledger };

/** An open store; `reopen` gives the same state to a new one as a crash of the first would, where state is durable. */
export interface Opened {
  readonly store: LedgerStore;
  readonly reopen?: () => Promise<LedgerStore>;
}

/** What every store keeps to. */
export function describeStore(name: string, open: (clock?: StoreClock) => Promise<Opened>): void {
  describeSchedule(name, open);
  describePacing(name, open);
  describeClock(name, open);
  describeMemory(name, open);
  describeUndecided(name, open);
  describeWithin(name, open);
  describeLedger(name, open);
  describeSilences(name, open);
  describeSightings(name, open);
  describeReminders(name, open);
  describeParts(name, open);
  describePosts(name, open);

  describe(`${name}: what is owed`, () => {
    it("stays owed until it is settled", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a"), delivery("b", { createdAt: NOW - 5 })), NOW);
      expect(await store.owed()).toEqual([{ destination: "soc", owed: 2, oldestAt: NOW - 5 }]);
      const batch = await takeBatch(store, NOW);
      expect(idsOf(batch)).toEqual(["a", "b"]);
      expect(await store.owed()).toEqual([{ destination: "soc", owed: 2, oldestAt: NOW - 5 }]);
      await settleOne(store, settledAs(batch, "sent"), NOW);
      expect(await store.owed()).toEqual([]);
      expect(await takeOne(store, "soc", NOW + 365 * 24 * 60 * MINUTE)).toBeUndefined();
    });

    it("is counted right through everything that adds to it, takes from it, or fails", async () => {
      const { store, reopen } = await open();
      const groups = (n: number) => [group(`g${n}`)];
      const many = Array.from({ length: 6 }, (_, n) =>
        delivery(`m${n}`, { groups: groups(n), createdAt: NOW + n, destination: n < 4 ? "soc" : "mail" }),
      );
      await store.commit(owing(...many), NOW);
      await store.commit(owing(...many), NOW);
      // The first of them is added before the second one fails.
      const half = { ...owing(delivery("good")), deliveries: [delivery("good"), delivery("lost")] };
      await expect(store.commit(half, NOW)).rejects.toThrow();
      expect(await store.owed()).toEqual([
        { destination: "mail", owed: 2, oldestAt: NOW + 4 },
        { destination: "soc", owed: 4, oldestAt: NOW },
      ]);
      await settleOne(store, settledAs(await takeBatch(store, NOW), "sent"), NOW);
      for await (const _ of store.ledger.drop(
        { destinations: ["mail"] },
        { outcome: "dead", reason: "dropped" },
        NOW,
      )) {
        // Each page is one transaction.
      }
      const left = [{ destination: "soc", owed: 3, oldestAt: expect.any(Number) }];
      expect(await store.owed()).toEqual(left);
      await using again = (await reopen?.()) ?? store;
      expect(await again.owed()).toEqual(left);
    });

    it("comes back as it was committed, with its alert", async () => {
      await using store = (await open()).store;
      const wanted = delivery("a", {
        mentions: ["S1"],
        cleared: ["sg"],
        priority: "high",
        groups: [group("x"), group("y")],
      });
      await store.commit(owing(wanted), NOW);
      const [entry] = (await takeBatch(store, NOW)).entries;
      expect(entry?.delivery).toEqual(wanted);
      expect(entry?.alert).toEqual(alert("alert-a"));
    });

    it("is added once, however often it is committed", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a"), delivery("a")), NOW);
      await store.commit(owing(delivery("a")), NOW + 1);
      const batch = await takeBatch(store, NOW + 1);
      expect(idsOf(batch)).toEqual(["a"]);
      await store.commit(owing(delivery("a")), NOW + 2);
      await settleOne(store, settledAs(batch, "sent"), NOW + 3);
      expect(await store.owed()).toEqual([]);
    });

    it.each(["sent", "unproven"] as const)("is not added again once it was settled as %s", async (outcome) => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      await settleOne(store, settledAs(await takeBatch(store, NOW), outcome), NOW);
      await store.commit(owing(delivery("a")), NOW + 1);
      expect(await store.owed()).toEqual([]);
    });

    it.each(["refused", "withdrawn", "muted", "dead"] as const)(
      "may be added again after it was settled as %s",
      async (outcome) => {
        await using store = (await open()).store;
        await store.commit(owing(delivery("a")), NOW);
        await settleOne(store, settledAs(await takeBatch(store, NOW), outcome), NOW);
        await store.commit(owing(delivery("a")), NOW + 1);
        expect(await store.owed()).toEqual([{ destination: "soc", owed: 1, oldestAt: NOW }]);
      },
    );

    it("counts a told delivery also when planning wrote its record", async () => {
      await using store = (await open()).store;
      await store.commit(
        effects({ records: [record(delivery("a")), record(delivery("b"), { outcome: "refused" })] }),
        NOW,
      );
      await store.commit(owing(delivery("a"), delivery("b")), NOW);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["b"]);
    });

    it("keeps an alert until its last delivery is settled", async () => {
      await using store = (await open()).store;
      const both = [delivery("a", { alert: "one" }), delivery("b", { alert: "one", destination: "mail" })];
      await store.commit(owing(...both), NOW);
      await settleOne(store, settledAs(await takeBatch(store, NOW), "sent"), NOW);
      const other = await takeBatch(store, NOW, "mail");
      expect(other.entries[0]?.alert.id).toBe("one");
      await settleOne(store, settledAs(other, "sent"), NOW);
      // Gone: a delivery that counts on it is refused.
      await expect(store.commit(effects({ deliveries: [delivery("c", { alert: "one" })] }), NOW)).rejects.toThrow();
    });

    it("keeps the alert that it was committed with when another comes under the same id", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a", { alert: "one" })), NOW);
      const alerts = [alert("one", { version: "other" })];
      await store.commit(effects({ alerts, deliveries: [delivery("b", { alert: "one" })] }), NOW);
      const batch = await takeBatch(store, NOW);
      expect(batch.entries.map((entry) => entry.alert.version)).toEqual(["1", "1"]);
    });

    it("finds the alert of an earlier commit", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a", { alert: "one" })), NOW);
      await store.commit(effects({ deliveries: [delivery("b", { alert: "one" })] }), NOW);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["a", "b"]);
    });

    it("stores nothing of effects that cannot be stored whole", async () => {
      await using store = (await open()).store;
      const broken = [
        effects({ deliveries: [delivery("b", { alert: "missing" })] }),
        owing(delivery("b", { groups: [] })),
      ];
      for (const { alerts, deliveries } of broken) {
        const all = effects({
          events: [eventMemory()],
          parts: [partMemory("70")],
          records: [record(delivery("r"))],
          alerts: [alert("alert-a"), ...alerts],
          deliveries: [delivery("a"), ...deliveries],
        });
        await expect(store.commit(all, NOW)).rejects.toThrow();
      }
      expect(await store.owed()).toEqual([]);
      expect(await historyOf(store, 9)).toEqual([]);
      expect(await store.load(EVENT_KEYS)).toEqual({ events: [], aliases: [], parts: [], told: [], undecided: [] });
      await store.commit(owing(delivery("a")), NOW);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["a"]);
    });
  });

  describe(`${name}: records`, () => {
    it("are told newest first, up to a limit", async () => {
      await using store = (await open()).store;
      const refused = record(delivery("r"), { outcome: "refused", reason: "tlp-above-ceiling" });
      await store.commit({ ...owing(delivery("a")), records: [refused] }, NOW);
      const batch = await takeBatch(store, NOW);
      await settleOne(store, settledAs(batch, "sent", NOW + 1), NOW + 1);
      expect(await historyOf(store, 9)).toEqual([record(delivery("a"), { at: NOW + 1 }), refused]);
      expect(await historyOf(store, 1)).toEqual([record(delivery("a"), { at: NOW + 1 })]);
      expect(await historyOf(store, 0)).toEqual([]);
    });

    it("are pruned with the memory of the same age, except what is owed", async () => {
      await using store = (await open()).store;
      const old = { records: [record(delivery("r"), { at: NOW - 1 })], parts: [partMemory("70")] };
      await store.commit({ ...owing(delivery("a")), ...old, events: [eventMemory()] }, NOW - 1);
      const other = eventMemory({ key: "8", event: { id: "8" } });
      const unowed = { events: [other], parts: [partMemory("80", { eventKey: "8" })] };
      await store.commit(effects(unowed), NOW - 1);
      const keys = {
        events: [...EVENT_KEYS.events, { instance: "cert", id: "8" }],
        parts: [{ instance: "cert", part: "attribute" as const, id: "80" }],
      };
      const drain = async (before: number) => {
        while (await store.prune(before, before)) {}
      };

      await drain(NOW - 1);
      expect(await historyOf(store, 9)).toHaveLength(1);
      expect((await store.load(keys)).events).toHaveLength(2);

      await drain(NOW);
      expect(await historyOf(store, 9)).toEqual([]);
      const owed = await store.load(keys);
      expect(owed.events.map((event) => event.key)).toEqual([UUID]);
      expect(owed.parts.map((attribute) => attribute.id)).toEqual(["70"]);

      await settleOne(store, settledAs(await takeBatch(store, NOW), "sent", NOW), NOW);
      const byUuid = { events: [{ instance: "cert", uuid: UUID }], parts: keys.parts };
      await drain(NOW);
      expect(await store.load(keys)).toMatchObject({ events: [], parts: [] });
      expect((await store.load(byUuid)).told).toHaveLength(1);
      await drain(NOW + 1);
      expect((await store.load(byUuid)).told).toEqual([]);
    });

    it("do not take the marking of an attribute with them while its event is remembered", async () => {
      await using store = (await open()).store;
      await store.commit(effects({ events: [eventMemory()], parts: [partMemory("70")] }), NOW - 1);
      await store.commit(effects({ events: [eventMemory({ revision: 1 })] }), NOW);
      while (await store.prune(NOW, NOW)) {}
      expect((await store.load(EVENT_KEYS)).parts).toEqual([partMemory("70")]);
    });

    it("are pruned completely, however many", async () => {
      await using store = (await open()).store;
      const records = Array.from({ length: 1201 }, (_, n) => record(delivery(`r${n}`), { at: NOW - 1 }));
      await store.commit(effects({ records }), NOW);
      let calls = 1;
      while (await store.prune(NOW, NOW)) {
        calls++;
      }
      expect(calls).toBeLessThanOrEqual(3);
      expect(await historyOf(store, 9)).toEqual([]);
    });
  });
}
