import { describe, expect, it } from "vitest";
import type { AlertId } from "../../src/model/alert.ts";
import type { Undecided } from "../../src/model/memory.ts";
import type { Message } from "../../src/model/message.ts";
import type { Opened } from "../support/store-contract.ts";
import { EVENT_KEYS, effects, eventMemory, NOW, UUID } from "./samples.ts";

const MESSAGE: Message = {
  kind: "attribute.added",
  instance: "cert",
  topic: "misp_json_attribute",
  receivedAt: NOW,
  subject: { type: "attribute", id: "70" },
  version: "1",
  event: { id: "7" },
  attributes: [{ id: "70", value: "Ein Köder" }],
  objects: [],
  lines: [],
};

/** A message that waits for knowledge. */
export function undecided(id: string, fields: Partial<Undecided> = {}): Undecided {
  const message = { ...MESSAGE, subject: { type: "attribute" as const, id } };
  return {
    id: id as AlertId,
    instance: "cert",
    eventKey: "7",
    destinations: ["soc", "mail"],
    message,
    since: NOW,
    ...fields,
  };
}

/** What waits until MISP has been asked: the part of the store's contract that recall and reconcile rely on. */
export function describeUndecided(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: what is undecided`, () => {
    it("is handed out by event, once that has been quiet, in the order in which it came", async () => {
      await using store = (await open()).store;
      await store.commit(effects({ undecided: [undecided("a"), undecided("b", { since: NOW + 2000 })] }), NOW);
      expect(await store.undecided("cert", NOW, [])).toEqual({ lastAt: NOW + 2000 });
      expect(await store.undecided("cert", NOW + 2000, [])).toEqual({
        eventKey: "7",
        undecided: [undecided("a"), undecided("b", { since: NOW + 2000 })],
      });
      expect(await store.undecided("other", NOW + 2000, [])).toBeUndefined();
    });

    it("is counted by instance", async () => {
      await using store = (await open()).store;
      expect(await store.ledger.undecided()).toEqual([]);
      const other = undecided("c", { instance: "abroad" });
      await store.commit(effects({ undecided: [undecided("a"), undecided("b"), other] }), NOW);
      expect(await store.ledger.undecided()).toEqual([
        { instance: "abroad", messages: 1, oldestAt: NOW },
        { instance: "cert", messages: 2, oldestAt: NOW },
      ]);
    });

    it("is that of the event that has been quiet for longest, except of those that are left out", async () => {
      await using store = (await open()).store;
      const later = undecided("b", { eventKey: "8", since: NOW + 10 });
      await store.commit(effects({ undecided: [later, undecided("a")] }), NOW);
      expect(await store.ledger.undecided()).toEqual([{ instance: "cert", messages: 2, oldestAt: NOW }]);
      expect(await store.undecided("cert", NOW + 99, [])).toMatchObject({ eventKey: "7" });
      expect(await store.undecided("cert", NOW + 99, ["7"])).toEqual({ eventKey: "8", undecided: [later] });
      expect(await store.undecided("cert", NOW + 99, ["7", "8"])).toBeUndefined();
    });

    it("is added once, and ends for each destination by itself", async () => {
      await using store = (await open()).store;
      await store.commit(effects({ undecided: [undecided("a")] }), NOW);
      await store.commit(effects({ undecided: [undecided("a", { since: NOW + 500 })] }), NOW);
      await store.commit(effects({ decided: [{ id: "a" as AlertId, destinations: ["soc"] }] }), NOW);
      expect(await store.undecided("cert", NOW, [])).toEqual({
        eventKey: "7",
        undecided: [undecided("a", { destinations: ["mail"] })],
      });
      const gone = [
        { id: "a" as AlertId, destinations: ["mail"] },
        { id: "unheard-of" as AlertId, destinations: ["soc"] },
      ];
      await store.commit(effects({ decided: gone }), NOW);
      expect(await store.undecided("cert", NOW, [])).toBeUndefined();
    });

    it("is recalled with its event for a publication, without the message", async () => {
      await using store = (await open()).store;
      await store.commit(effects({ events: [eventMemory()], undecided: [undecided("a", { eventKey: UUID })] }), NOW);
      expect((await store.load(EVENT_KEYS)).undecided).toMatchObject([
        { id: "a", eventKey: UUID, destinations: ["soc", "mail"] },
      ]);
      expect((await store.load({ events: [{ instance: "cert", uuid: UUID }], parts: [] })).undecided).toEqual([]);
    });

    it("is not stored when memory has moved", async () => {
      await using store = (await open()).store;
      await store.commit(effects({ events: [eventMemory()] }), NOW);
      const cursors = [{ instance: "cert", publishedAt: NOW }];
      expect(await store.commit(effects({ events: [eventMemory()], undecided: [undecided("a")], cursors }), NOW)).toBe(
        "conflict",
      );
      expect(await store.undecided("cert", NOW, [])).toBeUndefined();
      expect(await store.cursor("cert")).toBeUndefined();
    });

    it("stands beside what MISP is to confirm: handed out by event, the oldest first, until it is confirmed", async () => {
      const { store, reopen } = await open();
      const row = (id: string, eventKey: string, since = NOW) => ({
        ...{ id: id as AlertId, instance: "cert", eventKey, eventId: `id-${eventKey}`, since },
        message: { ...MESSAGE, version: id },
      });
      const rows = [row("a", "u1"), row("b", "u2"), row("c", "u1", NOW + 5), row("d", "u3")];
      await store.commit(effects({ unconfirmed: rows }), NOW);
      await store.commit(effects({ unconfirmed: [row("a", "u1", NOW + 99)] }), NOW);
      await using again = reopen ? await reopen() : store;
      const ids = async (limit: number, except: readonly string[]) =>
        (await again.unconfirmed("cert", limit, except)).map(({ id }) => id);
      expect(await again.unconfirmed("cert", 1, [])).toEqual([rows[0], rows[2]]);
      expect(await ids(9, [])).toEqual(["a", "c", "b", "d"]);
      expect(await ids(1, ["u1"])).toEqual(["b"]);
      expect(await again.unconfirmed("other", 9, [])).toEqual([]);
      await again.commit(effects({ confirmed: ["a", "b", "unheard-of"] as AlertId[] }), NOW);
      expect(await ids(9, [])).toEqual(["c", "d"]);
    });

    it("is known of an event for which MISP's word is waited, by UUID and by id, and so is whose feed tells of tags", async () => {
      await using store = (await open()).store;
      const waiting = {
        id: "a" as AlertId,
        instance: "cert",
        eventKey: "u1",
        eventId: "7",
        since: NOW,
        message: MESSAGE,
      };
      await store.commit(effects({ unconfirmed: [waiting], tagged: ["cert"] }), NOW);
      await store.commit(effects({ tagged: ["cert", "other"] }), NOW);
      const about = async (key: { readonly id?: string; readonly uuid?: string }) => {
        const { unconfirmed } = await store.load({ ...EVENT_KEYS, events: [{ instance: "cert", ...key }] });
        return unconfirmed;
      };
      const pending = [{ instance: "cert", eventKey: "u1", eventId: "7" }];
      expect(await about({ id: "7" })).toEqual(pending);
      expect(await about({ id: "1", uuid: "u1" })).toEqual(pending);
      expect(await about({ id: "8", uuid: "u2" })).toBeUndefined();
      expect((await store.load({ ...EVENT_KEYS, events: [] })).tagged).toEqual(["cert", "other"]);
    });

    it("stands beside how asking goes, which the newest word replaces and a restart does not forget", async () => {
      const { store, reopen } = await open();
      expect(await store.asking("cert")).toBeUndefined();
      const refused = { since: NOW, reason: "key-not-accepted" };
      const first = { instance: "cert", refused, refusedMs: 1, silentMs: 0 };
      await store.commit(effects({ asking: [first, { instance: "other", refusedMs: 0, silentMs: 5 }] }), NOW);
      expect(await store.asking("cert")).toEqual(first);
      await store.commit(effects({ asking: [{ ...first, refusedMs: 2 }] }), NOW);
      await using again = reopen ? await reopen() : store;
      expect(await again.asking("cert")).toEqual({ ...first, refusedMs: 2 });
      expect(await again.asking("other")).toEqual({ instance: "other", refusedMs: 0, silentMs: 5 });
    });

    it("survives with the cursor of its instance when the store lasts", async () => {
      const { store, reopen } = await open();
      const cursors = [{ instance: "cert", publishedAt: NOW }];
      await store.commit(effects({ undecided: [undecided("a")], cursors }), NOW);
      await using again = reopen ? await reopen() : store;
      expect(await again.undecided("cert", NOW, [])).toMatchObject({ eventKey: "7" });
      expect((await again.cursor("cert"))?.publishedAt).toBe(NOW);
      await again.commit(effects({ cursors: [{ instance: "cert", publishedAt: NOW + 1 }] }), NOW);
      expect((await again.cursor("cert"))?.publishedAt).toBe(NOW + 1);
    });
  });
}
