import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { OpenedBatch } from "../../src/delivery/payload.ts";
import type { Message } from "../../src/model/message.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { decode } from "../../src/topics/index.ts";
import { frameOf } from "../topics/frames.ts";
import { Planner } from "./planner.ts";

// Frames and orders of frames on which a herald could be wrong; what is right of each stands in its test.

const CASES = new URL("../fixtures/cases/", import.meta.url);
/** When the frames arrive: after all that MISP's clock says, unless that is wrong. */
const ARRIVED = Date.UTC(2026, 10, 28);

interface Sent {
  readonly topic: string;
  readonly payload: unknown;
  readonly at_ms?: number;
}

function messagesOf(frames: readonly Sent[]): readonly Message[] {
  return frames.flatMap(
    ({ topic, payload, at_ms }, n) => decode(frameOf(topic, payload, ARRIVED + (at_ms ?? n * 1000))) ?? [],
  );
}

async function messagesIn(name: string): Promise<readonly Message[]> {
  const text = await readFile(new URL(`${name}.jsonl`, CASES), "utf8");
  const lines = text.trim().split("\n");
  return messagesOf(lines.map((line): Sent => JSON.parse(line)));
}

interface Order {
  readonly guard: object;
  readonly routes: readonly object[];
  readonly frames: readonly Sent[];
}

async function orderIn(name: string): Promise<Order> {
  return JSON.parse(await readFile(new URL(`${name}.json`, CASES), "utf8"));
}

const STORES = {
  memory: async () => openMemoryStore(),
  sqlite: async () => {
    const directory = await mkdtemp(join(tmpdir(), "herald-cases-"));
    const store = await openSqliteStore({ path: join(directory, "state.db") });
    onTestFinished(async () => {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    });
    return store;
  },
} as const;

const ALL = { name: "all", kinds: ["event.*", "attribute.*", "object.*"], notify: ["d"] };

/** Plans one message after the other, each as a frame by itself; gives what became of it. */
async function play(planner: Planner, messages: readonly Message[]): Promise<readonly string[]> {
  const verdicts: string[] = [];
  for (const message of messages) {
    const { trace } = await planner.tell(message);
    verdicts.push(...(trace?.destinations ?? []).map(({ verdict }) => `${trace?.kind} ${verdict}`));
  }
  return verdicts;
}

/** What would be on the wire, as text. */
function textOf(opened: OpenedBatch | undefined): string {
  return JSON.stringify(opened?.payload?.entries.map(({ guarded }) => guarded.alert) ?? []);
}

/** All that leaves now, and how the rest ends. */
async function leave(planner: Planner): Promise<readonly string[]> {
  const opened: (OpenedBatch | undefined)[] = [await planner.open("d")];
  // What is taken back leaves by itself, before what it takes back.
  for (let next = await planner.open("d"); next; next = await planner.open("d")) {
    opened.push(next);
  }
  const refused = opened.flatMap((one) => one?.refused ?? []);
  const records = refused.map(({ kind, outcome, reason }) => `${kind} ${outcome} ${reason}`);
  return [...opened.map(textOf), ...records];
}

describe.each(Object.entries(STORES))("with the %s store", (_, openStore) => {
  const plannerFor = async (guard: object, routes: readonly object[] = [ALL]) =>
    new Planner({ destinations: { d: { guard } }, routes, store: await openStore() });

  /** Plays frames, and lets leave what waited for 4 s whenever so long has passed; gives all that left. */
  const playOrder = async (name: string) => {
    const { guard, routes, frames } = await orderIn(name);
    const planner = await plannerFor(guard, routes);
    const sent: string[] = [];
    let last = 0;
    for (const frame of frames) {
      const at = frame.at_ms ?? 0;
      if (at - last > 4000) {
        sent.push(...(await leave(planner)));
      }
      last = at;
      await play(planner, messagesOf([frame]));
    }
    return [...sent, ...(await leave(planner))];
  };

  describe("a number that another event has", () => {
    it("tells nothing of the first one: a draft of a reinstalled MISP stays one", async () => {
      const planner = await plannerFor({ max_tlp: "green" });
      expect(await play(planner, await messagesIn("event-id-reused-by-another-uuid"))).toEqual([
        "event.published owed",
        "event.created draft",
        "attribute.added draft",
      ]);
      expect((await leave(planner)).join()).not.toMatch(/SECRET|draft-secret/);
    });

    it("makes its publication no older one of the first: it is told as new", async () => {
      const planner = await plannerFor({ max_tlp: "green" });
      const messages = await messagesIn("event-id-reused-publication");
      expect(await play(planner, messages.slice(0, 1))).toEqual(["event.published owed"]);
      const { trace } = await planner.tell(...messages.slice(1));
      expect(trace?.destinations.map(({ verdict }) => verdict)).toEqual(["owed"]);
      expect(trace?.alert?.change).toBe("new");
    });
  });

  describe("a clock that is ahead", () => {
    it("does not make the next publication stale, nor news of it for ever", async () => {
      const planner = await plannerFor({ max_tlp: "green" });
      const messages = await messagesIn("future-timestamp-then-edit");
      expect(await play(planner, messages)).toEqual(["event.published owed", "event.published owed"]);
      const [, second] = messages;
      const { trace } = await planner.tell(...(second ? [second] : []));
      expect(trace?.destinations.map(({ verdict }) => verdict)).toEqual(["already-told"]);
    });

    it("keeps no event green that became red", async () => {
      const planner = await plannerFor({ max_tlp: "green" });
      expect(await play(planner, await messagesIn("future-timestamp-then-red"))).toEqual([
        "event.published owed",
        "event.published tlp-above-ceiling",
        "attribute.added tlp-above-ceiling",
      ]);
      expect(await leave(planner)).toEqual(["[]", "event.published refused tlp-above-ceiling"]);
    });
  });

  it("an old edit that was red makes the event red, and its title is told to nobody", async () => {
    const messages = await messagesIn("old-red-edit-after-green-publication");
    const green = await plannerFor({ max_tlp: "green" });
    expect(await play(green, messages)).toEqual(["event.published owed", "event.edited tlp-above-ceiling"]);
    expect(await leave(green)).toEqual(["[]", "event.published refused tlp-above-ceiling"]);
    const red = await plannerFor({ max_tlp: "red" });
    expect(await play(red, messages)).toEqual(["event.published owed", "event.edited owed"]);
    const told = (await leave(red)).join();
    expect(told).toContain("Public summary");
    expect(told).not.toContain("SECRETNAME");
  });

  it("an attribute that is added with an old time makes another publication", async () => {
    const planner = await plannerFor({ max_tlp: "green" });
    const messages = await messagesIn("added-attribute-with-old-timestamp");
    expect(await play(planner, messages.slice(0, 1))).toEqual(["event.published owed"]);
    await planner.settle("d");
    const { trace } = await planner.tell(...messages.slice(1));
    expect([trace?.alert?.change, trace?.destinations[0]?.verdict]).toEqual(["updated", "owed"]);
  });

  it("an attribute that is for its owner alone by now does not leave", async () => {
    const sent = (await playOrder("order-attribute-distribution-narrowed")).join();
    expect(sent).toContain("EV-narrow");
    expect(sent).not.toContain("narrow.example");
  });

  it("what a sharing group may see does not leave to who is in it no more", async () => {
    const sent = (await playOrder("order-sharing-group-membership-lost")).join();
    expect(sent).toContain("event.published refused distribution");
    expect(sent).not.toContain("sgchange.example");
  });

  it("a stricter label counts though its author's clock is behind", async () => {
    const sent = (await playOrder("order-older-timestamp-stricter-tags")).join();
    expect(sent).toContain("event.published refused tlp-above-ceiling");
    expect(sent).not.toContain("future-tags.example");
  });

  it("an organisation that may not be disclosed is in no payload with what it made", async () => {
    const sent = await playOrder("order-chr-merge");
    expect(sent.join()).toContain("chr-secret.example");
    expect(sent.filter((text) => text.includes("chr-secret.example") && text.includes("ACME-CERT"))).toEqual([]);
  });

  it("a post about an event that is red does not leave", async () => {
    expect((await playOrder("order-discussion-post-of-red-event")).join()).not.toContain("POSTCONTENT");
  });

  it("what was deleted before it left does not leave", async () => {
    const sent = (await playOrder("order-deleted-before-send")).join();
    expect(sent).toContain("event.published withdrawn event-deleted");
    expect(sent).not.toContain("deleted.example");
  });
});
