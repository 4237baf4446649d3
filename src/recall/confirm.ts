import { absorb, type Planner } from "../absorbing/absorb.ts";
import { REPORT_IT } from "../base/errors.ts";
import { type Heartbeat, unheard, WORK_MS } from "../base/liveness.ts";
import type { Log } from "../base/log.ts";
import type { Confirmation, Message } from "../model/message.ts";
import { type Confirmed, confirmationOf, withConfirmation } from "../planning/confirm.ts";
import { lessonOf } from "../planning/enrich.ts";
import { keysOf } from "../planning/plan.ts";
import type { Budget } from "./budget.ts";
import { ASK_MS, type KeyRefused, type Unanswered } from "./question.ts";
import { byEvent, ConfirmState, LONGEST_SLEEP_MS, type WaitingEvent } from "./waiting.ts";

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
  const state = new ConfirmState(worker, clock.now);
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

async function ask(
  worker: ConfirmWorker,
  open: readonly WaitingEvent[],
  state: ConfirmState,
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
    const found = answer.events.get(event.key);
    const told = found && { ...found, askedAt };
    const isNo = event.rows.some(
      ({ message }) => message.kind === "event.published" && confirmationOf(message, told) !== "confirmed",
    );
    if (isNo && !state.saidNo(event, clock.now())) {
      // It may not answer again: what it has said counts all the same.
      await absorb(wordsOf(told, event.rows), planner, []);
      continue;
    }
    await decide(event, undefined, told ?? "not-found", planner, beat);
    state.forget(event);
  }
}

/** What MISP says of the event itself, as something to remember. */
function wordsOf(told: Confirmed | undefined, rows: WaitingEvent["rows"]): readonly Message[] {
  const [first] = rows;
  if (!first || told?.askedAt === undefined) {
    return [];
  }
  const { event, askedAt } = told;
  const { whole: _, ...words } = lessonOf(first.message.instance, { event, attributes: [], objects: [] }, askedAt);
  return [words];
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
    const messages = chunk.map(({ message }) => decided(message, confirmation, told));
    // A publication may be older than what is known: what MISP says of its event is not.
    const isLast = at + CHUNK >= rows.length;
    const words = isLast ? wordsOf(told === "not-found" ? undefined : told, chunk) : [];
    await absorb([...messages, ...words], planner, undefined, { confirmed: chunk.map(({ id }) => id) });
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
