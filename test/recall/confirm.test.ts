import { expect, test } from "vitest";
import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { openLog } from "../../src/base/log.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Message } from "../../src/model/message.ts";
import type { EventView } from "../../src/model/misp.ts";
import type { Store } from "../../src/model/outbox.ts";
import type { Confirmed } from "../../src/planning/confirm.ts";
import { type Confirmations, type ConfirmWorker, confirm, type EventInQuestion } from "../../src/recall/confirm.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { historyOf } from "../support/history.ts";
import {
  attributeAdded,
  attributeOf,
  eventDeleted,
  eventEdited,
  eventView,
  MINUTE,
  publication,
  SECOND,
  T0,
  tagAttached,
  tags,
  uuidOf,
} from "../support/messages.ts";
import { takeOne } from "../support/one-batch.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { openBudget } from "./budgets.ts";
import { HOUR, Misp as ListedMisp, rounds, startedBefore } from "./misp.ts";

/** MISP's side: what it says of each event by UUID, and when it was asked about which. */
class Misp {
  readonly asked: { readonly atMs: number; readonly uuids: readonly string[] }[] = [];
  readonly events = new Map<string, Confirmed>();
  tookMs = 0;
  trouble: Exclude<Confirmations, { readonly kind: "events" }> | "hangs" | undefined;

  says(event: Partial<EventView>, rest: Partial<Confirmed> = {}): void {
    const view = eventView({ published: true, ...event });
    this.events.set(view.uuid ?? "", { event: view, markings: new Map(), publishedAt: T0, ...rest });
  }

  async confirm(clock: VirtualClock, asked: readonly EventInQuestion[], signal: AbortSignal): Promise<Confirmations> {
    this.asked.push({ atMs: clock.now() - T0, uuids: asked.map(({ uuid }) => uuid) });
    if (this.tookMs > 0) {
      await clock.sleep(this.tookMs, signal);
    }
    if (this.trouble === "hangs") {
      await clock.sleep(5 * MINUTE, signal);
      signal.throwIfAborted();
    } else if (this.trouble) {
      return this.trouble;
    }
    return { kind: "events", events: this.events };
  }
}

/** A service of one instance that confirms; `soc` reads what is published, up to amber, `desk` drafts, too. */
class Service {
  readonly clock = new VirtualClock();
  readonly misp = new Misp();
  readonly unanswered: number[] = [];
  readonly store: Store & { readonly ledger: ReturnType<typeof openMemoryStore>["ledger"] };
  readonly planner: Planner;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(
    how: { readonly otherwise?: "tell" | "hold"; readonly perMinute?: number } = {},
    store = openMemoryStore(),
  ) {
    this.store = store;
    const { clock, misp } = this;
    const budget = openBudget(clock, { perMinute: how.perMinute ?? 60 });
    const rules = {
      routes: compileRoutes([RouteOptions.parse({ name: "all", kinds: ["*"], notify: ["soc", "desk"] })]),
      destinations: new Map([
        ["soc", { guard: Guard.parse({ max_tlp: "amber" }), repeats: "changed" as const }],
        ["desk", { guard: Guard.parse({ max_tlp: "amber", drafts: true }), repeats: "changed" as const }],
      ]),
      confirms: new Set(["cert"]),
    };
    this.planner = { store, rules, clock, wakeups: openWakeups(["soc", "desk"], ["cert"]), observer: UNOBSERVED };
    const worker: ConfirmWorker = {
      instance: "cert",
      asking: {
        budget,
        confirm: (asked, signal) => misp.confirm(clock, asked, signal),
        ...(how.otherwise !== "hold" && { withinMs: 30 * SECOND }),
      },
      unanswered: (n) => void this.unanswered.push(n),
      log: openLog("silent"),
    };
    this.#running = confirm(worker, this.planner, this.#stop.signal);
  }

  async hears(...messages: readonly Message[]): Promise<void> {
    await absorb(messages, this.planner);
    await this.clock.pass(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.clock.pass(0);
    await this.#running;
  }

  async told(destination = "soc"): Promise<readonly string[]> {
    const told: string[] = [];
    for await (const lines of this.store.ledger.owed({ destinations: [destination] })) {
      told.push(...lines.map(({ delivery }) => `${delivery.kind}${delivery.unconfirmed ? " unconfirmed" : ""}`));
    }
    return told;
  }

  async refused(): Promise<readonly string[]> {
    const lines = await historyOf(this.store, 100);
    return lines.map(({ destination, kind, reason }) => `${destination} ${kind} ${reason}`);
  }

  waiting() {
    return this.store.unconfirmed("cert", 1000, []);
  }
}

const PUBLISHED = publication({ attributes: [attributeOf("21")] });

test("the first publication of an event is told once MISP says that it is published, within milliseconds", async () => {
  await using service = new Service();
  service.misp.says({});
  await service.hears(PUBLISHED);
  expect(await service.told()).toEqual([]);
  await service.clock.pass(20);
  expect(await service.told()).toEqual(["event.published"]);
  expect(await service.waiting()).toEqual([]);
});

test("what comes within milliseconds is asked about at once, a hundred events a question", async () => {
  await using service = new Service();
  const publish = (n: number) => {
    const event = eventView({ id: String(n), uuid: uuidOf(String(n)) });
    service.misp.says(event);
    return publication({ event });
  };
  for (let n = 100; n < 350; n += 1) {
    await absorb([publish(n)], service.planner);
  }
  await service.clock.pass(SECOND);
  expect(service.misp.asked.map(({ uuids }) => uuids.length)).toEqual([100, 100, 50]);
  expect(await service.told()).toHaveLength(250);
});

test("a tag that the feed leaves out counts before anybody is told", async () => {
  await using service = new Service();
  service.misp.says({ tags: tags("tlp:green", "tlp:red") });
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  expect(await service.told()).toEqual([]);
  expect(await service.refused()).toContain("soc event.published tlp-above-ceiling");
});

test("so does one on an attribute", async () => {
  await using service = new Service();
  const [attribute] = PUBLISHED.attributes;
  service.misp.says({}, { markings: new Map([[attribute?.uuid ?? "", tags("tlp:red")]]) });
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  const taken = await takeOne(service.store, "soc", Number.MAX_SAFE_INTEGER);
  expect(taken && "batch" in taken && taken.batch.entries[0]?.alert.items).toEqual([]);
});

test("a draft that was pushed by hand stays a draft, after MISP has been asked twice", async () => {
  await using service = new Service();
  service.misp.says({ published: false }, { publishedAt: T0 - 900 * MINUTE });
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  expect(await service.refused()).toEqual([]);
  await service.clock.pass(2 * SECOND);
  expect(service.misp.asked.length).toBe(2);
  expect(await service.refused()).toEqual(["soc event.published draft"]);
  expect(await service.told("desk")).toEqual(["event.published"]);
  // Nothing has taught memory that it was published: its publication is the first.
  service.misp.says({});
  await service.hears(publication({ event: { changedAt: T0 + MINUTE } }));
  await service.clock.pass(SECOND);
  expect(service.misp.asked.length).toBe(3);
  expect(await service.told()).toEqual(["event.published"]);
});

test("MISP that has not finished publishing when it is asked first is believed when it is asked again", async () => {
  await using service = new Service();
  service.misp.says({ published: false });
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  service.misp.says({});
  await service.clock.pass(2 * SECOND);
  expect(await service.told()).toEqual(["event.published"]);
});

test("a publication whose event was edited since, which unpublished it, is told", async () => {
  await using service = new Service();
  const changedAt = PUBLISHED.event?.changedAt ?? 0;
  service.misp.says({ published: false, changedAt: changedAt + MINUTE }, { publishedAt: changedAt + SECOND });
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  expect(await service.told()).toEqual(["event.published"]);
});

test("of such an edit nothing is told but how strict it is", async () => {
  await using service = new Service();
  const changedAt = PUBLISHED.event?.changedAt ?? 0;
  const edited = { published: false, changedAt: changedAt + MINUTE, tags: tags("tlp:amber", "EDITED") };
  service.misp.says(edited, { publishedAt: changedAt + SECOND });
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  const taken = await takeOne(service.store, "soc", Number.MAX_SAFE_INTEGER);
  const alert = taken && "batch" in taken ? taken.batch.entries[0]?.alert : undefined;
  expect(alert?.event?.tags?.map(({ name }) => name)).toEqual(["tlp:green", "tlp:amber"]);
});

test.each([
  ["its organisation alone", { distribution: "organisation" as const }],
  ["a sharing group", { distribution: "sharing_group" as const, sharingGroup: { id: "3", members: [] } }],
])("what travels less far by now is told to nobody else: %s", async (_, reach) => {
  await using service = new Service();
  service.misp.says(reach);
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  expect(await service.told()).toEqual([]);
  expect(await service.refused()).toContain("soc event.published distribution");
});

test("a frame that narrows, and comes while MISP is asked, counts for what waited", async () => {
  await using service = new Service();
  service.misp.says({});
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  // It is asked about again, as no tag frame was seen, and does not answer at once.
  service.misp.tookMs = 10 * SECOND;
  await service.hears(publication({ receivedAt: T0 + MINUTE, event: { changedAt: T0 + MINUTE } }));
  await service.clock.pass(5 * SECOND);
  await service.hears({
    ...eventEdited({ changedAt: T0 + 2 * MINUTE, distribution: "organisation" }),
    receivedAt: T0 + 2 * MINUTE,
  });
  await service.clock.pass(20 * SECOND);
  const taken = await takeOne(service.store, "soc", Number.MAX_SAFE_INTEGER);
  const memory = taken && "batch" in taken ? taken.batch.entries[0]?.memory.event : undefined;
  expect([memory?.event.distribution, ...(memory?.narrowed ?? []).map(({ distribution }) => distribution)]).toContain(
    "organisation",
  );
});

test("a later publication of those that waited together travels as far as it says", async () => {
  await using service = new Service();
  service.misp.trouble = { kind: "retry", reason: "http-503" };
  await service.hears(publication({ event: { distribution: "organisation" } }));
  await service.hears(publication({ event: { changedAt: T0 + MINUTE } }));
  service.misp.trouble = undefined;
  service.misp.says({ changedAt: T0 + MINUTE });
  await service.clock.pass(10 * SECOND);
  expect(await service.refused()).toContain("soc event.published distribution");
  expect(await service.told()).toEqual(["event.published"]);
});

test("a marking that MISP does not show any more, asked after it was seen, holds nothing back", async () => {
  await using service = new Service();
  await service.hears(tagAttached("tlp:red", { eventId: "7", exportable: false, receivedAt: T0 - MINUTE }));
  service.misp.says({});
  await service.clock.pass(MINUTE);
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  expect(await service.told()).toEqual(["event.published"]);
});

test("what is held stays findable by reconcile, and is told once whoever tells it first", async () => {
  await using service = new Service({ otherwise: "hold" });
  service.misp.trouble = { kind: "retry", reason: "http-503" };
  await service.hears(PUBLISHED);
  await service.clock.pass(10 * MINUTE);
  expect(await service.told()).toEqual([]);
  // Reconcile is answered.
  await startedBefore(service.store, T0 - HOUR);
  const listed = new ListedMisp();
  listed.publish("7", T0 + SECOND, { ...PUBLISHED.event, published: true });
  expect(await rounds(service.store, listed, MINUTE, T0 + 10 * MINUTE)).toEqual([1]);
  expect(await service.told()).toEqual(["event.published"]);
  service.misp.trouble = undefined;
  service.misp.says({});
  await service.clock.pass(MINUTE);
  expect([await service.told(), await service.waiting()]).toEqual([["event.published"], []]);
});

test("an event that MISP does not show is not told, nor one that was deleted meanwhile", async () => {
  await using service = new Service();
  await service.hears(PUBLISHED);
  await service.clock.pass(5 * SECOND);
  expect([...(await service.refused())].sort()).toEqual([
    "desk event.published event-not-found",
    "soc event.published event-not-found",
  ]);
  service.misp.trouble = { kind: "retry", reason: "http-503" };
  const event = { id: "8", uuid: uuidOf("8") };
  await service.hears(publication({ event }));
  await service.hears(eventDeleted(event));
  await service.clock.pass(MINUTE);
  expect((await service.told()).filter((kind) => kind.startsWith("event.published"))).toEqual([]);
});

test("what MISP does not answer in time is told as the feed has it, and counted", async () => {
  await using service = new Service();
  service.misp.trouble = { kind: "retry", reason: "http-503" };
  await service.hears(PUBLISHED);
  await service.clock.pass(29 * SECOND);
  expect(await service.told()).toEqual([]);
  await service.clock.pass(2 * SECOND);
  expect(await service.told()).toEqual(["event.published unconfirmed"]);
  expect(service.unanswered).toEqual([1]);
});

test("so is it while MISP hangs", async () => {
  await using service = new Service();
  service.misp.trouble = "hangs";
  await service.hears(PUBLISHED);
  await service.clock.pass(31 * SECOND);
  expect(await service.told()).toEqual(["event.published unconfirmed"]);
});

test("while MISP refuses the key for longer than that, nobody waits for it", async () => {
  await using service = new Service();
  service.misp.trouble = { kind: "forbidden", reason: "key-not-accepted" };
  await service.hears(PUBLISHED);
  await service.clock.pass(31 * SECOND);
  expect(await service.told()).toEqual(["event.published unconfirmed"]);
  const event = { id: "8", uuid: uuidOf("8") };
  await service.hears(publication({ event }));
  await service.clock.pass(SECOND);
  expect(await service.told()).toHaveLength(2);
});

test("with `otherwise: hold` it waits as long as it takes", async () => {
  await using service = new Service({ otherwise: "hold" });
  service.misp.trouble = { kind: "retry", reason: "http-503" };
  await service.hears(PUBLISHED);
  await service.clock.pass(180 * MINUTE);
  expect([await service.told(), await service.refused()]).toEqual([[], []]);
  service.misp.trouble = undefined;
  service.misp.says({});
  await service.clock.pass(MINUTE);
  expect(await service.told()).toEqual(["event.published"]);
});

test("what comes about the event meanwhile waits behind its publication, and what is stricter counts at once", async () => {
  await using service = new Service();
  service.misp.says({});
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  const changedAt = (PUBLISHED.event?.changedAt ?? 0) + MINUTE;
  service.misp.trouble = { kind: "retry", reason: "http-503" };
  // An update: no tag frame was ever seen, so that it is confirmed, too.
  await service.hears(publication({ event: { changedAt } }));
  await service.hears(attributeAdded({ id: "22" }), eventEdited({ changedAt: changedAt + MINUTE }));
  await service.hears(tagAttached("tlp:red"));
  expect((await service.waiting()).map(({ message }) => message.kind)).toEqual([
    "event.published",
    "attribute.added",
    "event.edited",
    "tag.attached",
  ]);
  const taken = await takeOne(service.store, "soc", Number.MAX_SAFE_INTEGER);
  const [first] = taken && "batch" in taken ? taken.batch.entries : [];
  expect(first?.memory.event?.attached.map(({ name }) => name)).toEqual(["tlp:red"]);
  expect(first?.memory.event?.event.changedAt).toBe(PUBLISHED.event?.changedAt);
});

test("once tags are told by the feed, only the first publication is confirmed", async () => {
  await using service = new Service();
  service.misp.says({});
  await service.hears(tagAttached("type:OSINT", { eventId: "99" }));
  await service.hears(PUBLISHED);
  await service.clock.pass(SECOND);
  await service.hears(publication({ event: { changedAt: T0 + MINUTE } }));
  await service.clock.pass(SECOND);
  expect(service.misp.asked).toHaveLength(1);
  expect(await service.told()).toHaveLength(2);
});

test("a copy of what waits is not told twice, and what waited is told after a restart", async () => {
  const store = openMemoryStore();
  {
    await using service = new Service({}, store);
    service.misp.trouble = { kind: "retry", reason: "http-503" };
    await service.hears(PUBLISHED, PUBLISHED);
    await service.clock.pass(SECOND);
  }
  await using service = new Service({}, store);
  service.misp.says({});
  await service.clock.pass(SECOND);
  expect(await service.told()).toEqual(["event.published"]);
});

test("whoever cannot be asked any more has what waits told as the feed had it", async () => {
  const store = openMemoryStore();
  {
    await using service = new Service({}, store);
    service.misp.trouble = { kind: "retry", reason: "http-503" };
    await service.hears(PUBLISHED);
  }
  await using service = new Service({}, store);
  const stop = new AbortController();
  const alone = confirm({ instance: "cert", log: openLog("silent") }, service.planner, stop.signal);
  await service.clock.pass(0);
  stop.abort();
  await alone;
  expect(await service.told()).toEqual(["event.published"]);
});
