import { describe, expect, test } from "vitest";
import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { openLog } from "../../src/base/log.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Message } from "../../src/model/message.ts";
import type { EventAnswer } from "../../src/recall/question.ts";
import { recall } from "../../src/recall/recall.ts";
import type { ThreadAnswer } from "../../src/recall/threads.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { SteppedClock } from "../delivery/worker.ts";
import { historyOf } from "../support/history.ts";
import { eventView, MINUTE, publication, SECOND, T0, tags } from "../support/messages.ts";
import { takeOne } from "../support/one-batch.ts";
import { messageOf, sample } from "../topics/frames.ts";
import { openBudget } from "./budgets.ts";

// A post names its discussion alone: how far that may travel, and of which event it is, MISP tells.

const POST: Message = {
  ...messageOf("misp_json_conversation", sample("misp_json_conversation--post").payload),
  instance: "cert",
  receivedAt: T0,
};
const OPEN: ThreadAnswer = { kind: "thread", thread: { id: "1", distribution: "community" } };
const ON_EVENT: ThreadAnswer = { ...OPEN, event: { id: "7" } };

interface Scene {
  readonly before?: readonly Message[];
  readonly threads: readonly ThreadAnswer[];
  readonly event?: EventAnswer;
  readonly guard?: object;
  readonly asks?: boolean;
}

async function play({ before = [], threads, event, guard = {}, asks = true }: Scene) {
  const stop = new AbortController();
  const clock = new SteppedClock(T0 + 20 * MINUTE, () => stop.abort());
  await using store = openMemoryStore();
  const policy = Guard.parse({ max_tlp: "amber", also: ["discussions"], ...guard });
  const rules = {
    routes: compileRoutes([RouteOptions.parse({ name: "posts", kinds: ["discussion.posted"], notify: "soc" })]),
    destinations: new Map([["soc", { guard: policy, repeats: "changed" as const }]]),
    asks: new Set(asks ? ["cert"] : []),
  };
  const planner: Planner = { store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED };
  await absorb([...before, POST], planner);
  const asked: string[] = [];
  const worker = {
    instance: "cert",
    thread: async (id: string) => {
      asked.push(`thread ${id}`);
      return threads[Math.min(asked.length, threads.length) - 1] ?? OPEN;
    },
    ask: async (id: string): Promise<EventAnswer> => {
      asked.push(`event ${id}`);
      return event ?? { kind: "refused", reason: "event-not-found" };
    },
    settleMs: 5 * SECOND,
    budget: openBudget(clock, {}),
    patienceMs: 10 * MINUTE,
    log: openLog("silent"),
  };
  await recall(worker, planner, stop.signal);
  const taken = await takeOne(store, "soc", Number.MAX_SAFE_INTEGER);
  const entries = taken && "batch" in taken ? taken.batch.entries : [];
  const records = await historyOf(store, 100);
  return {
    asked,
    owed: entries.flatMap(({ alert }) => alert.lines.map(({ text }) => text)),
    refused: records.map(({ reason }) => reason),
    left: await store.undecided("cert", Number.MAX_SAFE_INTEGER, []),
  };
}

const TEXT = ["Seen at our site too", "ACME-CERT"];
const known = (...names: readonly string[]) => publication({ receivedAt: T0, event: { tags: tags(...names) } });
const told = (...names: readonly string[]): EventAnswer => ({
  kind: "event",
  event: eventView({ wasPublished: true, tags: tags(...names) }),
  attributes: [],
  objects: [],
});

describe("a post has the marking and distribution of its discussion", () => {
  test.each<readonly [string, Scene, readonly string[], readonly string[], readonly string[]]>([
    ["on no event", { threads: [OPEN] }, ["thread 1"], TEXT, []],
    [
      "for the organisation alone",
      { threads: [{ kind: "thread", thread: { id: "1", distribution: "organisation" } }] },
      ["thread 1"],
      [],
      ["distribution-unknown"],
    ],
    [
      "for that of its readers",
      {
        threads: [{ kind: "thread", thread: { distribution: "organisation", owner: { name: "ACME-CERT" } } }],
        guard: { audience: ["ACME-CERT"] },
      },
      ["thread 1"],
      TEXT,
      [],
    ],
    [
      "for a sharing group whose members nobody tells",
      { threads: [{ kind: "thread", thread: { distribution: "sharing_group", sharingGroup: { id: "3" } } }] },
      ["thread 1"],
      [],
      ["distribution"],
    ],
    [
      "for a group that passes",
      {
        threads: [{ kind: "thread", thread: { distribution: "sharing_group", sharingGroup: { id: "3" } } }],
        guard: { sharing_groups: ["cert:3"] },
      },
      ["thread 1"],
      TEXT,
      [],
    ],
    [
      "that MISP says nothing of",
      { threads: [{ kind: "thread", thread: {} }] },
      ["thread 1"],
      [],
      ["distribution-unknown"],
    ],
    [
      "that the key does not see",
      { threads: [{ kind: "refused", reason: "distribution-unknown" }] },
      ["thread 1"],
      [],
      ["distribution-unknown"],
    ],
    ["on an event that is known", { before: [known("tlp:green")], threads: [ON_EVENT] }, ["thread 1"], TEXT, []],
    [
      "on one that is known to be red",
      { before: [known("tlp:red")], threads: [ON_EVENT] },
      ["thread 1"],
      [],
      ["tlp-above-ceiling"],
    ],
    ["on one that MISP tells", { threads: [ON_EVENT], event: told("tlp:green") }, ["thread 1", "event 7"], TEXT, []],
    [
      "on one that MISP tells to be red",
      { threads: [ON_EVENT], event: told("tlp:red") },
      ["thread 1", "event 7"],
      [],
      ["tlp-above-ceiling"],
    ],
    ["on one that the key does not see", { threads: [ON_EVENT] }, ["thread 1", "event 7"], [], ["event-not-found"]],
    ["of a MISP that cannot be asked", { threads: [], asks: false }, [], [], ["distribution-unknown"]],
  ])("%s", async (_name, scene, asked, owed, refused) => {
    expect(await play(scene)).toEqual({ asked, owed, refused, left: undefined });
  });

  test("and waits for an answer with the patience that others have", async () => {
    const retry: ThreadAnswer = { kind: "retry", reason: "http-500" };
    expect(await play({ threads: [retry, retry, OPEN] })).toMatchObject({
      asked: ["thread 1", "thread 1", "thread 1"],
      owed: TEXT,
    });
    const { refused, left } = await play({ threads: [retry] });
    expect([refused, left]).toEqual([["unknown"], undefined]);
  });
});
