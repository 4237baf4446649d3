import { destinationRecovered, destinationSuspended } from "../absorbing/herald.ts";
import type { Notices } from "../absorbing/notices.ts";
import type { Observer } from "../absorbing/observer.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { LogLimiter } from "../base/log-limiter.ts";
import type { BatchId, Delivery, RecordLine, Settlement, Store } from "../model/outbox.ts";
import type { Destination, Failure, Outcome } from "../model/payload.ts";
import { recordOf } from "../model/record.ts";
import { Backlog, type Departure } from "./backlog.ts";
import type { Breaker } from "./holds.ts";

/** What settling works with. */
export interface SettleContext {
  readonly destination: Pick<Destination, "name">;
  readonly store: Pick<Store, "settle" | "owed">;
  readonly clock: Clock;
  readonly log: Log;
  readonly breaker: Breaker;
  /** How long a batch is tried, from its first attempt, not counting what time the destination was suspended. */
  readonly maxAgeMs: number;
  /** Where suspensions and losses are told. */
  readonly notices?: Notices;
  readonly observer: Pick<Observer, "attempted" | "settled">;
}

/** What a delivery loop knows beside the store; it lasts as long as the process, and a first attempt finds it out again. */
export interface DeliveryState {
  /** Nothing leaves before. */
  restsUntil: number;
  readonly backlog: Backlog;
  /** Batches of which it is unknown whether they have arrived. */
  readonly ambiguous: Set<BatchId>;
  /** How many attempts in a row ended so. */
  doubts: number;
}

/** What happens to every batch while all is well, or while nothing is: a line each would hide what is worth reading. */
export interface Lines {
  readonly delivered: LogLimiter;
  readonly retried: LogLimiter;
  readonly throttled: LogLimiter;
  readonly unproven: LogLimiter;
  readonly refused: LogLimiter;
  readonly expired: LogLimiter;
}

export function openLines(log: Log, now: () => number): Lines {
  return {
    // The record has every delivery; the log shows that it goes on, and at debug each attempt.
    delivered: new LogLimiter(log, "Delivered", now, 60_000, "info"),
    retried: new LogLimiter(log, "Delivery failed; it is tried again", now),
    throttled: new LogLimiter(log, "Destination asks us to wait", now),
    unproven: new LogLimiter(log, "Sent twice, and whether it arrived is unknown; it is not sent again", now),
    refused: new LogLimiter(log, "Delivery is dead: the message was refused", now, 10_000, "error"),
    expired: new LogLimiter(log, "Delivery is dead: tried for too long", now, 10_000, "error"),
  };
}

export function openDeliveryState(now: number): DeliveryState {
  return { restsUntil: 0, backlog: new Backlog(now), ambiguous: new Set(), doubts: 0 };
}

/** What came of one attempt. */
export interface Attempt {
  /** Absent: nothing may leave. */
  readonly outcome?: Outcome;
  readonly leaving: readonly { readonly delivery: Delivery; readonly tlp: string }[];
  readonly refused: readonly RecordLine[];
}

/** The reason of a destination that has thrown: nothing is known of the other side. */
export const BUG = "bug";

const LOST_HINT = "misp-herald history --outcome dead lists what was lost; docs/failures.md has the reasons";
const BASE_MS = 2_000;
const CAP_MS = 600_000;
/** A destination that refuses us is probed this often. */
export const PROBE_MS = 900_000;
/** No answer of the other side makes a destination rest for longer. */
export const LONGEST_REST_MS = 3_600_000;

/** Writes down what became of an attempt: what is settled, what is tried again and when, and how the destination is. */
export async function settle(
  departure: Departure,
  result: Attempt,
  context: SettleContext & { readonly lines: Lines },
  state: DeliveryState,
): Promise<void> {
  const { clock, log, destination, breaker, notices, lines } = context;
  const { outcome, leaving } = result;
  const { batch, parts } = departure;
  const now = clock.now();
  const finish = (end?: Pick<RecordLine, "outcome" | "reason">) => finishAll(departure, result, end, context, state);
  const rest = (ms: number) => {
    state.restsUntil = Math.max(state.restsUntil, now + ms);
  };
  let pending = parts;
  const again = (afterMs: number, attempted: boolean) =>
    retryAll({ batch, parts: pending }, result, afterMs, attempted, context);

  if (!outcome) {
    return finish();
  }
  if (outcome.kind === "ambiguous") {
    doubt();
  } else {
    state.doubts = 0;
  }
  const about = { destination: destination.name, batch: batch.id, alerts: leaving.length, attempt: batch.attempts + 1 };
  const why =
    "reason" in outcome ? { ...about, reason: outcome.reason, detail: outcome.detail, hint: outcome.hint } : about;
  switch (outcome.kind) {
    case "done":
    case "unproven":
      lines.delivered.say({ ...about, outcome: outcome.kind });
      await finish({ outcome: outcome.kind === "done" ? "sent" : "unproven" });
      return recover();
    case "message_rejected":
      if (parts.length > 1) {
        log.warn(why, "A digest of what has waited was refused; all of it leaves one by one");
        state.backlog.close();
        return again(0, false);
      }
      lines.refused.say({ ...why, hint: outcome.hint ?? LOST_HINT }, outcome.reason);
      await finish({ outcome: "dead", reason: outcome.reason });
      // Whoever refuses a message has looked at it, and takes others.
      if (outcome.reason !== BUG) {
        return recover();
      }
      if (breaker.suspended()) {
        rest(PROBE_MS);
      }
      return;
    case "destination_rejected":
      rest(PROBE_MS);
      await again(PROBE_MS, false);
      return suspend(outcome);
    case "ambiguous": {
      // Whether it arrived is unknown. It is sent once more under the same id; then a duplicate would be worse.
      const twice = parts.filter(({ id }) => state.ambiguous.has(id));
      if (twice.length > 0) {
        if (breaker.suspended()) {
          rest(PROBE_MS);
        }
        lines.unproven.say(why, outcome.reason);
        const end = { outcome: "unproven", reason: outcome.reason } as const;
        await finishAll({ batch, parts: twice }, result, end, context, state);
      }
      // What is in a digest that was sent before without it has been sent once only.
      pending = parts.filter((part) => !twice.includes(part));
      if (pending.length === 0) {
        return;
      }
      for (const { id } of pending) {
        state.ambiguous.add(id);
      }
      break;
    }
    case "retry":
    case "retry_after":
      break;
    default:
      outcome satisfies never;
  }

  const isThrottled = outcome.kind === "retry_after";
  const waitMs = isThrottled
    ? Math.min(Math.max(outcome.afterMs, 0), LONGEST_REST_MS)
    : Math.round(clock.random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(batch.attempts, 20)));
  if (breaker.suspended()) {
    const probeMs = Math.max(PROBE_MS, waitMs);
    log.warn({ ...why, retryInMs: probeMs }, "A probe has failed: the destination stays suspended");
    rest(probeMs);
    if (outcome.kind !== "ambiguous") {
      return again(probeMs, false);
    }
    // What may have arrived by itself comes once more by itself: nobody could tell it in a digest, which has another id.
    state.backlog.forget(departure);
    return again(probeMs, true);
  }
  if (isThrottled) {
    rest(waitMs);
  }
  const ageMs = now - batch.firstAttemptAt;
  if (batch.attempts > 0 && ageMs > context.maxAgeMs) {
    lines.expired.say({ ...why, hint: outcome.hint ?? LOST_HINT }, outcome.reason);
    return finishAll({ batch, parts: pending }, result, { outcome: "dead", reason: outcome.reason }, context, state);
  }
  lines[isThrottled ? "throttled" : "retried"].say({ ...why, retryInMs: waitMs }, outcome.reason);
  // Being asked to wait is no failure that makes the next wait longer; only that trying has begun counts.
  return again(waitMs, !isThrottled || batch.attempts === 0);

  /** Each attempt that nobody answers may lose an alert: a destination that hangs must not take one after the other. */
  function doubt(): void {
    if (state.doubts > 0) {
      rest(Math.min(CAP_MS, BASE_MS * 2 ** Math.min(state.doubts, 20)));
    }
    state.doubts += 1;
  }

  async function suspend({ reason, hint }: Failure): Promise<void> {
    if (breaker.suspended()) {
      log.warn({ ...why, retryInMs: PROBE_MS }, "A probe was refused: the destination stays suspended");
      return;
    }
    await breaker.suspend(reason, now);
    log.error({ ...why, retryInMs: PROBE_MS }, "Destination suspended: it refuses us; what it is owed is kept");
    const owed = await owedTo(context);
    const failure = { reason, ...(hint !== undefined && { hint }) };
    notices?.say(destinationSuspended(destination.name, { ...failure, owed, probeMs: PROBE_MS }, now));
  }

  async function recover(): Promise<void> {
    if (!breaker.suspended()) {
      return;
    }
    const suspendedMs = await breaker.recover(now);
    state.backlog.open(now);
    const owed = await owedTo(context);
    log.info({ destination: destination.name, suspendedMs, owed }, "Destination recovered");
    notices?.say(destinationRecovered(destination.name, { suspendedMs, owed }, now));
  }
}

/** What left is over, in the same way for all; each batch is settled by itself. */
async function finishAll(
  departure: Departure,
  { leaving, refused }: Attempt,
  end: Pick<RecordLine, "outcome" | "reason"> | undefined,
  context: SettleContext,
  state: DeliveryState,
): Promise<void> {
  const now = context.clock.now();
  const lines = end ? leaving.map(({ delivery, tlp }) => recordOf(delivery, now, { ...end, tlp })) : [];
  for (const { batch, records } of byBatch(departure, [...refused, ...lines])) {
    await commit(context, { batch, records, attempted: true }, now);
    state.ambiguous.delete(batch);
  }
  state.backlog.forget(departure);
}

/** What the guard has refused is over, the rest is owed. */
async function retryAll(
  departure: Departure,
  { outcome, refused }: Attempt,
  afterMs: number,
  attempted: boolean,
  context: SettleContext,
): Promise<void> {
  const now = context.clock.now();
  const reason = outcome && "reason" in outcome ? { reason: outcome.reason } : {};
  for (const { batch, records } of byBatch(departure, refused)) {
    await commit(context, { batch, records, retryAt: now + afterMs, attempted, ...reason }, now);
  }
}

function byBatch({ parts }: Departure, lines: readonly RecordLine[]) {
  return parts.map(({ id, entries }) => {
    const members = new Set(entries.map(({ delivery }) => delivery.id));
    return { batch: id, records: lines.filter(({ delivery }) => members.has(delivery)) };
  });
}

async function commit({ store, observer, notices }: SettleContext, settlement: Settlement, now: number): Promise<void> {
  await store.settle(settlement, now);
  for (const line of settlement.records) {
    observer.settled(line);
    if (line.outcome === "dead") {
      notices?.lost(line);
    }
  }
}

async function owedTo({ store, destination }: SettleContext): Promise<number> {
  return (await store.owed()).find((line) => line.destination === destination.name)?.owed ?? 0;
}
