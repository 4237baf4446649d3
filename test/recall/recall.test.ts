import { describe, expect, test } from "vitest";
import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { openLog } from "../../src/base/log.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Message } from "../../src/model/message.ts";
import type { FetchedEvent } from "../../src/planning/enrich.ts";
import type { EventAnswer } from "../../src/recall/question.ts";
import { recall } from "../../src/recall/recall.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { SteppedClock } from "../delivery/worker.ts";
import { captureLog } from "../support/captured-log.ts";
import { historyOf } from "../support/history.ts";
import {
  attributeAdded,
  attributeDeleted,
  attributeGone,
  attributeOf,
  EVENT_UUID,
  eventDeleted,
  eventEdited,
  eventView,
  MINUTE,
  publication,
  SECOND,
  sightingAdded,
  T0,
  tagAttached,
  tags,
  uuidOf,
} from "../support/messages.ts";
import { takeOne } from "../support/one-batch.ts";
import { openBudget } from "./budgets.ts";

const SETTLE = 5 * SECOND;
const PATIENCE = 10 * MINUTE;

/** What MISP says of the event: published, and this attribute in it. */
function knowledge(
  attribute: Parameters<typeof attributeOf>[1] = {},
  event: Parameters<typeof eventView>[0] = {},
): EventAnswer {
  const known: FetchedEvent = {
    event: eventView({ wasPublished: true, ...event }),
    attributes: [attributeOf("21", attribute)],
    objects: [],
  };
  return { kind: "event", ...known };
}

const noThread = async () => Promise.reject(new Error("nobody posts here"));

interface Scene {
  /** How long each question takes. */
  readonly tookMs?: number;
  /** By event, in place of `answers`. */
  readonly answerOf?: (event: string, atMs: number) => EventAnswer;
  readonly messages: readonly Message[];
  /** One after the other; the last stays. */
  readonly answers: readonly EventAnswer[];
  readonly guard?: object;
  readonly match?: object;
  readonly forMs?: number;
  readonly perMinute?: number;
  /** Something more, later. */
  readonly arrives?: { readonly message: Message; readonly afterMs: number };
  /** The clock is set to another time by so much, in the first sleep after `afterMs`. */
  readonly jump?: { readonly byMs: number; readonly afterMs: number };
}

/** Plays messages, then lets the loop work for a while; tells what is owed, recorded and asked. */
async function play({ messages, answers, guard = {}, match, forMs = 2 * MINUTE, perMinute = 60, jump, ...how }: Scene) {
  const stop = new AbortController();
  const clock = new SteppedClock(T0 + forMs + Math.max(0, jump?.byMs ?? 0), () => stop.abort());
  await using store = openMemoryStore();
  let jumpedMs = 0;
  let hasArrived = false;
  const sleep = clock.sleep.bind(clock);
  clock.sleep = async (ms, signal) => {
    await sleep(ms, signal);
    if (how.arrives && !hasArrived && clock.at - T0 >= how.arrives.afterMs) {
      hasArrived = true;
      await absorb([how.arrives.message], planner);
    }
    if (!jump || jumpedMs !== 0 || clock.at - T0 < jump.afterMs) {
      return;
    }
    jumpedMs = jump.byMs;
    clock.at += jump.byMs;
    await takeOne(store, "soc", clock.at); // as the delivery loops do all the time
  };
  const routes = compileRoutes([
    RouteOptions.parse({ name: "all", kinds: ["*"], notify: "soc", ...(match && { match }) }),
  ]);
  const policy = Guard.parse({ max_tlp: "amber", ...guard });
  const rules = {
    routes,
    destinations: new Map([["soc", { guard: policy, repeats: "changed" as const }]]),
    asks: new Set(["cert"]),
  };
  const planner: Planner = { store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED };
  await absorb(messages, planner);
  const undecided = await store.undecided("cert", Number.MAX_SAFE_INTEGER, []);
  const asked: { readonly event: string; readonly atMs: number }[] = [];
  const worker = {
    instance: "cert",
    ask: async (event: string) => {
      asked.push({ event, atMs: clock.now() - T0 - jumpedMs });
      if (how.tookMs !== undefined) {
        await sleep(how.tookMs, stop.signal);
      }
      if (how.answerOf) {
        return how.answerOf(event, clock.now() - T0);
      }
      return answers[Math.min(asked.length, answers.length) - 1] ?? { kind: "retry" as const, reason: "none" };
    },
    thread: noThread,
    settleMs: SETTLE,
    budget: openBudget(clock, { perMinute }),
    patienceMs: PATIENCE,
    log: openLog("silent"),
  };
  await recall(worker, planner, stop.signal);
  const taken = await takeOne(store, "soc", Number.MAX_SAFE_INTEGER);
  const entries = taken && "batch" in taken ? taken.batch.entries : [];
  const records = await historyOf(store, 100);
  return {
    asked,
    waited: undecided && "undecided" in undecided ? undecided.undecided.length : 0,
    owed: entries.map(({ delivery, alert }) => `${delivery.kind} ${alert.items.map(({ value }) => value).join()}`),
    refused: records.map(({ kind, reason }) => `${kind} ${reason}`),
    outcomes: records.map(({ kind, outcome, reason }) => `${kind} ${outcome} ${reason}`),
    left: await store.undecided("cert", Number.MAX_SAFE_INTEGER, []),
  };
}

test("recall decides what the feed left open: an added attribute is told once MISP shows it is untagged", async () => {
  const told = await play({ messages: [attributeAdded({ event: { published: true } })], answers: [knowledge()] });
  expect(told).toMatchObject({ waited: 1, owed: ["attribute.added value-21.example"], refused: [], left: undefined });
});

test("recall leaves an event alone until it has been quiet, and asks once for all that is about it", async () => {
  const messages = [attributeAdded({ event: { published: true } }), sightingAdded()];
  const told = await play({ messages, answers: [knowledge()] });
  expect(told.asked).toEqual([{ event: EVENT_UUID, atMs: SETTLE }]);
  expect(told.owed).toEqual(["attribute.added value-21.example", "sighting.added value-21.example"]);
});

test.each([
  ["a stricter attribute", knowledge({ tags: tags("tlp:red") }), "tlp-above-ceiling"],
  ["an attribute for one organisation", knowledge({ distribution: "organisation" }), "distribution"],
  ["a stricter event", knowledge({}, { tags: tags("tlp:red") }), "tlp-above-ceiling"],
  [
    "an attribute that the key does not see",
    { kind: "event", event: eventView({ wasPublished: true }), attributes: [], objects: [] } as const,
    "tlp-unknown",
  ],
  ["an event that the key does not see", { kind: "refused", reason: "event-not-found" } as const, "event-not-found"],
])("recall refuses what it is about %s", async (_, answer, reason) => {
  const told = await play({ messages: [attributeAdded({ event: { published: true } })], answers: [answer] });
  expect(told).toMatchObject({ owed: [], refused: [`attribute.added ${reason}`], left: undefined });
});

test("recall tells a tag on an attribute, of which its frame tells nothing", async () => {
  const told = await play({
    messages: [tagAttached("type:OSINT", { attribute: "21" })],
    answers: [knowledge({ tags: tags("type:OSINT") })],
  });
  expect(told.owed).toEqual(["tag.attached value-21.example"]);
});

describe.each([
  ["an attribute", { attribute: "21" }],
  ["the event", {}],
])("a marking of %s that MISP's answer lacks", (_, on) => {
  test("is off by now, where MISP was asked after it was seen", async () => {
    const messages = [attributeAdded({ event: { published: true } }), tagAttached("tlp:red", on)];
    const told = await play({ messages, answers: [knowledge()] });
    expect(told.owed).toContain("attribute.added value-21.example");
  });

  test("counts where it comes while MISP answers", async () => {
    const told = await play({
      messages: [attributeAdded({ event: { published: true } })],
      answers: [knowledge()],
      tookMs: 10 * SECOND,
      arrives: { message: tagAttached("tlp:red", { ...on, receivedAt: T0 + SETTLE + 5 * SECOND }), afterMs: SETTLE },
    });
    expect(told).toMatchObject({ owed: [], left: undefined });
  });
});

describe("what MISP takes back while it is undecided", () => {
  const unpublishing = eventEdited({ published: false });
  test.each([
    ["the event is deleted", eventDeleted(), "event-deleted"],
    ["the event is unpublished", unpublishing, "event-unpublished"],
  ])("is withdrawn without a question: %s", async (_, message, reason) => {
    const first = publication({ attributes: [attributeOf("22")] });
    const told = await play({
      messages: [first, attributeAdded({ id: "21" }), message],
      answers: [knowledge()],
    });
    expect(told.waited).toBe(1);
    expect(told.outcomes).toContain(`attribute.added withdrawn ${reason}`);
    expect(told.owed).not.toContain("attribute.added value-21.example");
    expect([told.asked, told.left]).toEqual([[], undefined]);
  });

  const gone = { kind: "event", event: eventView({ wasPublished: true }), attributes: [], objects: [] } as const;
  test.each([
    ["deleted, as MISP's answer agrees", gone, [], ["attribute.added withdrawn part-deleted"]],
    ["deleted, but MISP shows it again", knowledge(), ["attribute.added value-21.example"], []],
    ["listed as deleted", knowledge({ deleted: true }), [], ["attribute.added withdrawn part-deleted"]],
  ])("goes by its part: %s", async (_, answer, owed, outcomes) => {
    const told = await play({
      messages: [attributeAdded({ event: { published: true } }), attributeGone("21")],
      match: { kind: "attribute.added" },
      answers: [answer],
    });
    expect(told.owed).toEqual(owed);
    expect(told.outcomes).toEqual(outcomes);
  });
});

test("recall asks again while MISP does not answer, and refuses when its patience ends", async () => {
  const silent: EventAnswer = { kind: "retry", reason: "http-503" };
  const patient = await play({
    messages: [attributeAdded({ event: { published: true } })],
    answers: [silent, silent, knowledge()],
  });
  expect(patient.asked.map(({ atMs }) => atMs)).toEqual([5 * SECOND, 20 * SECOND, 35 * SECOND]);
  expect(patient.owed).toHaveLength(1);
  const lost = await play({
    messages: [attributeAdded({ event: { published: true } })],
    answers: [silent],
    forMs: 2 * PATIENCE,
  });
  expect(lost).toMatchObject({ owed: [], refused: ["attribute.added unknown"], left: undefined });
});

test.each([
  ["two days ahead", 2 * 1440 * MINUTE],
  ["two days back", -2 * 1440 * MINUTE],
  ["a minute ahead", MINUTE],
  ["a minute back", -MINUTE],
])("recall gives up nothing by a clock that is set %s alone, and waits for no longer", async (_, byMs) => {
  const messages = [attributeAdded({ event: { published: true } })];
  const silent: EventAnswer = { kind: "retry", reason: "http-503" };
  for (const [afterMs, answers] of [
    [1, [silent, knowledge()]], // before it is asked for the first time
    [10 * SECOND, [silent, knowledge()]], // between the first question and the second
  ] as const) {
    const told = await play({ messages, answers, jump: { byMs, afterMs }, forMs: 4 * MINUTE });
    expect(told, `after ${afterMs} ms`).toMatchObject({ refused: [], left: undefined });
    expect(told.owed).toHaveLength(1);
    expect(Math.max(...told.asked.map(({ atMs }) => atMs))).toBeLessThanOrEqual(2 * MINUTE);
  }
});

test("recall does not give up at the first question what grew old while the service was down", async () => {
  const silent: EventAnswer = { kind: "retry", reason: "connection-refused" };
  const message = attributeAdded({ event: { published: true } });
  const told = await play({
    messages: [message],
    answers: [silent, silent, knowledge()],
    jump: { byMs: 3 * 60 * MINUTE, afterMs: 1 },
    forMs: 4 * MINUTE,
  });
  expect(told).toMatchObject({ refused: [] });
  expect(told.owed).toHaveLength(1);
});

/** An attribute of an event of its own. */
const oneOf = (eventId: string, id: string) =>
  attributeAdded({ id, event: { id: eventId, uuid: uuidOf(eventId), published: true } });
const many = (n: number) => Array.from({ length: n }, (_, i) => oneOf(`9${i}`, `${i + 1}`));

test("while MISP hangs, what waits for its turn is refused no later than what was asked about", async () => {
  const scene = { messages: many(100), answers: [{ kind: "retry", reason: "timeout" }], tookMs: MINUTE } as const;
  const patient = await play({ ...scene, forMs: PATIENCE });
  expect(patient.refused).toEqual([]);
  const lost = await play({ ...scene, forMs: PATIENCE + 4 * MINUTE });
  expect(lost.left).toBeUndefined();
  expect(lost.refused).toHaveLength(100);
  // A MISP that hangs is left alone in between.
  expect(lost.asked.length).toBeLessThan(13);
});

test("what comes while MISP hangs is given its own patience", async () => {
  const late = oneOf("500", "500");
  const told = await play({
    messages: many(20),
    answers: [],
    tookMs: MINUTE,
    answerOf: (event) => (event === uuidOf("500") ? knowledge() : { kind: "retry", reason: "timeout" }),
    forMs: PATIENCE + 6 * MINUTE,
    arrives: { message: late, afterMs: PATIENCE - MINUTE },
  });
  expect(told.refused.filter((one) => one === "attribute.added unknown")).toHaveLength(20);
  expect(told.asked.map(({ event }) => event)).toContain(uuidOf("500"));
});

test("events that MISP cannot serve hold up no other", async () => {
  const bad = new Set(["90", "91", "92", "93"].map(uuidOf));
  const told = await play({
    messages: many(8),
    answers: [],
    answerOf: (event) =>
      bad.has(event) ? { kind: "retry", reason: "http-500" } : { kind: "refused", reason: "event-not-found" },
    forMs: 3 * MINUTE,
  });
  expect(told.refused).toHaveLength(4);
});

test("recall waits as long as MISP asks", async () => {
  const busy: EventAnswer = { kind: "retry", reason: "http-429", afterMs: MINUTE };
  const told = await play({ messages: [attributeAdded({ event: { published: true } })], answers: [busy, knowledge()] });
  expect(told.asked.map(({ atMs }) => atMs)).toEqual([5 * SECOND, 65 * SECOND]);
});

test("recall asks no faster than it may", async () => {
  const messages = ["1", "2", "3", "4"].map((id) => oneOf(`9${id}`, id));
  const told = await play({
    messages,
    answers: [{ kind: "refused", reason: "event-not-found" }],
    perMinute: 2,
    forMs: 5 * MINUTE,
  });
  expect(told.asked.map(({ atMs }) => atMs / SECOND)).toEqual([5, 5, 35, 65]);
});

test("recall answers a route whose match was unknown", async () => {
  const match = { event_tag: "type:OSINT" };
  const yes = await play({
    messages: [attributeAdded({ event: { published: true } })],
    match,
    answers: [knowledge({}, { tags: tags("tlp:green", "type:OSINT") })],
  });
  expect(yes.owed).toHaveLength(1);
  const no = await play({ messages: [attributeAdded({ event: { published: true } })], match, answers: [knowledge()] });
  expect(no).toMatchObject({ owed: [], refused: [], left: undefined });
});

test("a publication that a destination is told absorbs what is undecided for it about the event", async () => {
  const told = await play({
    messages: [attributeAdded({ event: { published: true } }), publication({ attributes: [attributeOf("21")] })],
    answers: [],
  });
  expect(told).toMatchObject({ waited: 0, asked: [], owed: ["event.published value-21.example"], refused: [] });
});

test("nothing is undecided about an instance that cannot be asked", async () => {
  const message = attributeAdded({ event: { published: true }, instance: "other" });
  const told = await play({ messages: [message], answers: [] });
  expect(told).toMatchObject({ waited: 0, asked: [], refused: ["attribute.added tlp-unknown"] });
});

test("recall survives a bug in asking", async () => {
  const stop = new AbortController();
  const clock = new SteppedClock(T0 + MINUTE, () => stop.abort());
  await using store = openMemoryStore();
  const rules = {
    routes: compileRoutes([RouteOptions.parse({ name: "all", kinds: ["*"], notify: "soc" })]),
    destinations: new Map([["soc", { guard: Guard.parse({ max_tlp: "amber" }), repeats: "changed" as const }]]),
    asks: new Set(["cert"]),
  };
  const planner: Planner = { store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED };
  await absorb([attributeAdded({ event: { published: true } })], planner);
  const ask = () => Promise.reject(new TypeError("undefined is not a function"));
  const worker = {
    instance: "cert",
    ask,
    thread: noThread,
    settleMs: SETTLE,
    budget: openBudget(clock),
    patienceMs: PATIENCE,
    log: openLog("silent"),
  };
  await expect(recall(worker, planner, stop.signal)).resolves.toBeUndefined();
  expect(await store.undecided("cert", Number.MAX_SAFE_INTEGER, [])).toBeDefined();
});

test("a sighting is told with who reported it, where MISP says so, and without where it does not", async () => {
  const CIRCL = { name: "CIRCL", uuid: uuidOf("1001") };
  const SOC = { name: "ACME-SOC" };
  for (const [answer, org, rule] of [
    [{ kind: "sighters" as const, organisations: new Map([[uuidOf("4001"), SOC]]) }, SOC, { org: "ACME-SOC" }],
    [{ kind: "sighters" as const, organisations: new Map() }, undefined, { event_org: "CIRCL" }],
    [{ kind: "forbidden" as const }, undefined, { event_org: "CIRCL" }],
  ] as const) {
    await using store = openMemoryStore();
    const stop = new AbortController();
    const clock = new SteppedClock(T0 + MINUTE, () => stop.abort());
    const rules = {
      routes: compileRoutes([RouteOptions.parse({ name: "all", kinds: ["*"], notify: "soc", match: rule })]),
      destinations: new Map([["soc", { guard: Guard.parse({ max_tlp: "amber" }), repeats: "changed" as const }]]),
      asks: new Set(["cert"]),
    };
    const planner: Planner = { store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED };
    await absorb([sightingAdded()], planner);
    const asked: string[] = [];
    const worker = {
      instance: "cert",
      ask: async () => knowledge({}, { org: CIRCL }),
      sighters: async (eventId: string) => {
        asked.push(eventId);
        return answer;
      },
      ...{
        thread: noThread,
        settleMs: SETTLE,
        budget: openBudget(clock),
        patienceMs: PATIENCE,
        log: openLog("silent"),
      },
    };
    await recall(worker, planner, stop.signal);
    expect(asked).toEqual(["7"]);
    const taken = await takeOne(store, "soc", Number.MAX_SAFE_INTEGER);
    const alerts = taken && "batch" in taken ? taken.batch.entries.map(({ alert }) => alert) : [];
    expect(alerts.map(({ kind, sighting, event }) => [kind, sighting?.org, event?.org])).toEqual([
      ["sighting.added", org, CIRCL],
    ]);
  }
});

const REFUSED: EventAnswer = { kind: "forbidden", reason: "key-not-accepted" };

test("a key that MISP refuses is no verdict on events: nothing ages, it is tried every minute, and all is decided once it works", async () => {
  const hours = 23 * 60;
  const told = await play({
    messages: [attributeAdded({ event: { published: true } })],
    answers: [],
    answerOf: (_, atMs) => (atMs < hours * MINUTE ? REFUSED : knowledge()),
    forMs: (hours + 5) * MINUTE,
  });
  expect(told).toMatchObject({ owed: ["attribute.added value-21.example"], refused: [], left: undefined });
  expect(told.asked.length).toBeGreaterThan(hours);
  expect(told.asked.length).toBeLessThan(hours + 5);
});

test("once the key works again MISP has all its patience", async () => {
  const told = await play({
    messages: [attributeAdded({ event: { published: true } })],
    answers: [],
    answerOf: (_, atMs) =>
      atMs < 60 * MINUTE ? REFUSED : atMs < 69 * MINUTE ? { kind: "retry", reason: "http-503" } : knowledge(),
    forMs: 75 * MINUTE,
  });
  expect(told.owed).toHaveLength(1);
});

test("nobody waits for a key for more than a day", async () => {
  const told = await play({
    messages: [attributeAdded({ event: { published: true } })],
    answers: [REFUSED],
    forMs: 25 * 60 * MINUTE,
  });
  expect(told).toMatchObject({ owed: [], refused: ["attribute.added unknown"], left: undefined });
});

test("as long as MISP has not accepted the key again, no other failure ages what waits, and both together last a day at most", async () => {
  const down: EventAnswer = { kind: "retry", reason: "http-503" };
  const scene = { messages: [attributeAdded({ event: { published: true } })], answers: [] };
  const later = await play({
    ...scene,
    answerOf: (_, atMs) => (atMs < 60 * MINUTE ? REFUSED : atMs < 180 * MINUTE ? down : knowledge()),
    forMs: 185 * MINUTE,
  });
  expect(later).toMatchObject({ owed: ["attribute.added value-21.example"], refused: [] });
  const never = await play({
    ...scene,
    answerOf: (_, atMs) => (atMs < 12 * 60 * MINUTE ? REFUSED : down),
    forMs: 25 * 60 * MINUTE,
  });
  expect(never).toMatchObject({ owed: [], refused: ["attribute.added unknown"], left: undefined });
});

test("what else is wrong with MISP is logged at once, also where the key was refused before a restart", async () => {
  await using store = openMemoryStore();
  const stop = new AbortController();
  const clock = new SteppedClock(T0 + 30 * SECOND, () => stop.abort());
  await openBudget(clock).note({ kind: "forbidden", reason: "key-not-accepted" }, store);
  const rules = {
    routes: compileRoutes([RouteOptions.parse({ name: "all", kinds: ["*"], notify: "soc" })]),
    destinations: new Map([["soc", { guard: Guard.parse({ max_tlp: "amber" }), repeats: "changed" as const }]]),
    asks: new Set(["cert"]),
  };
  const planner: Planner = { store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED };
  await absorb([attributeAdded({ event: { published: true } })], planner);
  const { log, find } = captureLog();
  const worker = {
    instance: "cert",
    ask: async (): Promise<EventAnswer> => ({ kind: "retry", reason: "http-500" }),
    ...{ thread: noThread, settleMs: SETTLE, budget: openBudget(clock), patienceMs: PATIENCE, log },
  };
  await recall(worker, planner, stop.signal);
  expect(find(/MISP does not answer about an event/)).toMatchObject([{ reason: "http-500" }]);
});

test("an event that something before MISP refuses, while others are answered, is given up when patience ends", async () => {
  const told = await play({
    messages: many(3),
    answers: [],
    answerOf: (event) => (event === uuidOf("90") ? REFUSED : { kind: "refused", reason: "event-not-found" }),
    forMs: PATIENCE + 5 * MINUTE,
  });
  expect(told.refused.sort()).toEqual([
    "attribute.added event-not-found",
    "attribute.added event-not-found",
    "attribute.added unknown",
  ]);
});

test("what has aged is remembered: a MISP that answers nothing is not given all its patience anew at every start", async () => {
  await using store = openMemoryStore();
  let at = T0;
  const rules = {
    routes: compileRoutes([RouteOptions.parse({ name: "all", kinds: ["*"], notify: "soc" })]),
    destinations: new Map([["soc", { guard: Guard.parse({ max_tlp: "amber" }), repeats: "changed" as const }]]),
    asks: new Set(["cert"]),
  };
  for (const isFirst of [true, false]) {
    const stop = new AbortController();
    const clock = new SteppedClock(at + 6 * MINUTE, () => stop.abort());
    clock.at = at;
    const planner: Planner = { store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED };
    if (isFirst) {
      await absorb([attributeAdded({ event: { published: true } })], planner);
    }
    const worker = {
      instance: "cert",
      ask: async (): Promise<EventAnswer> => ({ kind: "retry", reason: "timeout" }),
      thread: noThread,
      settleMs: SETTLE,
      budget: openBudget(clock),
      patienceMs: PATIENCE,
      log: openLog("silent"),
    };
    await recall(worker, planner, stop.signal);
    at = clock.at;
  }
  expect((await historyOf(store, 10)).map(({ reason }) => reason)).toEqual(["unknown"]);
});

test("recall asks for what is deleted only where something about a deleted part waits", async () => {
  await using store = openMemoryStore();
  const asked: (boolean | undefined)[] = [];
  for (const message of [attributeAdded({ event: { published: true } }), attributeDeleted({ event: { id: "8" } })]) {
    const stop = new AbortController();
    const clock = new SteppedClock(T0 + MINUTE, () => stop.abort());
    const rules = {
      routes: compileRoutes([RouteOptions.parse({ name: "all", kinds: ["*"], notify: "soc" })]),
      destinations: new Map([["soc", { guard: Guard.parse({ max_tlp: "amber" }), repeats: "changed" as const }]]),
      asks: new Set(["cert"]),
    };
    const planner: Planner = { store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED };
    await absorb([message], planner);
    const worker = {
      instance: "cert",
      ask: async (_event: string, _signal: AbortSignal, withDeleted?: boolean): Promise<EventAnswer> => {
        asked.push(withDeleted);
        return { kind: "refused", reason: "event-not-found" };
      },
      ...{
        thread: noThread,
        settleMs: SETTLE,
        budget: openBudget(clock),
        patienceMs: PATIENCE,
        log: openLog("silent"),
      },
    };
    await recall(worker, planner, stop.signal);
  }
  expect(asked).toEqual([false, true]);
});

test("a destination for drafts that still waits costs others nothing of what recall has decided for them", async () => {
  await using store = openMemoryStore();
  const stop = new AbortController();
  const clock = new SteppedClock(T0 + MINUTE, () => stop.abort());
  const rules = {
    routes: compileRoutes([
      RouteOptions.parse({ name: "all", kinds: ["*"], notify: ["soc", "desk"], group: { wait: "1h" } }),
    ]),
    destinations: new Map([
      ["soc", { guard: Guard.parse({ max_tlp: "amber" }), repeats: "changed" as const }],
      ["desk", { guard: Guard.parse({ max_tlp: "amber", drafts: true }), repeats: "changed" as const }],
    ]),
    asks: new Set(["cert"]),
  };
  const planner: Planner = { store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED };
  await absorb([attributeAdded({ event: { published: true } })], planner);
  const worker = {
    instance: "cert",
    ask: async () => knowledge(),
    ...{ thread: noThread, settleMs: SETTLE, budget: openBudget(clock), patienceMs: PATIENCE, log: openLog("silent") },
  };
  await recall(worker, planner, stop.signal);
  const markings = async (destination: string) => {
    const taken = await takeOne(store, destination, Number.MAX_SAFE_INTEGER);
    return taken && "batch" in taken ? taken.batch.entries.map(({ alert }) => alert.marking.tlp) : [];
  };
  expect(await markings("soc")).toEqual(["green"]);
  expect(await markings("desk")).toEqual(["unknown"]);
});
