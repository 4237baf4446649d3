import { describe, expect, it, test } from "vitest";
import { openWakeups } from "../../src/absorbing/absorb.ts";
import * as herald from "../../src/absorbing/herald.ts";
import { Notices } from "../../src/absorbing/notices.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { headline } from "../../src/alert/headline.ts";
import { type Parts, start } from "../../src/app.ts";
import { systemClock } from "../../src/base/clock.ts";
import { LogLimiter } from "../../src/base/log-limiter.ts";
import { Wakeup } from "../../src/base/wakeup.ts";
import { Holds } from "../../src/delivery/holds.ts";
import { openDeliveryState } from "../../src/delivery/settle.ts";
import { guard } from "../../src/guard/guard.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Frame, Source } from "../../src/model/frame.ts";
import type { Message } from "../../src/model/message.ts";
import type { RecordLine } from "../../src/model/outbox.ts";
import type { Outcome, Payload } from "../../src/model/payload.ts";
import { KINDS } from "../../src/model/vocabulary.ts";
import { AlertDraft } from "../../src/planning/compose.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { Feed } from "../../src/sources/index.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { captureLog } from "../support/captured-log.ts";
import { eventually } from "../support/eventually.ts";
import { MINUTE, SECOND, T0 } from "../support/messages.ts";
import { openPublisher } from "../support/publisher.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { frameOf, sample } from "../topics/frames.ts";

const NOTHING_KNOWN = { event: undefined, parts: new Map(), stale: false };

const HOUR = 60 * MINUTE;
const rejected: Outcome = { kind: "destination_rejected", reason: "http-404", hint: "make a new webhook" };
const refused: Outcome = { kind: "message_rejected", reason: "http-400" };
const done: Outcome = { kind: "done" };

const PUBLICATION = sample("misp_json--publish-first-time");
const RECORDED = PUBLICATION.payload as { readonly Event: Readonly<Record<string, unknown>> };

/** The recorded publication as that of another event. */
function published(n: number): Frame {
  const uuid = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  return frameOf("misp_json", { Event: { ...RECORDED.Event, id: String(n), uuid } });
}

interface Told {
  readonly at: number;
  readonly kinds: readonly string[];
  readonly payload: Payload;
}
type Answers = Readonly<Record<string, (payload: Payload, at: number) => Outcome>>;

/** The service with these destinations, which are told everything: publications one by one, and what is our own. */
class Service {
  readonly clock = new VirtualClock();
  readonly notices = new Notices();
  readonly told: Record<string, Told[]> = {};
  readonly records: RecordLine[] = [];
  readonly parts: Parts;
  readonly #stop = new AbortController();
  #feed: Frame[] = [];
  readonly #wakeup = new Wakeup();
  #running: Promise<void> | undefined;

  constructor(answers: Answers, sources?: (notices: Notices) => readonly Source[]) {
    const { clock } = this;
    const time = sources ? systemClock : clock;
    const { log } = captureLog();
    const store = openMemoryStore();
    const policy = Guard.parse({ max_tlp: "amber" });
    const names = Object.keys(answers);
    const routes = [
      { name: "all", notify: names, group: { interval: "0s" } },
      { name: "ours", kinds: ["herald.*"], notify: names, group: { by: ["kind"], interval: "0s" } },
    ];
    const compiled = compileRoutes(routes.map((route) => RouteOptions.parse(route)));
    const wakeups = openWakeups(names);
    this.parts = {
      sources: sources?.(this.notices) ?? [this.#source()],
      confirms: [],
      recalls: [],
      accounts: new Map(),
      reconciles: [],
      workers: names.map((name) => ({
        destination: {
          name,
          send: async (payload) => {
            const at = time.now() - T0;
            const kinds = payload.entries.flatMap(({ kinds }) => kinds.map(({ kind }) => kind));
            this.told[name] = [...(this.told[name] ?? []), { at, kinds, payload }];
            return answers[name]?.(payload, at) ?? done;
          },
          preview: () => Promise.reject(new Error("Nobody looks at it")),
          async [Symbol.asyncDispose]() {},
        },
        breaker: new Holds().breaker(name),
        state: openDeliveryState(time.now()),
        sending: { guard: policy, routes: compiled, links: new Map() },
        maxAgeMs: 24 * HOUR,
        store,
        wakeup: wakeups.destinations.get(name) ?? new Wakeup(),
        clock: time,
        log,
        notices: this.notices,
        observer: { ...UNOBSERVED, settled: (line) => void this.records.push(line) },
      })),
      wakeups,
      observer: UNOBSERVED,
      store,
      rules: {
        routes: compiled,
        destinations: new Map(names.map((name) => [name, { guard: policy, repeats: "changed" }])),
      },
      clock: time,
      log,
      incomplete: new LogLimiter(log, "Cannot read a frame", time.now),
      unreadable: new LogLimiter(log, "Cannot read a frame", time.now),
      graceMs: 50,
      drains: false,
      opening: [],
      notices: this.notices,
    };
  }

  start(): void {
    this.#running = start(this.parts, this.#stop.signal).ended;
  }

  /** These frames arrive now, and `ms` pass. */
  async pass(ms: number, ...frames: readonly Frame[]): Promise<void> {
    this.#feed.push(...frames);
    this.#wakeup.wake();
    await this.clock.pass(ms);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** What a destination was told of our own kinds since `from`, and when: each attempt. */
  ours(name: string, from = 0): readonly (readonly [at: number, kind: string])[] {
    return this.#since(name, from).flatMap(({ at, kinds }) =>
      kinds.filter((kind) => kind.startsWith("herald.")).map((kind) => [at, kind.slice("herald.".length)] as const),
    );
  }

  /** The lines of what a destination was told of one of our own kinds. */
  lines(name: string, kind: string, from = 0): readonly Readonly<Record<string, string>>[] {
    return this.#since(name, from)
      .flatMap(({ payload }) => payload.entries)
      .filter(({ guarded }) => guarded.alert.kind === `herald.${kind}`)
      .map(({ guarded }) => Object.fromEntries(guarded.alert.lines.map(({ label, text }) => [label, text])));
  }

  #since(name: string, from: number): readonly Told[] {
    return (this.told[name] ?? []).filter(({ at }) => at >= from);
  }

  async *#frames(signal: AbortSignal): AsyncGenerator<readonly Frame[]> {
    signal.addEventListener("abort", () => this.#wakeup.wake());
    while (!signal.aborted) {
      const woken = this.#wakeup.next();
      const frames = this.#feed;
      this.#feed = [];
      if (frames.length > 0) {
        yield frames;
      } else {
        await this.clock.sleep(HOUR, woken);
      }
    }
  }

  #source(): Source {
    return { name: "cert", frames: (signal) => this.#frames(signal) };
  }
}

describe("run: a destination that refuses us", () => {
  it("is told of to the others, which keep their limiter, and gets all it is owed when it is back", async () => {
    const service = new Service({ soc: (_, at) => (at < HOUR ? rejected : done), ops: () => done });
    service.start();
    for (let n = 1; n <= 5; n += 1) {
      await service.pass(10 * MINUTE, published(n));
    }
    await service.pass(HOUR);
    const publications = service.told.ops?.filter(({ kinds }) => kinds.includes("event.published"));
    expect(publications?.map(({ at }) => at)).toEqual([0, 10, 20, 30, 40].map((minutes) => minutes * MINUTE));
    expect(service.ours("ops")).toEqual([
      [0, "destination_suspended"],
      [HOUR, "destination_recovered"],
    ]);
    expect(service.lines("ops", "destination_suspended")).toEqual([
      expect.objectContaining({ Destination: "soc", Reason: "http-404", "What to do": "make a new webhook" }),
    ]);
    expect(service.ours("soc")).toEqual([]);
    const sent = service.records.filter(({ destination, outcome }) => destination === "soc" && outcome === "sent");
    expect(new Set(sent.map(({ eventUuid }) => eventUuid)).size).toBe(5);
    await service.stop();
  });

  it("does not hear of itself, also where nobody else would", async () => {
    const service = new Service({ soc: (_, at) => (at < HOUR ? rejected : done) });
    service.start();
    await service.pass(2 * HOUR, published(1));
    expect(service.told.soc?.flatMap(({ kinds }) => kinds)).toEqual(Array(5).fill("event.published"));
    expect(await service.parts.store.owed()).toEqual([]);
    await service.stop();
  });

  it("hears of another one that refuses us as well, once both are back", async () => {
    const broken = (_: Payload, at: number) => (at < HOUR ? rejected : done);
    const service = new Service({ soc: broken, ops: broken });
    service.start();
    await service.pass(3 * HOUR, published(1));
    expect(service.ours("soc", HOUR).map(([, kind]) => kind)).toEqual([
      "destination_suspended",
      "destination_recovered",
    ]);
    expect(service.lines("soc", "destination_suspended", HOUR)).toEqual([
      expect.objectContaining({ Destination: "ops" }),
    ]);
    expect(service.ours("ops", HOUR).map(([, kind]) => kind)).toEqual([
      "destination_suspended",
      "destination_recovered",
    ]);
    await service.stop();
  });
});

describe("run: deliveries that are dead", () => {
  it("are told of once at first, then counted for ten minutes, by reason", async () => {
    const answer = ({ entries: [entry] }: Payload): Outcome =>
      entry?.guarded.alert.event?.id === "4" ? { kind: "message_rejected", reason: "http-413" } : refused;
    const service = new Service({ soc: answer, ops: () => done });
    service.start();
    await service.pass(MINUTE, published(1));
    await service.pass(MINUTE, published(2), published(3), published(4));
    await service.pass(30 * MINUTE);
    const shown = service.lines("ops", "delivery_dead").map(({ Reason, Lost }) => `${Reason} ${Lost}`);
    expect(shown).toEqual(["http-400 1 alert", "http-413 1 alert", "http-400 2 alerts"]);
    expect(service.ours("ops").map(([at]) => at)).toEqual([0, MINUTE, 10 * MINUTE]);
    expect(service.ours("soc")).toEqual([]);
    await service.stop();
  });

  it("beget nothing when they are our own", async () => {
    const service = new Service({ soc: () => refused, ops: () => refused });
    service.start();
    await service.pass(HOUR, published(1));
    // Each hears once of the other's loss, and what is lost of that is told to nobody.
    expect(service.ours("ops").map(([, kind]) => kind)).toEqual(["delivery_dead", "delivery_dead"]);
    const dead = service.records.filter(({ outcome }) => outcome === "dead").map(({ kind }) => kind);
    expect(dead.sort()).toEqual(["event.published", "event.published", "herald.delivery_dead", "herald.delivery_dead"]);
    expect(service.notices.take(T0, true)).toEqual([]);
    await service.stop();
  });

  it("that are still being counted are committed when the service stops", async () => {
    const service = new Service({ soc: () => refused, ops: () => done });
    service.start();
    await service.pass(0, published(1));
    await service.pass(MINUTE, published(2));
    await service.stop();
    expect(await service.parts.store.owed()).toMatchObject([{ destination: "ops", owed: 1 }]);
  });
});

test("run does not let our own messages wait for a feed that says nothing, nor reorder the feed", async () => {
  const service = new Service({ ops: () => done });
  service.start();
  await service.pass(MINUTE);
  service.notices.say(herald.feedSilent("cert", T0, T0 + MINUTE));
  await service.pass(0);
  expect(service.ours("ops")).toEqual([[MINUTE, "feed_silent"]]);
  service.notices.say(herald.feedRecovered("cert", T0, T0 + MINUTE));
  await service.pass(0, published(1), published(2), published(3));
  const events = service.told.ops?.flatMap(({ payload }) =>
    payload.entries.flatMap(({ guarded }) => guarded.alert.event?.id ?? []),
  );
  expect(events).toEqual(["1", "2", "3"]);
  await service.stop();
});

test("run ends in order when our own messages cannot be committed", async () => {
  const service = new Service({ ops: () => done });
  const { store } = service.parts;
  const broken = Object.assign(Object.create(store) as typeof store, {
    commit: () => Promise.reject(new Error("disk full")),
    load: store.load.bind(store),
    take: store.take.bind(store),
  });
  const running = start({ ...service.parts, store: broken }, new AbortController().signal).ended;
  service.notices.say(herald.feedSilent("cert", T0, T0));
  await expect(running).rejects.toThrow("disk full");
});

test("a feed of a real publisher that falls silent, and speaks again, is told once each", async () => {
  await using publisher = await openPublisher();
  const service = new Service({ ops: () => done }, (notices) => [
    Feed.parse({ type: "zeromq", endpoints: [publisher.endpoint], silent_after: "50ms" }).open({
      instance: "cert",
      log: captureLog().log,
      now: systemClock.now,
      onSilence: (silent, sinceAt) =>
        notices.say((silent ? herald.feedSilent : herald.feedRecovered)("cert", sinceAt, systemClock.now())),
    }),
  ]);
  service.start();
  await publisher.subscribed();
  await publisher.send("misp_json_self", {});
  await eventually(() => service.ours("ops").length === 1);
  expect(service.lines("ops", "feed_silent")).toEqual([
    expect.objectContaining({ Instance: "cert", "No frame for": expect.stringMatching(/^\d+ s$/) }),
  ]);
  await publisher.send("misp_json_self", {});
  await eventually(() => service.ours("ops").length >= 2);
  expect(
    service
      .ours("ops")
      .slice(0, 2)
      .map(([, kind]) => kind),
  ).toEqual(["feed_silent", "feed_recovered"]);
  await service.stop();
});

describe("messages of our own", () => {
  const messages: readonly Message[] = [
    herald.started("cert", "0.1.0", T0),
    herald.feedSilent("cert", T0, T0 + 65 * SECOND),
    herald.feedRecovered("cert", T0, T0 + HOUR),
    herald.reconciled("cert", { late: 3, sinceAt: T0 - HOUR }, T0),
    herald.destinationSuspended("soc", { reason: "http-404", hint: "make another", owed: 1204, probeMs: 900_000 }, T0),
    herald.destinationRecovered("soc", { suspendedMs: 26 * HOUR, owed: 0 }, T0),
    herald.deliveryDead("soc", { reason: "http-400", n: 12 }, T0),
    herald.configRejected({ problems: 2, where: "config.yaml:14:16" }, T0),
    herald.recallRefused("cert", { since: T0, reason: "key-not-accepted", hint: "check it", probeMs: 60_000 }, T0),
    herald.frameRefused(
      "cert",
      {
        topic: "misp_json",
        bytes: 70_000_000,
        id: "4711",
        uuid: "1a87fd96-a4d3-4d6c-84dc-a028d3cf6774",
        reason: "size",
      },
      T0,
    ),
    herald.stateDamaged({ rows: 2, lost: 1, isMended: true }, T0),
    herald.listKept("our-networks", "it cannot be read", T0),
    herald.silenceEnding({ id: "3f2a9c01", until: T0 + 600 * SECOND }, { muted: 1204, held: 3 }, T0),
  ].map(({ message }) => message);

  it("have a builder for every kind", () => {
    // What heads the digests of a flood is written when they leave, and is no message.
    const kinds = KINDS.filter((kind) => herald.isOurs(kind) && kind !== "herald.flood");
    expect(messages.map(({ kind }) => kind).sort()).toEqual([...kinds].sort());
  });

  it("are not for the destination that they are about", () => {
    const about = [
      herald.destinationSuspended("soc", { reason: "x", owed: 0, probeMs: 1 }, T0),
      herald.destinationRecovered("soc", { suspendedMs: 0, owed: 0 }, T0),
      herald.deliveryDead("soc", { reason: "x", n: 1 }, T0),
    ];
    expect(about.map(({ except }) => except)).toEqual(["soc", "soc", "soc"]);
  });

  it.each(messages.map((message) => [message.kind, message] as const))(
    "%s: passes the strictest guard, whole",
    (kind, message) => {
      const strict = Guard.parse({ max_tlp: "clear", untagged: "deny", max_pap: "clear", distribution: [] });
      const alert = new AlertDraft(message, kind ?? "herald.started", NOTHING_KNOWN, undefined).whole();
      const verdict = guard(alert, strict, { parts: [] });
      expect(verdict).toMatchObject({ guarded: { form: "full", alert: { lines: message.lines } } });
    },
  );

  it.each([
    [1, "misp-herald started"],
    [2, "Feed silent: cert"],
    [3, "Feed back: cert"],
    [4, "Missed publications found: cert"],
    [5, "Destination suspended: soc"],
    [6, "Destination back: soc"],
    [7, "Alerts not delivered: soc"],
    [8, "Configuration rejected"],
    [9, "MISP refuses the API key: cert"],
    [10, "Frame refused: cert"],
    [11, "State file damaged"],
    [12, "Watch list is out of date: our-networks"],
    [13, "Silence ends soon: 3f2a9c01"],
  ])("number %s is titled %s", (n, title) => {
    const message = messages[n - 1];
    if (!message?.kind) {
      throw new Error("no such message");
    }
    const alert = new AlertDraft(message, message.kind, NOTHING_KNOWN, undefined).whole();
    const verdict = guard(alert, Guard.parse({ max_tlp: "clear" }), { parts: [] });
    if ("refused" in verdict) {
      throw new Error(verdict.refused);
    }
    const entry = { guarded: verdict.guarded, kinds: [{ kind: message.kind, n: 1 }], routes: ["ops"], deliveries: [] };
    expect(headline(entry, { timeZone: "UTC", defang: true }).title).toBe(title);
  });

  it.each([
    [0, "0 s"],
    [-5000, "0 s"],
    [65_000, "65 s"],
    [119_999, "120 s"],
    [120_000, "2 min"],
    [15 * MINUTE, "15 min"],
    [HOUR, "60 min"],
    [2 * HOUR, "2 h"],
    [47 * HOUR, "47 h"],
    [48 * HOUR, "2 days"],
    [24_000 * HOUR, "1,000 days"],
  ])("formatSpan(%s) is %s", (ms, text) => {
    expect(herald.formatSpan(ms)).toBe(text);
  });
});
