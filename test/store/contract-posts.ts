import { describe, expect, it } from "vitest";
import type { Batch, BatchId, Settlement, Store } from "../../src/model/outbox.ts";
import {
  type EventName,
  type FollowUp,
  type KeptEntry,
  type OpenPost,
  POST_MS,
  type Post,
  type PostContent,
} from "../../src/model/post.ts";
import { TOLD_PARTS_MS } from "../../src/model/told.ts";
import { MAX_CONTENT_BYTES, MAX_POST_BYTES, REFRESH_MS } from "../../src/store/posts.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import type { Opened } from "../support/store-contract.ts";
import {
  alert,
  delivery,
  effects,
  eventMemory,
  group,
  MINUTE,
  NOW,
  owing,
  settledAs,
  takeBatch,
  UUID,
} from "./samples.ts";

const OTHER = "5f1b2c3d-0000-4000-8000-000000000002";
const EVENT: EventName = { instance: "cert", eventUuid: UUID };
const KEYS = { events: [{ instance: "cert", uuid: UUID, reached: "parts" as const }], parts: [] };
const PROGRESS = { firstAt: NOW, updates: 2, updatedAt: NOW + 5, added: 12, sightings: 3 };

function keptOf(uuid: string, info = "Emotet"): KeptEntry {
  return {
    alert: alert(`kept-${uuid}`, { event: { id: "7", uuid, info } }),
    ...{ form: "full", withheld: 0, sightings: [], kinds: [{ kind: "event.published", n: 1 }], routes: ["rest"] },
  };
}

function contentOf(...entries: readonly KeptEntry[]): PostContent {
  return { createdAt: NOW, priority: "normal", mentions: [], show: 20, entries };
}

function postOf(id: string, fields: Partial<Post> = {}): Post {
  return {
    ...{ id: id as BatchId, destination: "soc", at: NOW, ref: { channel: "C1", ts: id }, events: [EVENT] },
    content: contentOf(keptOf(UUID)),
    ...fields,
  };
}

/** Something about the event leaves, and this is written down with it. */
async function tell(store: Store, id: string, followUp: FollowUp, now = NOW, fields = {}): Promise<Batch> {
  await store.commit(owing(delivery(id, { groups: [group(id)], ...fields })), now);
  const taken = await takeOne(store, "soc", now, { follows: true });
  if (!taken || !("batch" in taken)) {
    throw new Error("nothing is due");
  }
  const settlement: Settlement = { ...settledAs(taken.batch, "sent"), followUp };
  await settleOne(store, settlement, now);
  return taken.batch;
}

async function due(store: Store, now: number, isUrgent = false): Promise<OpenPost | undefined> {
  const taken = await store.takePost("soc", now, isUrgent);
  return taken && "post" in taken ? taken : undefined;
}

async function taken(store: Store, now: number): Promise<OpenPost> {
  const found = await due(store, now);
  if (!found) {
    throw new Error("no message is due");
  }
  return found;
}

/** What was told, and the messages that may still be changed. */
export function describePosts(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: what was told of an event`, () => {
    it("is known of every destination that was told anything of it, also after a restart", async () => {
      const { store, reopen } = await open();
      expect((await store.load(KEYS)).reached).toBeUndefined();
      await tell(store, "a", { told: [EVENT] }, NOW, { kind: "sighting.added" });
      const told = [{ instance: "cert", eventUuid: UUID, destination: "soc" }];
      expect((await store.load(KEYS)).reached).toEqual(told);
      await using again = (await reopen?.()) ?? store;
      expect((await again.load(KEYS)).reached).toEqual(told);
    });

    it("is known with what the destination knows of its parts, where that is asked, and from before it was noted", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const batch = await takeOne(store, "soc", NOW);
      const parts = { ...EVENT, destination: "soc", at: NOW, parts: { parts: "AAAA" }, named: [] };
      const done = batch && "batch" in batch ? settledAs(batch.batch, "sent") : undefined;
      await settleOne(store, { ...(done as Settlement), told: [parts] }, NOW);
      expect((await store.load(KEYS)).reached).toEqual([{ ...EVENT, destination: "soc", parts: { parts: "AAAA" } }]);
      const only = { events: [{ instance: "cert", uuid: UUID, reached: "event" as const }], parts: [] };
      expect((await store.load(only)).reached).toEqual([{ ...EVENT, destination: "soc" }]);
      expect((await store.load({ events: [{ instance: "cert", uuid: UUID }], parts: [] })).reached).toBeUndefined();
      const next = await tell(store, "b", { told: [] }, NOW + MINUTE);
      expect(next.follows).toEqual([{ ...EVENT, progress: { firstAt: NOW, updates: 0, sightings: 0 } }]);
    });

    it("is known of its parts for 30 days, however long all else is kept", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const parts = { ...EVENT, destination: "soc", at: NOW, parts: { parts: "AAAA" }, named: [] };
      await settleOne(store, { ...settledAs(await takeBatch(store, NOW), "sent"), told: [parts] }, NOW);
      await store.prune(0, NOW + TOLD_PARTS_MS);
      expect((await store.load(KEYS)).reached).toEqual([{ ...EVENT, destination: "soc", parts: { parts: "AAAA" } }]);
      await store.prune(0, NOW + TOLD_PARTS_MS + 1);
      expect((await store.load(KEYS)).reached).toEqual([{ ...EVENT, destination: "soc" }]);
    });

    it("is known of its parts as long as all else where a program was told", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a")), NOW);
      const parts = {
        ...EVENT,
        destination: "soc",
        at: NOW,
        whole: true as const,
        parts: { parts: "AAAA" },
        named: [],
      };
      await settleOne(store, { ...settledAs(await takeBatch(store, NOW), "sent"), told: [parts] }, NOW);
      await store.prune(NOW, NOW + 10 * TOLD_PARTS_MS);
      expect((await store.load(KEYS)).reached).toEqual([{ ...EVENT, destination: "soc", parts: { parts: "AAAA" } }]);
      await store.prune(NOW + 1, NOW + 10 * TOLD_PARTS_MS);
      expect((await store.load(KEYS)).reached ?? []).toEqual([]);
    });

    it("comes with the next batch about it, where that is asked or something is withdrawn", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [{ ...EVENT, progress: PROGRESS }] });
      const next = await tell(store, "b", { told: [] });
      expect(next.follows).toEqual([{ ...EVENT, progress: PROGRESS }]);
      await store.commit(owing(delivery("c", { groups: [group("c")] })), NOW);
      expect(await takeOne(store, "soc", NOW)).not.toHaveProperty("batch.follows");
      await store.commit(owing(delivery("d", { groups: [group("d")], withdraws: "deleted" })), NOW);
      expect(await takeOne(store, "soc", NOW)).toHaveProperty("batch.follows.0.progress", PROGRESS);
    });

    it("is only touched by what brings no progress", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [{ ...EVENT, progress: PROGRESS }] });
      await tell(store, "b", { told: [EVENT] }, NOW + MINUTE);
      expect((await tell(store, "c", { told: [] })).follows).toMatchObject([{ progress: PROGRESS }]);
    });

    it("is forgotten with everything of its age", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT] }, NOW, { kind: "sighting.added" });
      await store.prune(NOW, NOW);
      expect((await store.load(KEYS)).reached).toHaveLength(1);
      await store.prune(NOW + 1, NOW + 1);
      expect((await store.load(KEYS)).reached).toBeUndefined();
    });
  });

  describe(`${name}: messages that may still be changed`, () => {
    it("have the newest about the event alone as the one that others follow, else a digest, and never a reply", async () => {
      await using store = (await open()).store;
      const both = [EVENT, { instance: "cert", eventUuid: OTHER }];
      const rootAfter = async (id: string, post: Post) => {
        await tell(store, id, { told: post.events, post });
        return (await tell(store, `${id}?`, { told: [] })).follows?.[0]?.root?.id;
      };
      expect(await rootAfter("1", postOf("digest", { events: both }))).toBe("digest");
      expect(await rootAfter("2", postOf("single"))).toBe("single");
      expect(await rootAfter("3", postOf("reply", { isReply: true }))).toBe("single");
      expect(await rootAfter("4", postOf("later digest", { events: both }))).toBe("single");
      expect(await rootAfter("5", postOf("another"))).toBe("another");
    });

    it("are followed no more once the channel does not know them", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await tell(store, "b", { told: [EVENT], gone: "a" as BatchId });
      expect((await tell(store, "c", { told: [] })).follows?.[0]).not.toHaveProperty("root");
      expect(await store.post("a" as BatchId)).toBeUndefined();
    });

    it("are looked at again when something else is told of their event, with what is known of it now", async () => {
      const { store, reopen } = await open();
      await store.commit({ ...effects({ events: [eventMemory()] }) }, NOW);
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      expect(await due(store, NOW)).toBeUndefined();
      const reply = postOf("b", { isReply: true });
      await tell(store, "b", { told: [{ ...EVENT, progress: PROGRESS }], post: reply, refresh: true });
      await using again = (await reopen?.()) ?? store;
      const found = await taken(again, NOW);
      expect(found).toMatchObject({ post: postOf("a"), progresses: [PROGRESS], attempts: 0 });
      expect(found.memories).toMatchObject([{ event: { key: UUID } }]);
    });

    it("are changed at most once in a while by what only counts", async () => {
      await using store = (await open()).store;
      const again = (id: string, at: number) => tell(store, id, { told: [EVENT], refresh: true }, at);
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await again("b", NOW);
      const { post, revision } = await taken(store, NOW);
      await store.settlePost({ kind: "shown", id: post.id, revision, content: contentOf(), shown: "x" }, NOW);
      await again("c", NOW + 1000);
      expect(await store.takePost("soc", NOW + 1000, false)).toEqual({ dueAt: NOW + REFRESH_MS });
      await again("d", NOW + 2000);
      expect(await store.takePost("soc", NOW + 2000, false)).toEqual({ dueAt: NOW + REFRESH_MS });
      expect(await taken(store, NOW + REFRESH_MS)).toMatchObject({ post: { shown: "x" } });
    });

    it("are looked at at once when fewer may see what they show", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await store.commit({ ...effects({}), recheck: [{ instance: "cert", eventUuid: OTHER }] }, NOW);
      expect(await due(store, NOW)).toBeUndefined();
      await store.commit({ ...effects({}), recheck: [EVENT] }, NOW);
      expect(await due(store, NOW)).toBeDefined();
      expect(await due(store, NOW, true)).toBeDefined();
    });

    it("are no longer looked at before others once they are as they should be", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await store.commit({ ...effects({}), recheck: [EVENT] }, NOW);
      const { revision } = await taken(store, NOW);
      await store.settlePost({ kind: "shown", id: "a" as BatchId, revision }, NOW);
      await tell(store, "b", { told: [EVENT], refresh: true }, NOW + MINUTE);
      expect(await due(store, NOW + MINUTE, true)).toBeUndefined();
      expect(await due(store, NOW + MINUTE)).toBeDefined();
    });

    it("are told of to people: how many are to be changed, since when, and why that failed", async () => {
      const { store, reopen } = await open();
      const { ledger } = store;
      const both = { ...EVENT, eventUuid: OTHER };
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await tell(store, "b", { told: [EVENT, both], post: postOf("b", { at: NOW + 1, events: [EVENT, both] }) });
      expect(await ledger.pendingChanges()).toEqual([]);
      await tell(store, "c", { told: [both], refresh: true }, NOW + 5);
      await store.commit({ ...effects({}), recheck: [EVENT] }, NOW + 10);
      await using again = (await reopen?.()) ?? store;
      expect(await again.ledger.pendingChanges()).toEqual([{ destination: "soc", n: 2, urgent: 2, oldestAt: NOW + 5 }]);
      const { post, revision } = await taken(again, NOW + 10);
      expect(post.id).toBe("b");
      const failed = { kind: "again", at: NOW + MINUTE, attempted: true, reason: "http-503" } as const;
      await again.settlePost({ ...failed, id: post.id, revision }, NOW + 10);
      expect(await again.ledger.pendingChanges()).toMatchObject([{ n: 2, oldestAt: NOW + 5, reason: "http-503" }]);
      const waits = { since: NOW + 10, dueAt: NOW + 10, isUrgent: true, attempts: 0 };
      const tried = { since: NOW + 5, dueAt: NOW + MINUTE, isUrgent: true, attempts: 1, reason: "http-503" };
      const about = { destination: "soc", isReply: false };
      expect(await again.ledger.messages(EVENT)).toEqual([
        { ...about, at: NOW, pending: waits },
        { ...about, at: NOW + 1, pending: tried },
      ]);
      expect(await again.ledger.messages(both)).toHaveLength(1);
      await again.settlePost({ kind: "shown", id: post.id, revision }, NOW + MINUTE);
      expect((await again.ledger.messages(both))[0]).toEqual({ ...about, at: NOW + 1 });
      expect(await again.ledger.pendingChanges()).toEqual([
        { destination: "soc", n: 1, urgent: 1, oldestAt: NOW + 10 },
      ]);
    });

    it("say who looks after their event, those that others are below as well as these, and what follows", async () => {
      const { store, reopen } = await open();
      const both = { ...EVENT, eventUuid: OTHER };
      await tell(store, "a", { told: [{ ...EVENT, progress: PROGRESS }], post: postOf("a") });
      await tell(store, "b", { told: [EVENT], post: postOf("b", { isReply: true }) });
      await tell(store, "c", { told: [both], post: postOf("c", { events: [both] }) });
      await store.ledger.acknowledge({ ...EVENT, at: NOW + 5, by: "jane" });
      await using again = (await reopen?.()) ?? store;
      const pending = { since: NOW + 5, dueAt: NOW + 5, isUrgent: false, attempts: 0 };
      const messages = await again.ledger.messages(EVENT);
      expect(messages.map((one) => one.pending)).toEqual([pending, pending]);
      expect((await again.ledger.messages(both))[0]?.pending).toBeUndefined();
      const acknowledged = { by: "jane", at: NOW + 5 };
      expect((await taken(again, NOW + 5)).progresses).toEqual([{ ...PROGRESS, acknowledged }]);
      const next = await tell(again, "d", { told: [] });
      expect(next.follows).toMatchObject([{ progress: { ...PROGRESS, acknowledged } }]);
    });

    it("wait for no later attempt where something has changed meanwhile", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await store.commit({ ...effects({}), recheck: [EVENT] }, NOW);
      const { revision } = await taken(store, NOW);
      await store.commit({ ...effects({}), recheck: [EVENT] }, NOW + 1);
      const again = {
        kind: "again",
        id: "a" as BatchId,
        at: NOW + MINUTE,
        attempted: true,
        reason: "http-503",
      } as const;
      await store.settlePost({ ...again, revision }, NOW + 2);
      expect(await taken(store, NOW + 2)).toMatchObject({ attempts: 1 });
    });

    it("are named by whose they are to whoever makes that so", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await tell(store, "b", { told: [EVENT], post: postOf("b") });
      const elsewhere = [{ instance: "cert", eventUuid: OTHER }];
      expect(await store.commit({ ...effects({}), recheck: elsewhere }, NOW)).toBe("committed");
      expect(await store.commit({ ...effects({}), recheck: [EVENT] }, NOW)).toEqual({ recheck: ["soc"] });
    });

    it("are looked at once they are sent when fewer may see that since they were taken, and not before", async () => {
      await using store = (await open()).store;
      const sentAmid = async (id: string, recheck: EventName) => {
        await store.commit(owing(delivery(id, { groups: [group(id)] })), NOW);
        const batch = await takeOne(store, "soc", NOW, { follows: true });
        if (!batch || !("batch" in batch)) {
          throw new Error("nothing is due");
        }
        await store.commit({ ...effects({}), recheck: [recheck] }, NOW);
        const followUp = { told: [EVENT], post: postOf(id) };
        await settleOne(store, { ...settledAs(batch.batch, "sent"), followUp }, NOW);
      };
      await sentAmid("other", { instance: "cert", eventUuid: OTHER });
      expect(await due(store, NOW)).toBeUndefined();
      await sentAmid("own", EVENT);
      const found = new Set<string>();
      for (let post = await due(store, NOW); post; post = await due(store, NOW)) {
        found.add(post.post.id);
        await store.settlePost({ kind: "shown", id: post.post.id, revision: post.revision }, NOW);
      }
      expect(found).toEqual(new Set(["other", "own"]));
      await tell(store, "later", { told: [EVENT], post: postOf("later") });
      expect(await due(store, NOW)).toBeUndefined();
    });

    it("are looked at once more when something has changed meanwhile", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await store.commit({ ...effects({}), recheck: [EVENT] }, NOW);
      const { revision } = await taken(store, NOW);
      await store.commit({ ...effects({}), recheck: [EVENT] }, NOW);
      const end = { kind: "shown", id: "a" as BatchId, content: contentOf(), shown: "x" } as const;
      await store.settlePost({ ...end, revision }, NOW);
      const next = await taken(store, NOW);
      await store.settlePost({ ...end, revision: next.revision }, NOW);
      expect(await due(store, NOW)).toBeUndefined();
    });

    it("are tried again when that failed, and not before", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await store.commit({ ...effects({}), recheck: [EVENT] }, NOW);
      const { revision } = await taken(store, NOW);
      const again = {
        kind: "again",
        id: "a" as BatchId,
        at: NOW + MINUTE,
        attempted: true,
        reason: "http-503",
      } as const;
      await store.settlePost({ ...again, revision }, NOW);
      expect(await store.takePost("soc", NOW, false)).toEqual({ dueAt: NOW + MINUTE });
      expect(await taken(store, NOW + MINUTE)).toMatchObject({ attempts: 1 });
    });

    it("lose all that they showed of an event that is withdrawn, which then counts as never told", async () => {
      const { store, reopen } = await open();
      const digest = postOf("digest", {
        events: [EVENT, { instance: "cert", eventUuid: OTHER }],
        content: contentOf(keptOf(UUID), keptOf(OTHER, "Qakbot"), keptOf(UUID)),
      });
      const { content: _, ...large } = postOf("large");
      await tell(store, "a", { told: digest.events, post: digest });
      await tell(store, "b", { told: [EVENT], post: large });
      const entry: KeptEntry = { ...keptOf(UUID, ""), withdrawn: "deleted" };
      await tell(store, "c", { told: [], withdrawn: [{ ...EVENT, entry }] }, NOW, { kind: "event.deleted" });
      await using again = (await reopen?.()) ?? store;
      expect((await again.load(KEYS)).reached).toBeUndefined();
      expect((await again.load(KEYS)).told).toEqual([]);
      const first = await taken(again, NOW);
      expect(await due(again, NOW, true)).toEqual(first);
      expect(first.post.content?.entries).toEqual([entry, keptOf(OTHER, "Qakbot")]);
      await again.settlePost({ kind: "over", id: first.post.id, revision: first.revision }, NOW);
      const second = await taken(again, NOW);
      expect(second.post).toMatchObject({ id: "large", content: { entries: [entry] } });
    });

    it("are erased when they are over, unless something was withdrawn meanwhile", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      const before = await store.post("a" as BatchId);
      const withdrawn = [{ ...EVENT, entry: { ...keptOf(UUID), withdrawn: "deleted" as const } }];
      await tell(store, "b", { told: [], withdrawn });
      await store.settlePost({ kind: "over", id: "a" as BatchId, revision: before?.revision ?? 0 }, NOW);
      const { revision } = await taken(store, NOW);
      await store.settlePost({ kind: "over", id: "a" as BatchId, revision }, NOW);
      expect(await store.post("a" as BatchId)).toBeUndefined();
    });

    it("are erased after 30 days", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await store.takePost("other", NOW + POST_MS, false);
      expect(await store.post("a" as BatchId)).toBeDefined();
      await store.takePost("other", NOW + POST_MS + 1, false);
      expect(await store.post("a" as BatchId)).toBeUndefined();
    });

    it("are erased after 30 days, however long all else is kept, where nobody looks at them any more", async () => {
      await using store = (await open()).store;
      await tell(store, "a", { told: [EVENT], post: postOf("a") });
      await store.prune(0, NOW + POST_MS);
      expect(await store.post("a" as BatchId)).toBeDefined();
      await store.prune(0, NOW + POST_MS + 1);
      expect(await store.post("a" as BatchId)).toBeUndefined();
      expect((await store.load(KEYS)).reached).toHaveLength(1);
    });

    it("are kept without what they show where that is too many bytes, in whatever script", async () => {
      await using store = (await open()).store;
      const filling = (share: number) => contentOf(keptOf(UUID, "字".repeat(Math.floor(MAX_CONTENT_BYTES * share))));
      await tell(store, "a", { told: [EVENT], post: postOf("a", { content: filling(0.3) }) });
      await tell(store, "b", { told: [EVENT], post: postOf("b", { content: filling(0.4) }) });
      expect((await store.post("a" as BatchId))?.post.content).toEqual(filling(0.3));
      expect((await store.post("b" as BatchId))?.post.content).toBeUndefined();
    });

    it("are kept without what they show where that is too much, and the oldest go where all is", async () => {
      await using store = (await open()).store;
      const text = "x".repeat(MAX_CONTENT_BYTES - 2000);
      await tell(store, "huge", {
        told: [EVENT],
        post: postOf("huge", { content: contentOf(keptOf(UUID, text + text)) }),
      });
      expect((await store.post("huge" as BatchId))?.post).toEqual({ ...postOf("huge"), content: undefined });
      const n = Math.ceil(MAX_POST_BYTES / MAX_CONTENT_BYTES) + 10;
      for (let i = 0; i < n; i += 1) {
        await tell(store, `p${i}`, {
          told: [EVENT],
          post: postOf(`p${i}`, { content: contentOf(keptOf(UUID, text)) }),
        });
      }
      expect(await store.post("huge" as BatchId)).toBeUndefined();
      expect(await store.post("p0" as BatchId)).toBeUndefined();
      expect(await store.post(`p${n - 1}` as BatchId)).toBeDefined();
    });

    it("go where all is too much, but for those that show what their readers may not see any more", async () => {
      await using store = (await open()).store;
      const text = "x".repeat(MAX_CONTENT_BYTES - 2000);
      const large = (id: string, event = EVENT): Post =>
        postOf(id, { events: [event], content: contentOf(keptOf(event.eventUuid, text)) });
      const hidden = { instance: "cert", eventUuid: OTHER };
      await tell(store, "hidden", { told: [hidden], post: large("hidden", hidden) });
      await store.commit({ ...effects({}), recheck: [hidden] }, NOW);
      const n = Math.ceil(MAX_POST_BYTES / MAX_CONTENT_BYTES) + 10;
      for (let i = 0; i < n; i += 1) {
        await tell(store, `p${i}`, { told: [EVENT], post: large(`p${i}`) });
      }
      expect(await store.post("p0" as BatchId)).toBeUndefined();
      expect((await due(store, NOW, true))?.post.id).toBe("hidden");
    });
  });
}
