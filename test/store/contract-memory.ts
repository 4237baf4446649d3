import { describe, expect, it } from "vitest";
import type { Store } from "../../src/model/outbox.ts";
import { historyOf } from "../support/history.ts";
import { settleOne } from "../support/one-batch.ts";
import type { Opened } from "../support/store-contract.ts";
import { undecided } from "./contract-undecided.ts";
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

/** What is remembered of events and of what was told: the part of the store's contract that planning relies on. */
const UNMARKED = { tlp: "none", pap: "none", chr: false } as const;

export function describeMemory(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: memory`, () => {
    const ALIAS = { instance: "cert", id: "7", key: UUID };
    const NOTHING = { events: [], aliases: [], parts: [], told: [], undecided: [] };
    const byId = (id: string, whole = false) => ({ events: [{ instance: "cert", id, whole }], parts: [] });

    it("finds an event by its uuid and by the number that is its, with its parts, and counts its commits", async () => {
      await using store = (await open()).store;
      await store.commit(effects({ events: [eventMemory()], aliases: [ALIAS], parts: [partMemory("70")] }), NOW);
      const known = { ...NOTHING, events: [eventMemory({ revision: 1 })], parts: [partMemory("70")] };
      expect(await store.load(EVENT_KEYS)).toEqual(known);
      expect(await store.load(byId("7", true))).toEqual({ ...known, aliases: [ALIAS] });
      // A frame about one part does not need the markings of all others.
      expect(await store.load(byId("7"))).toEqual({ ...known, aliases: [ALIAS], parts: [] });
      const twice = { events: [{ instance: "cert", uuid: UUID, id: "7" }, ...EVENT_KEYS.events], parts: [] };
      expect(await store.load(twice)).toEqual({ ...known, aliases: [ALIAS] });
      expect(await store.load({ events: [{ instance: "other", id: "7", uuid: UUID }], parts: [] })).toEqual(NOTHING);
    });

    it("tells of which events something is owed, and keeps the newest list of what they have beside it", async () => {
      await using store = (await open()).store;
      const listing = { instance: "cert", eventKey: UUID, at: NOW, changedAt: NOW, names: "AAAAAAE=" };
      expect(await store.load(byId(UUID, true))).toEqual(NOTHING);
      await store.commit(owing(delivery("1")), NOW);
      expect((await store.load(EVENT_KEYS)).owed).toEqual([{ instance: "cert", eventKey: UUID }]);
      expect((await store.load({ events: [{ instance: "cert", uuid: UUID }], parts: [] })).owed).toBeUndefined();
      await store.commit(effects({ listings: [listing] }), NOW);
      await store.commit(effects({ listings: [{ ...listing, at: NOW - 1, names: "" }] }), NOW);
      const batch = await takeBatch(store, NOW);
      expect(batch.entries[0]?.memory.listing).toEqual(listing);
      await settleOne(store, settledAs(batch, "sent"), NOW);
      expect((await store.load(EVENT_KEYS)).owed).toBeUndefined();
    });

    it("forgets the parts of an event that was made anew, and learns those that it has now", async () => {
      await using store = (await open()).store;
      await store.commit(effects({ events: [eventMemory()], parts: [partMemory("70"), partMemory("71")] }), NOW);
      const other = partMemory("80", { eventKey: "other" });
      const reborn = [{ instance: "cert", eventKey: UUID }];
      await store.commit(effects({ reborn, parts: [partMemory("72"), other] }), NOW);
      const whole = { events: [UUID, "other"].map((uuid) => ({ instance: "cert", uuid, whole: true })), parts: [] };
      expect((await store.load(whole)).parts).toEqual([partMemory("72"), other]);
    });

    it("gives a number to another event, whose parts of the same numbers are others", async () => {
      await using store = (await open()).store;
      const other = "5f1b2c3d-0000-4000-8000-000000000002";
      const first = effects({ events: [eventMemory()], aliases: [ALIAS], parts: [partMemory("70")] });
      await store.commit(first, NOW);
      const next = eventMemory({ key: other, event: { id: "7", uuid: other } });
      const alias = { ...ALIAS, key: other, unsure: true as const };
      await store.commit(effects({ events: [next], aliases: [alias] }), NOW);
      expect(await store.load(byId("7", true))).toEqual({
        ...NOTHING,
        events: [{ ...next, revision: 1 }],
        aliases: [alias],
      });
      const changed = partMemory("70", { eventKey: other, tags: ["tlp:green"] });
      await store.commit(effects({ parts: [changed] }), NOW);
      const parts = [{ instance: "cert", part: "attribute" as const, id: "70" }];
      const { parts: found } = await store.load({ events: [], parts });
      expect([...found].sort((a, b) => (a.eventKey < b.eventKey ? -1 : 1))).toEqual([partMemory("70"), changed]);
      await store.commit(effects({ forget: [{ instance: "cert", eventKey: UUID, part: "attribute", id: "70" }] }), NOW);
      expect((await store.load({ events: [], parts })).parts).toEqual([changed]);
    });

    it("gives what it has of a number whole, until an event is seen under it that adopts it", async () => {
      await using store = (await open()).store;
      const nameless = eventMemory({ key: "7", event: { id: "7" } });
      const part = partMemory("70", { eventKey: "7" });
      await store.commit(effects({ events: [nameless], parts: [part], undecided: [undecided("a")] }), NOW);
      const keys = { events: [{ instance: "cert", id: "7", uuid: UUID }], parts: [] };
      expect(await store.load(keys)).toMatchObject({
        events: [{ key: "7", revision: 1 }],
        parts: [part],
        undecided: [{ id: "a", eventKey: "7" }],
      });
      const { since: _, ...waiting } = undecided("a", { eventKey: UUID });
      const adopting = effects({
        events: [eventMemory()],
        aliases: [ALIAS],
        adopted: [{ ...ALIAS, revision: 1 }],
        parts: [partMemory("70")],
        forget: [{ instance: "cert", eventKey: "7", part: "attribute", id: "70" }],
      });
      const early = { ...adopting, adopted: [{ ...ALIAS, revision: 0 }] };
      expect(await store.commit(early, NOW)).toBe("conflict");
      expect(await store.commit(adopting, NOW)).toBe("committed");
      expect(await store.load({ events: [{ ...keys.events[0], instance: "cert", whole: true }], parts: [] })).toEqual({
        ...NOTHING,
        events: [eventMemory({ revision: 1 })],
        aliases: [ALIAS],
        parts: [partMemory("70")],
        undecided: [waiting],
      });
      expect(await store.undecided("cert", NOW, [])).toEqual({
        eventKey: UUID,
        undecided: [undecided("a", { eventKey: UUID })],
      });
      // Whoever has planned on it meanwhile plans again.
      expect(await store.commit(effects({ events: [{ ...nameless, revision: 1 }] }), NOW)).toBe("conflict");
    });

    it("forgets who had a number with the event that had it", async () => {
      await using store = (await open()).store;
      await store.commit(effects({ events: [eventMemory()], aliases: [ALIAS] }), NOW);
      while (await store.prune(NOW + 1, NOW + 1)) {}
      expect(await store.load(byId("7"))).toEqual(NOTHING);
    });

    it("finds an attribute by itself, and once when its event is asked for too", async () => {
      await using store = (await open()).store;
      await store.commit(effects({ events: [eventMemory()], parts: [partMemory("70")] }), NOW);
      const parts = [
        { instance: "cert", part: "attribute" as const, id: "70" },
        { instance: "cert", part: "attribute" as const, id: "71" },
      ];
      expect((await store.load({ events: [], parts })).parts).toEqual([partMemory("70")]);
      expect((await store.load({ ...EVENT_KEYS, parts })).parts).toEqual([partMemory("70")]);
    });

    it("replaces an event only at the revision that it was derived from", async () => {
      await using store = (await open()).store;
      expect(await store.commit(effects({ events: [eventMemory()] }), NOW)).toBe("committed");
      expect(await store.commit(effects({ events: [eventMemory({ revision: 1, deleted: true })] }), NOW)).toBe(
        "committed",
      );
      expect((await store.load(EVENT_KEYS)).events).toEqual([eventMemory({ revision: 2, deleted: true })]);
    });

    it.each([0, 1, 3])("stores nothing when memory is not at revision %d", async (revision) => {
      await using store = (await open()).store;
      await store.commit(effects({ events: [eventMemory()] }), NOW);
      await store.commit(effects({ events: [eventMemory({ revision: 1 })] }), NOW);
      const stale = effects({
        ...owing(delivery("a")),
        events: [eventMemory({ key: "8", event: { id: "8" } }), eventMemory({ revision, deleted: true })],
        parts: [partMemory("70")],
        records: [record(delivery("r"))],
      });
      expect(await store.commit(stale, NOW)).toBe("conflict");
      const keys = { events: [...EVENT_KEYS.events, { instance: "cert", id: "8" }], parts: [] };
      expect(await store.load(keys)).toEqual({
        ...NOTHING,
        events: [eventMemory({ revision: 2 })],
      });
      expect(await store.owed()).toEqual([]);
      expect(await historyOf(store, 9)).toEqual([]);
    });

    it("is in conflict about an event that it does not have", async () => {
      await using store = (await open()).store;
      expect(await store.commit(effects({ events: [eventMemory({ revision: 1 })] }), NOW)).toBe("conflict");
    });

    it("forgets the parts that it is told to forget", async () => {
      await using store = (await open()).store;
      const parts = [partMemory("70"), partMemory("71")];
      await store.commit(effects({ events: [eventMemory()], parts }), NOW);
      await store.commit(
        effects({
          forget: [
            { instance: "cert", eventKey: UUID, part: "attribute", id: "70" },
            { instance: "other", eventKey: UUID, part: "attribute", id: "71" },
          ],
        }),
        NOW,
      );
      expect((await store.load(EVENT_KEYS)).parts).toEqual([partMemory("71")]);
    });

    it("is handed out with a batch as it is then, not as it was when planned", async () => {
      await using store = (await open()).store;
      await store.commit({ ...owing(delivery("a")), events: [eventMemory()] }, NOW);
      const attached = [{ name: "tlp:red", seenAt: NOW }];
      const tightened = effects({
        events: [eventMemory({ revision: 1, attached })],
        parts: [partMemory("70")],
      });
      await store.commit(tightened, NOW);
      const batch = await takeBatch(store, NOW);
      const memory = { event: eventMemory({ revision: 2, attached }), parts: [partMemory("70")] };
      expect(batch.entries[0]?.memory).toEqual(memory);
    });

    it("of what a delivery was matched by is handed out, also where that is not stored with its alert", async () => {
      await using store = (await open()).store;
      const witness = { id: "99", tags: [], tagsKnown: true, marking: UNMARKED, reach: [] };
      const owed = delivery("a", { evidence: { routes: [{ name: "r" }], items: [witness], objects: [] } });
      await store.commit({ ...owing(owed), events: [eventMemory()], parts: [partMemory("99")] }, NOW);
      const [entry] = (await takeBatch(store, NOW)).entries;
      expect(entry?.memory.parts).toEqual([partMemory("99")]);
      expect(entry?.delivery.evidence).toEqual(owed.evidence);
    });

    it("of an event under its uuid is handed out too, and of no event nothing", async () => {
      await using store = (await open()).store;
      const nameless = eventMemory({ key: UUID, event: { uuid: UUID } });
      const parts = [partMemory("70", { eventKey: UUID })];
      const { event: _, ...eventless } = alert("alert-b", { items: [] });
      const alerts = [alert("alert-a"), eventless];
      const deliveries = [delivery("a"), delivery("b")];
      await store.commit(effects({ events: [nameless], parts, alerts, deliveries }), NOW);
      const [a, b] = (await takeBatch(store, NOW)).entries;
      expect(a?.memory).toEqual({ event: { ...nameless, revision: 1 }, parts });
      expect(b?.memory).toEqual({ parts: [] });
    });
  });

  describe(`${name}: what was told`, () => {
    const toldIn = async (store: Store) => (await store.load(EVENT_KEYS)).told;

    it("is the newest version that a destination was told or is owed", async () => {
      await using store = (await open()).store;
      const told = { instance: "cert", eventUuid: UUID, destination: "soc" };
      await store.commit({ ...owing(delivery("a", { changedAt: 2000 })), events: [eventMemory()] }, NOW);
      expect(await toldIn(store)).toEqual([{ ...told, changedAt: 2000 }]);
      await settleOne(store, settledAs(await takeBatch(store, NOW), "sent"), NOW);
      expect(await toldIn(store)).toEqual([{ ...told, changedAt: 2000 }]);
      await store.commit(owing(delivery("c", { changedAt: 1000 }), delivery("b", { changedAt: 3000 })), NOW);
      expect(await toldIn(store)).toEqual([{ ...told, changedAt: 3000 }]);
      await settleOne(store, settledAs(await takeBatch(store, NOW + 5 * MINUTE), "unproven"), NOW);
      expect(await store.load({ events: [{ instance: "cert", uuid: UUID }], parts: [] })).toMatchObject({
        told: [{ ...told, changedAt: 3000 }],
      });
    });

    it("is what was planned last, whatever its time, and in whatever order it is settled", async () => {
      await using store = (await open()).store;
      const told = { instance: "cert", eventUuid: UUID, destination: "soc" };
      // A clock was wrong when the first was written.
      const first = delivery("a", { changedAt: 9_000_000_000_000, version: "9000000000.x", groups: [group("one")] });
      const second = delivery("b", { changedAt: 2000, version: "2.y~1", groups: [group("two")] });
      await store.commit({ ...owing(first), events: [eventMemory()] }, NOW);
      const batch = await takeBatch(store, NOW);
      await store.commit(owing(second), NOW);
      expect(await toldIn(store)).toEqual([{ ...told, changedAt: 2000, version: "2.y~1" }]);
      await settleOne(store, settledAs(await takeBatch(store, NOW), "sent"), NOW);
      await settleOne(store, settledAs(batch, "sent"), NOW);
      expect(await toldIn(store)).toEqual([{ ...told, changedAt: 2000, version: "2.y~1" }]);
      await store.commit(owing(delivery("c", { changedAt: 1000 })), NOW);
      expect(await toldIn(store)).toEqual([{ ...told, changedAt: 1000 }]);
    });

    it.each(["refused", "withdrawn", "muted", "dead"] as const)("is not what was settled as %s", async (outcome) => {
      await using store = (await open()).store;
      await store.commit({ ...owing(delivery("a")), events: [eventMemory()] }, NOW);
      await settleOne(store, settledAs(await takeBatch(store, NOW), outcome), NOW);
      expect(await toldIn(store)).toEqual([]);
    });

    it("is known of an event that memory does not have, and only of publications", async () => {
      await using store = (await open()).store;
      const part = delivery("b", { kind: "attribute.added", destination: "mail" });
      await store.commit(owing(delivery("a"), part), NOW);
      const keys = { events: [{ instance: "cert", uuid: UUID }], parts: [] };
      expect((await store.load(keys)).told.map((told) => told.destination)).toEqual(["soc"]);
      await settleOne(store, settledAs(await takeBatch(store, NOW, "mail"), "sent"), NOW);
      expect((await store.load(keys)).told.map((told) => told.destination)).toEqual(["soc"]);
    });

    it("of attributes comes with the next batch about the event, with the markings of those it names", async () => {
      await using store = (await open()).store;
      const named = [{ id: "70", uuid: UUID, tags: [], tagsKnown: true, marking: MARKING, reach: [] }];
      const parts = { instance: "cert", eventUuid: UUID, destination: "soc", at: NOW, parts: { parts: "" }, named };
      const first = owing(delivery("a", { eventUuid: UUID }));
      await store.commit({ ...first, events: [eventMemory()], parts: [partMemory("70")] }, NOW);
      const batch = await takeBatch(store, NOW);
      expect(batch.told).toBeUndefined();
      await settleOne(store, { ...settledAs(batch, "sent"), told: [parts] }, NOW);
      await store.commit(owing(delivery("b", { eventUuid: UUID })), NOW);
      await store.commit(owing(delivery("c", { eventUuid: UUID, destination: "mail" })), NOW);
      const next = await takeBatch(store, NOW + 5 * MINUTE);
      expect(next.told).toEqual([{ parts, rows: [partMemory("70")] }]);
      expect((await takeBatch(store, NOW + 5 * MINUTE, "mail")).told).toBeUndefined();
      // The newest counts, and what is old is forgotten.
      const newer = { ...parts, at: NOW + 1, named: [] };
      await settleOne(store, { ...settledAs(next, "sent"), told: [newer] }, NOW + 5 * MINUTE);
      await store.commit(owing(delivery("d", { eventUuid: UUID })), NOW + 5 * MINUTE);
      const third = await takeBatch(store, NOW + 10 * MINUTE);
      expect(third.told).toEqual([{ parts: newer, rows: [] }]);
      await settleOne(store, settledAs(third, "sent"), NOW + 10 * MINUTE);
      await store.prune(NOW + 20 * MINUTE, NOW + 20 * MINUTE);
      await store.commit(owing(delivery("e", { eventUuid: UUID })), NOW + 20 * MINUTE);
      expect((await takeBatch(store, NOW + 30 * MINUTE)).told).toBeUndefined();
    });

    it("of attributes is forgotten once its event is made anew, but that it was told is not", async () => {
      await using store = (await open()).store;
      const other = "5f1b2c3d-0000-4000-8000-000000000002";
      for (const [id, eventUuid] of [["a", UUID] as const, ["b", other] as const]) {
        await store.commit(owing(delivery(id, { eventUuid, groups: [group(id)] })), NOW);
        const parts = { instance: "cert", eventUuid, destination: "soc", at: NOW, parts: { parts: "" }, named: [] };
        await settleOne(store, { ...settledAs(await takeBatch(store, NOW), "sent"), told: [parts] }, NOW);
      }
      await store.commit(effects({ reborn: [{ instance: "cert", eventKey: UUID }] }), NOW);
      const known = async (uuid: string) =>
        (await store.load({ events: [{ instance: "cert", uuid, reached: "parts" }], parts: [] })).reached;
      const reached = { instance: "cert", destination: "soc" };
      expect(await known(UUID)).toEqual([{ ...reached, eventUuid: UUID }]);
      expect(await known(other)).toEqual([{ ...reached, eventUuid: other, parts: { parts: "" } }]);
    });
  });
}

const MARKING = { tlp: "green", pap: "none", chr: false } as const;
