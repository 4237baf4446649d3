import { describe, expect, it } from "vitest";
import type { DeliveryId } from "../../src/model/outbox.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import type { Opened } from "../support/store-contract.ts";
import { alert, delivery, effects, group, idsOf, MINUTE, NOW, owing, settledAs, takeBatch, UUID } from "./samples.ts";

/** What is told with a publication that has it in it, and what the store says of publications to those who ask for that. */
export function describeWithin(name: string, open: () => Promise<Opened>): void {
  const publication = (fields: Parameters<typeof delivery>[1] = {}) =>
    delivery("p", { evidence: { routes: [{ name: "rest" }], items: [], objects: [] }, ...fields });
  const part = (fields: Parameters<typeof delivery>[1] = {}) =>
    delivery("a", {
      kind: "attribute.added",
      routes: ["urgent"],
      groups: [group("urgent")],
      evidence: {
        routes: [{ name: "urgent", reason: { attributes: [0] }, urgent: true, mentions: ["@oncall"] }],
        items: alert("a").items,
        objects: [],
      },
      ...fields,
    });
  const URGENT = { priority: "high", mentions: ["@oncall"] } as const;
  const inside = (...parts: readonly ReturnType<typeof part>[]) => ({
    ...owing(...parts),
    within: parts.map(({ id }) => ({ delivery: id, publication: "p" as DeliveryId })),
  });
  const SHOWN_KEYS = { events: [{ instance: "cert", uuid: UUID, shownSince: NOW - MINUTE }], parts: [] };

  describe(`${name}: what is within a publication`, () => {
    it("leaves with it, and is not owed by itself", async () => {
      await using store = (await open()).store;
      await store.commit(owing(publication()), NOW);
      await store.commit(inside(part({ priority: "normal" })), NOW);
      expect(await store.owed()).toMatchObject([{ owed: 1 }]);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["p"]);
    });

    it("leaves with one that is committed at once with it", async () => {
      await using store = (await open()).store;
      const all = effects({ ...inside(publication(), part()), within: inside(part()).within });
      await store.commit(all, NOW);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["p"]);
    });

    it("passes on its priority, its mentions and the reason for them", async () => {
      await using store = (await open()).store;
      const held = { groups: [group("event", { waitMs: 5 * MINUTE })] };
      await store.commit(owing(publication(held)), NOW);
      await store.commit(inside(part({ ...URGENT, groups: [group("urgent", { waitMs: 5 * MINUTE })] })), NOW);
      await store.commit(owing(delivery("z", { groups: [group("other", { waitMs: 4 * MINUTE })] })), NOW);
      // What is urgent leaves first.
      const batch = await takeBatch(store, NOW + 5 * MINUTE);
      expect(batch.entries.map(({ delivery: one }) => one)).toMatchObject([
        {
          id: "p",
          priority: "high",
          mentions: ["@oncall"],
          routes: ["rest", "urgent"],
          evidence: {
            routes: [{ name: "rest" }, { name: "urgent", reason: { attributes: [0] }, mentions: ["@oncall"] }],
            items: [{ id: "70" }],
          },
        },
      ]);
    });

    it("leaves with one that goes first in quiet hours, which still does", async () => {
      await using store = (await open()).store;
      const unheld = "in-quiet";
      await store.commit(owing(publication({ unheld }), delivery("z", { unheld })), NOW);
      await store.commit(inside(part({ mentions: ["@oncall"] })), NOW);
      for await (const _ of store.ledger.drop({ ids: ["z" as DeliveryId] }, { outcome: "dead" }, NOW)) {
        // What is left says whether the group goes first.
      }
      const taken = await takeOne(store, "soc", NOW, { urgentOnly: true });
      expect(taken).toMatchObject({ batch: { entries: [{ delivery: { id: "p", mentions: ["@oncall"] } }] } });
    });

    it("moves the places in its reason behind those of the publication", async () => {
      await using store = (await open()).store;
      const own = { routes: [{ name: "rest", reason: { attributes: [0] } }], items: alert("p").items, objects: [] };
      await store.commit(owing(publication({ evidence: own })), NOW);
      await store.commit(inside(part(URGENT)), NOW);
      const [entry] = (await takeBatch(store, NOW)).entries;
      expect(entry?.delivery.evidence?.routes).toMatchObject([
        { name: "rest", reason: { attributes: [0] } },
        { name: "urgent", reason: { attributes: [1] } },
      ]);
    });

    it("is owed by itself where the publication leaves later than it does", async () => {
      await using store = (await open()).store;
      await store.commit(owing(publication({ groups: [group("event", { waitMs: MINUTE })] })), NOW);
      await store.commit(inside(part(URGENT)), NOW);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["a"]);
      const [entry] = (await takeBatch(store, NOW + MINUTE)).entries;
      expect(entry?.delivery).toMatchObject({ id: "p", priority: "normal", mentions: [] });
    });

    it("is owed by itself where the publication is on its way without what it asks for", async () => {
      await using store = (await open()).store;
      await store.commit(owing(publication()), NOW);
      const batch = await takeBatch(store, NOW);
      await store.commit(inside(part(URGENT)), NOW);
      await store.commit(inside({ ...part(), id: "b" as DeliveryId }), NOW);
      expect(await store.owed()).toMatchObject([{ owed: 2 }]);
      await settleOne(store, settledAs(batch, "sent"), NOW);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["a"]);
    });

    it("is owed by itself where there is no such publication any more", async () => {
      await using store = (await open()).store;
      await store.commit(inside(part()), NOW);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["a"]);
    });

    it("finds what publications of that time show, owed and told", async () => {
      await using store = (await open()).store;
      const parts = { parts: "AAAA" };
      const owed = publication({ hidden: ["x"] });
      await store.commit(
        effects({
          deliveries: [owed, delivery("m", { destination: "mail" })],
          alerts: [alert("alert-p", { parts, objectParts: parts }), alert("alert-m")],
        }),
        NOW,
      );
      const about = { instance: "cert", eventUuid: UUID, changedAt: NOW - MINUTE };
      const { shown } = await store.load(SHOWN_KEYS);
      expect([...(shown ?? [])].sort((a, b) => (a.destination < b.destination ? -1 : 1))).toEqual([
        { ...about, destination: "mail", delivery: "m" },
        { ...about, destination: "soc", delivery: "p", parts, objects: parts, hidden: ["x"] },
      ]);
      const batch = await takeBatch(store, NOW);
      const told = { ...about, destination: "soc", at: NOW, parts, named: [] };
      const { changedAt: _, ...toldParts } = told;
      const how = { urgent: true as const, mentions: ["@oncall"] };
      await settleOne(store, { ...settledAs(batch, "sent"), told: [{ ...toldParts, ...how, objects: parts }] }, NOW);
      const after = (await store.load(SHOWN_KEYS)).shown?.find(({ destination }) => destination === "soc");
      expect(after).toEqual({ ...about, destination: "soc", parts, objects: parts, ...how });
    });

    it("finds nothing of publications that are older, or where nobody asks", async () => {
      await using store = (await open()).store;
      await store.commit(owing(publication()), NOW);
      const later = { events: [{ instance: "cert", uuid: UUID, shownSince: NOW - MINUTE + 1 }], parts: [] };
      expect((await store.load(later)).shown).toBeUndefined();
      expect((await store.load({ events: [{ instance: "cert", uuid: UUID }], parts: [] })).shown).toBeUndefined();
    });
  });
}
