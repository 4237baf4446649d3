import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { openLog } from "../../src/base/log.ts";
import { Wakeup } from "../../src/base/wakeup.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Message } from "../../src/model/message.ts";
import type { EventView } from "../../src/model/misp.ts";
import type { Store } from "../../src/model/outbox.ts";
import type { Published } from "../../src/recall/missed.ts";
import type { EventAnswer } from "../../src/recall/question.ts";
import { reconcile } from "../../src/recall/reconcile.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { SteppedClock } from "../delivery/worker.ts";
import { attributeOf, eventView, MINUTE, T0, uuidOf } from "../support/messages.ts";
import { takeOne } from "../support/one-batch.ts";
import { openBudget } from "./budgets.ts";

export const HOUR = 60 * MINUTE;
export const PATIENCE = 10 * MINUTE;
/** MISP's clock is a little ahead of ours. */
export const AHEAD = 3_000;
export const SERVED_AT = T0 + AHEAD;

/** MISP's side: what was published when, and what it says of each event now. */
export class Misp {
  readonly events: { event: EventView; publishedAt: number }[] = [];
  readonly questions: number[] = [];
  answer: EventAnswer | undefined;
  /** About single events. */
  readonly answers = new Map<string, EventAnswer>();
  readonly asked: string[] = [];
  failure: Published | undefined;
  /** Asked whose key it is. */
  learn: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** By MISP's clock. */
  now = () => SERVED_AT;

  publish(id: string, publishedAt: number, fields: Partial<EventView> = {}): EventView {
    const event = eventView({ id, uuid: uuidOf(id), info: `Event ${id}`, changedAt: publishedAt - MINUTE, ...fields });
    this.events.push({ event, publishedAt });
    return event;
  }

  /** MISP unpublishes silently what a person edits. */
  edit(id: string, changedAt: number, fields: Partial<EventView> = {}): void {
    this.#change(id, { changedAt, published: false, ...fields });
  }

  unpublish(id: string): void {
    this.#change(id, { published: false });
  }

  republish(id: string, publishedAt: number): EventView {
    this.#change(id, { published: true }, publishedAt);
    const found = this.events.find(({ event }) => event.id === id);
    if (!found) {
      throw new Error("No such event");
    }
    return found.event;
  }

  #change(id: string, fields: Partial<EventView>, publishedAt?: number): void {
    const index = this.events.findIndex(({ event }) => event.id === id);
    const found = this.events[index];
    if (!found) {
      throw new Error("No such event");
    }
    this.events[index] = { event: { ...found.event, ...fields }, publishedAt: publishedAt ?? found.publishedAt };
  }

  async published(since: number, page: number): Promise<Published> {
    this.questions.push(since);
    if (this.failure) {
      return this.failure;
    }
    const events = this.events.filter(({ publishedAt }) => publishedAt >= since);
    return {
      kind: "page",
      events: events.slice((page - 1) * 2, page * 2),
      more: events.length > page * 2,
      servedAt: this.now(),
    };
  }

  async ask(uuid: string): Promise<EventAnswer> {
    const found = this.events.find(({ event }) => event.uuid === uuid);
    this.asked.push(found?.event.id ?? "");
    const own = this.answers.get(found?.event.id ?? "");
    if (own) {
      return own;
    }
    if (this.answer) {
      return this.answer;
    }
    if (!found) {
      return { kind: "refused", reason: "event-not-found" };
    }
    return { kind: "event", event: found.event, attributes: [attributeOf("21")], objects: [] };
  }
}

export const RULES = {
  routes: compileRoutes([
    RouteOptions.parse({
      name: "urgent",
      match: { threat_level: "high" },
      notify: "soc",
      priority: "high",
      stop: true,
    }),
    RouteOptions.parse({ name: "all", notify: "soc" }),
  ]),
  destinations: new Map([["soc", { guard: Guard.parse({ max_tlp: "amber" }), repeats: "changed" as const }]]),
};

/** The feed tells this at `at`, by our clock. */
export async function feed(store: Store, at: number, ...messages: readonly Message[]): Promise<void> {
  const clock = new SteppedClock(at + 1, () => {});
  clock.at = at;
  await absorb(messages, { store, rules: RULES, clock, wakeups: openWakeups(), observer: UNOBSERVED });
}

/** Lets `forMs` pass; our clock may be far from MISP's. */
export async function rounds(
  store: Store,
  misp: Misp,
  forMs: number,
  startAt = T0,
  oursAheadMs = -AHEAD,
  log = openLog("silent"),
) {
  const stop = new AbortController();
  const clock = new SteppedClock(startAt + forMs, () => stop.abort());
  clock.at = startAt;
  misp.now = () => clock.now() - oursAheadMs;
  const late: number[] = [];
  const planner: Planner = { store, rules: RULES, clock, wakeups: openWakeups(), observer: UNOBSERVED };
  const worker = {
    instance: "cert",
    budget: openBudget(clock, { log }),
    published: (since: number, page: number) => misp.published(since, page),
    ask: (uuid: string) => misp.ask(uuid),
    ...(misp.learn && { learn: misp.learn }),
    everyMs: 5 * MINUTE,
    maxAgeMs: 24 * HOUR,
    patienceMs: PATIENCE,
    wakeup: new Wakeup(),
    log,
    done: (n: number) => void (n > 0 && late.push(n)),
  };
  await reconcile(worker, planner, stop.signal);
  return late;
}

export async function owed(store: Store) {
  const told: { info: string | undefined; late: unknown; items: number; group: string | undefined; change: unknown }[] =
    [];
  for (;;) {
    const taken = await takeOne(store, "soc", Number.MAX_SAFE_INTEGER);
    if (!taken || !("batch" in taken)) {
      return told;
    }
    for (const { alert, delivery } of taken.batch.entries) {
      told.push({
        info: alert.event?.info,
        late: alert.late,
        items: alert.items.length,
        group: delivery.groups[0]?.key,
        change: alert.change,
      });
    }
  }
}

/** The service has run before: its cursor stands at `at`. */
export async function startedBefore(store: Store, at = T0): Promise<void> {
  const stop = new AbortController();
  const clock = new SteppedClock(at + 1, () => stop.abort());
  clock.at = at;
  await absorb(
    [],
    {
      store,
      rules: { routes: new Map(), destinations: new Map() },
      clock,
      wakeups: openWakeups(),
      observer: UNOBSERVED,
    },
    undefined,
    { cursors: [{ instance: "cert", publishedAt: at }] },
  );
}
