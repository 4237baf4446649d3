import { absorb, type Planner } from "../absorbing/absorb.ts";
import { REPORT_IT } from "../base/errors.ts";
import { type Heartbeat, unheard, WORK_MS } from "../base/liveness.ts";
import type { Log } from "../base/log.ts";
import { LogLimiter } from "../base/log-limiter.ts";
import type { Unconfirmed } from "../model/memory.ts";
import type { Confirmation, Message } from "../model/message.ts";
import { type Confirmed, confirmationOf, withConfirmation } from "../planning/confirm.ts";
import { lessonOf } from "../planning/enrich.ts";
import { keysOf } from "../planning/plan.ts";
import type { Budget } from "./budget.ts";
import { ASK_MS, type KeyRefused, type Unanswered } from "./question.ts";

/** What MISP says of some events: by UUID those that the key may see; or why it says nothing. */
export type Confirmations =
  | { readonly kind: "events"; readonly events: ReadonlyMap<string, Confirmed> }
  | KeyRefused
  | Unanswered;

/** What is asked about: an event, and whether it has parts that may carry markings of their own. */
export interface EventInQuestion {
  readonly uuid: string;
  readonly hasParts: boolean;
}

/** What one confirm loop works with. */
export interface ConfirmWorker {
  readonly instance: string;
  /** Absent: MISP cannot be asked, or is not to be; what waits is told as the feed has it. */
  readonly asking?: {
    readonly budget: Budget;
    /** Asks about up to `MAX_EVENTS` events; each further question it needs takes a turn of its own. */
    confirm(events: readonly EventInQuestion[], signal: AbortSignal): Promise<Confirmations>;
    /** After so long what MISP has not answered is told as the feed has it; absent: it waits on. */
    readonly withinMs?: number;
  };
  /** So many publications were told without MISP's word. */
  readonly unanswered?: (n: number) => void;
  readonly log: Log;
}

/** Bounds one question. */
export const MAX_EVENTS = 100;
/** What arrives together is asked about together. */
const GATHER_MS = 5;
/** MISP stores when it publishes before it has published, and a copy of its database may lag: a no is asked for twice. */
const AGAIN_MS = 2_000;
const RETRY_MS = 5_000;
const LONGEST_SLEEP_MS = 60_000;
/** Bounds a transaction. */
const CHUNK = 100;

/** Has publications confirmed before anybody is told of them, as many at once as wait; ends when `stop` aborts. */
export async function confirm(
  worker: ConfirmWorker,
  planner: Planner,
  stop: AbortSignal,
  beat: Heartbeat = unheard,
): Promise<void> {
  const { instance } = worker;
  const { clock, store, wakeups } = planner;
  const wakeup = wakeups.instances.get(instance)?.confirm;
  stop.addEventListener("abort", () => wakeup?.wake(), { once: true });
  await worker.asking?.budget.open(store);
  const state = new Answers(worker, clock.now);
  let hasGathered = false;
  while (!stop.aborted) {
    beat(LONGEST_SLEEP_MS);
    const woken = wakeup?.next() ?? stop;
    const waiting = byEvent(await store.unconfirmed(instance, MAX_EVENTS, state.resting));
    const now = clock.now();
    for (const event of waiting.filter((one) => !worker.asking || !one.hasPublication || state.isLate(one, now))) {
      const isLate = worker.asking !== undefined && event.hasPublication;
      const isGone = isLate && (await isDeleted(event, planner));
      await decide(event, isLate ? "unconfirmed" : undefined, isGone ? "not-found" : undefined, planner, beat);
      if (isLate && !isGone) {
        worker.unanswered?.(1);
      }
      state.forget(event);
    }
    const open = waiting.filter((one) => worker.asking && one.hasPublication && !state.isLate(one, now));
    const pauseMs = open.length === 0 ? state.idleMs : state.pauseMs(now, open);
    if (pauseMs > 0) {
      await clock.sleep(Math.min(LONGEST_SLEEP_MS, pauseMs), open.length === 0 ? woken : stop);
      continue;
    }
    // What came with it follows within milliseconds.
    if (!hasGathered) {
      await clock.sleep(GATHER_MS, stop);
      hasGathered = true;
      continue;
    }
    hasGathered = false;
    await ask(worker, open, state, planner, stop, beat);
  }
}

/** All that waits about one event, in the order in which it came. */
interface WaitingEvent {
  readonly key: string;
  readonly rows: readonly Unconfirmed[];
  readonly hasPublication: boolean;
  /** Since when its first publication waits. */
  readonly since: number;
}

function byEvent(rows: readonly Unconfirmed[]): readonly WaitingEvent[] {
  const events = new Map<string, Unconfirmed[]>();
  for (const row of rows) {
    events.set(row.eventKey, [...(events.get(row.eventKey) ?? []), row]);
  }
  return [...events].map(([key, all]) => {
    const publications = all.filter(({ message }) => message.kind === "event.published");
    const since = Math.min(...publications.map((row) => row.since));
    return { key, rows: all, hasPublication: publications.length > 0, since };
  });
}

async function ask(
  worker: ConfirmWorker,
  open: readonly WaitingEvent[],
  state: Answers,
  planner: Planner,
  stop: AbortSignal,
  beat: Heartbeat,
): Promise<void> {
  const { asking, instance, log } = worker;
  const { clock, store } = planner;
  if (!asking) {
    return;
  }
  const done = new AbortController();
  const late = new AbortController();
  const deadline = state.deadline(open);
  void clock.sleep(Math.max(0, deadline - clock.now()), done.signal).then(() => late.abort());
  const signal = AbortSignal.any([stop, late.signal]);
  let answer: Confirmations = { kind: "retry", reason: "timeout" };
  let askedAt = 0;
  try {
    if (!(await asking.budget.turn("confirm", signal, beat))) {
      state.failed(clock.now());
      return;
    }
    beat(ASK_MS);
    askedAt = clock.now();
    answer = await asking.confirm(open.map(askedOf), signal);
  } catch (error) {
    if (stop.aborted) {
      return;
    }
    if (!late.signal.aborted) {
      log.error({ err: error, instance, hint: REPORT_IT }, "Asking MISP to confirm publications failed by a bug");
    }
  } finally {
    done.abort();
  }
  await asking.budget.note(answer, store);
  if (answer.kind !== "events") {
    state.failed(clock.now(), answer);
    return;
  }
  state.answered();
  for (const event of open) {
    const told = answer.events.get(event.key);
    const isNo = event.rows.some(
      ({ message }) => message.kind === "event.published" && confirmationOf(message, told) !== "confirmed",
    );
    if (isNo && !state.saidNo(event, clock.now())) {
      // It may not answer again: what it has said counts all the same.
      await learn(told, askedAt, worker, planner);
      continue;
    }
    await decide(event, undefined, told ? { ...told, askedAt } : "not-found", planner, beat);
    state.forget(event);
  }
}

/** Teaches memory how MISP says that an event is now. */
async function learn(
  told: Confirmed | undefined,
  askedAt: number,
  { instance }: Pick<ConfirmWorker, "instance">,
  planner: Planner,
): Promise<void> {
  if (told) {
    const { whole: _, ...lesson } = lessonOf(instance, { event: told.event, attributes: [], objects: [] }, askedAt);
    await absorb([lesson], planner, []);
  }
}

function askedOf({ key, rows }: WaitingEvent): EventInQuestion {
  return {
    uuid: key,
    hasParts: rows.some(({ message }) => message.giant !== undefined || message.attributes.length > 0),
  };
}

/** Refuses what MISP has deleted since, though MISP answers no more. */
async function isDeleted({ rows, key }: WaitingEvent, { store }: Planner): Promise<boolean> {
  const { events } = await store.load(keysOf(rows.slice(0, 1).map(({ message }) => message)));
  return events.some(({ event, deleted }) => deleted && (event.uuid ?? event.id) === key);
}

/** Plans all that waited about an event, and ends its wait. */
async function decide(
  { rows }: WaitingEvent,
  confirmation: Confirmation | undefined,
  told: Confirmed | "not-found" | undefined,
  planner: Planner,
  beat: Heartbeat,
): Promise<void> {
  for (let at = 0; at < rows.length; at += CHUNK) {
    beat(WORK_MS);
    const chunk = rows.slice(at, at + CHUNK);
    await absorb(
      chunk.map(({ message }) => decided(message, confirmation, told)),
      planner,
      undefined,
      { confirmed: chunk.map(({ id }) => id) },
    );
  }
}

function decided(
  message: Message,
  confirmation: Confirmation | undefined,
  told: Confirmed | "not-found" | undefined,
): Message {
  if (message.kind !== "event.published") {
    return message;
  }
  if (told === undefined) {
    return confirmation ? { ...message, confirmation } : message;
  }
  const answer = told === "not-found" ? undefined : told;
  return withConfirmation(message, confirmationOf(message, answer), answer);
}

/** What MISP has said so far, and when it is asked again. */
class Answers {
  readonly #worker: ConfirmWorker;
  readonly #now: () => number;
  readonly #trouble: LogLimiter;
  /** By event when MISP said no first. */
  readonly #noAt = new Map<string, number>();
  #failedAt: number | undefined;

  constructor(worker: ConfirmWorker, now: () => number) {
    this.#worker = worker;
    this.#now = now;
    this.#trouble = new LogLimiter(
      worker.log,
      "MISP does not confirm publications; they are told as the feed has them, or wait",
      now,
    );
  }

  /** Events that are asked about once more, but not yet. */
  get resting(): readonly string[] {
    const now = this.#now();
    return [...this.#noAt].flatMap(([key, at]) => (Math.abs(now - at) < AGAIN_MS ? [key] : []));
  }

  /** How long there is nothing to ask: until the first of these has rested. */
  get idleMs(): number {
    const now = this.#now();
    const rests = [...this.#noAt.values()].map((at) => AGAIN_MS - Math.abs(now - at));
    return Math.max(1, Math.min(LONGEST_SLEEP_MS, ...rests));
  }

  failed(now: number, answer?: KeyRefused | Unanswered): void {
    this.#failedAt = now;
    if (answer) {
      const { instance } = this.#worker;
      this.#trouble.say({ instance, reason: answer.reason, hint: answer.hint });
    }
  }

  answered(): void {
    this.#failedAt = undefined;
  }

  /** Whether MISP had said no before, long enough ago. */
  saidNo({ key }: WaitingEvent, now: number): boolean {
    const before = this.#noAt.get(key);
    if (before === undefined) {
      this.#noAt.set(key, now);
      return false;
    }
    return Math.abs(now - before) >= AGAIN_MS;
  }

  forget({ key }: WaitingEvent): void {
    this.#noAt.delete(key);
  }

  /** Whether MISP had its time: a clock that jumps takes none of it, as long as MISP answers. */
  isLate({ since }: WaitingEvent, now: number): boolean {
    const { asking } = this.#worker;
    if (asking?.withinMs === undefined) {
      return false;
    }
    const refusedSince = asking.budget.refusal?.since;
    if (refusedSince !== undefined && now - refusedSince >= asking.withinMs) {
      return true;
    }
    return this.#failedAt !== undefined && now - since >= asking.withinMs;
  }

  /** When the first of them has waited for too long. */
  deadline(open: readonly WaitingEvent[]): number {
    const within = this.#worker.asking?.withinMs ?? Number.POSITIVE_INFINITY;
    return Math.min(...open.map(({ since }) => since + within));
  }

  /** For how long MISP is left alone: it has just failed. */
  pauseMs(now: number, open: readonly WaitingEvent[]): number {
    return this.#failedAt === undefined
      ? 0
      : Math.max(0, Math.min(this.#failedAt + RETRY_MS, this.deadline(open)) - now);
  }
}
