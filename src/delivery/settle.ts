/**
 * What becomes of a batch, and of its destination, after an attempt. Each line of the table is one function below.
 *
 * | the attempt             | the batch                                             | the destination               |
 * | ----------------------- | ----------------------------------------------------- | ----------------------------- |
 * | nothing may leave       | refused                                               | stays as it is                |
 * | done, unproven          | sent, unproven                                        | recovers                      |
 * | message_rejected        | dead                                                  | recovers: it has looked at it |
 * | message_rejected, a bug | dead                                                  | stays as it is                |
 * | … of a digest           | its batches leave one by one, at once                 | stays as it is                |
 * | destination_rejected    | waits for the next probe and does not age             | is suspended                  |
 * | ambiguous               | tried once more under the same id                     | rests, from the second on     |
 * | … once more             | unproven: a duplicate would be worse                  | rests, ever longer            |
 * | retry                   | tried again ever later, dead after `retry.max_age`    | stays as it is                |
 * | … as it is down         | the same, behind the others                           | rests, ever longer            |
 * | retry_after             | tried again when asked to, dead after `retry.max_age` | rests as long as it asks      |
 *
 * While the destination is suspended every failure is that of a probe: it rests until the next one, and what surely did
 * not arrive waits for that and does not age. A destination is down when it says so, or when several batches in a row
 * fail: a rest lasts for all that it is owed, so that one attempt at a time finds out whether it is back, each with another
 * batch, lest one that can never arrive keep the rest.
 */
import { destinationRecovered, destinationSuspended } from "../absorbing/herald.ts";
import type { Notices } from "../absorbing/notices.ts";
import type { Observer } from "../absorbing/observer.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { BatchId, RecordLine, Store } from "../model/outbox.ts";
import type { Destination, Failure, Outcome } from "../model/payload.ts";
import { Backlog, type Departure } from "./backlog.ts";
import type { Breaker } from "./holds.ts";
import type { Lines } from "./lines.ts";
import { type Attempt, writeEnd, writeRetry } from "./write-down.ts";

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
  /** An operator wants to have tried now what is due, quiet hours or not. */
  isUrged: boolean;
  readonly backlog: Backlog;
  /** Batches of which it is unknown whether they have arrived. */
  readonly ambiguous: Set<BatchId>;
  /** How many attempts in a row ended so. */
  doubts: number;
  /** Batches that failed since something else came of an attempt. */
  readonly failing: Set<BatchId>;
  /** How many attempts in a row have found it down. */
  outages: number;
  /** It is being written down that it takes what it is told again. */
  isRecovering: boolean;
  /** What the last attempt failed by; undefined: it did not. */
  trouble: Pick<Failure, "reason" | "hint"> | undefined;
}

/** What is known of a destination that nothing was sent to yet. */
export function openDeliveryState(now: number): DeliveryState {
  return {
    restsUntil: 0,
    isUrged: false,
    backlog: new Backlog(now),
    ambiguous: new Set(),
    doubts: 0,
    failing: new Set(),
    outages: 0,
    isRecovering: false,
    trouble: undefined,
  };
}

/** The reason of a destination that has thrown: nothing is known of the other side. */
export const BUG = "bug";

const LOST_HINT = "misp-herald history --outcome dead lists what was lost; docs/failures.md has the reasons";
const BASE_MS = 2_000;
const CAP_MS = 600_000;
/** A destination that refuses us is probed this often. */
export const PROBE_MS = 900_000;
/** So many different batches in a row that failed: it is not the batches. */
const MANY = 3;
/** No answer of the other side makes a destination rest for longer. */
export const LONGEST_REST_MS = 3_600_000;

type Failed = Extract<Outcome, Failure>;

/** One attempt and what it changes. */
interface Case {
  readonly departure: Departure;
  readonly attempt: Attempt;
  readonly context: SettleContext & { readonly lines: Lines };
  readonly state: DeliveryState;
  readonly now: number;
}

/** Writes down what became of an attempt: what is settled, what is tried again and when, and how the destination is. */
export function settle(
  departure: Departure,
  attempt: Attempt,
  context: Case["context"],
  state: DeliveryState,
): Promise<void> {
  const { outcome } = attempt;
  const it: Case = { departure, attempt, context, state, now: context.clock.now() };
  if (!outcome) {
    return finish(it, departure.parts);
  }
  state.trouble = "reason" in outcome ? outcome : undefined;
  if (outcome.kind !== "ambiguous") {
    state.doubts = 0;
    if (outcome.kind !== "retry") {
      state.failing.clear();
      state.outages = 0;
    }
  }
  switch (outcome.kind) {
    case "done":
    case "unproven":
      return deliver(it, outcome.kind);
    case "message_rejected":
      return departure.parts.length > 1 ? split(it, outcome) : bury(it, outcome);
    case "destination_rejected":
      return suspend(it, outcome);
    case "ambiguous":
      return doubt(it, outcome);
    case "retry":
    case "retry_after":
      return retry(it, outcome, departure.parts);
    default:
      return outcome satisfies never;
  }
}

async function deliver(it: Case, kind: "done" | "unproven"): Promise<void> {
  const outcome = kind === "done" ? "sent" : "unproven";
  it.context.lines.delivered.say({ ...aboutOf(it), outcome });
  await finish(it, it.departure.parts, { outcome });
  await recover(it);
}

async function split(it: Case, outcome: Failed): Promise<void> {
  it.context.log.warn(whyOf(it, outcome), "A digest of what has waited was refused; all of it leaves one by one");
  it.state.backlog.close();
  await again(it, it.departure.parts, { afterMs: 0, attempted: false, reason: outcome.reason });
}

async function bury(it: Case, outcome: Failed): Promise<void> {
  const { reason } = outcome;
  it.context.lines.refused.say(lossOf(it, outcome), reason);
  await finish(it, it.departure.parts, { outcome: "dead", reason });
  if (reason === BUG) {
    restAsProbe(it);
  } else {
    await recover(it);
  }
}

async function suspend(it: Case, outcome: Failed): Promise<void> {
  const { context } = it;
  rest(it, PROBE_MS);
  await again(it, it.departure.parts, { afterMs: PROBE_MS, attempted: false, reason: outcome.reason });
  const why = { ...whyOf(it, outcome), retryInMs: PROBE_MS };
  if (context.breaker.suspended()) {
    context.log.warn(why, "A probe was refused: the destination stays suspended");
    return;
  }
  await suspendDestination(context, outcome, why, it.now);
}

/** The destination refuses us, whatever it was that it refused. */
export async function suspendDestination(
  context: SettleContext,
  { reason, hint }: Failure,
  why: object,
  now: number,
): Promise<void> {
  const { breaker, log, destination, notices } = context;
  await breaker.suspend(reason, now);
  log.error(why, "Destination suspended: it refuses us; what it is owed is kept");
  const owed = await owedTo(context);
  const failure = { reason, ...(hint !== undefined && { hint }) };
  notices?.say(destinationSuspended(destination.name, { ...failure, owed, probeMs: PROBE_MS }, now));
}

/** Each attempt without an answer may lose an alert: a destination that hangs must not take one after the other. */
async function doubt(it: Case, outcome: Failed): Promise<void> {
  const { state, departure } = it;
  if (state.doubts > 0) {
    rest(it, backOffMs(state.doubts));
  }
  state.doubts += 1;
  const isTwice = ({ id }: { readonly id: BatchId }) => state.ambiguous.has(id);
  const twice = departure.parts.filter(isTwice);
  // What is in a digest that was sent before without it has been sent once only.
  const once = departure.parts.filter((part) => !isTwice(part));
  if (twice.length > 0) {
    await giveUp(it, twice, outcome);
  }
  if (once.length > 0) {
    for (const { id } of once) {
      state.ambiguous.add(id);
    }
    await retry(it, outcome, once);
  }
}

async function giveUp(it: Case, parts: Departure["parts"], outcome: Failed): Promise<void> {
  const { reason } = outcome;
  restAsProbe(it);
  it.context.lines.unproven.say(whyOf(it, outcome), reason);
  await finish(it, parts, { outcome: "unproven", reason });
}

async function retry(it: Case, outcome: Failed, parts: Departure["parts"]): Promise<void> {
  const { departure, attempt, context } = it;
  const { batch } = departure;
  const { reason } = outcome;
  const isThrottled = outcome.kind === "retry_after";
  const ownMs = isThrottled
    ? Math.min(Math.max(outcome.afterMs, 0), LONGEST_REST_MS)
    : Math.round(context.clock.random() * backOffMs(batch.attempts));
  const waitMs = ownMs + (isDown(it, outcome) ? restAsDown(it) : 0);
  if (context.breaker.suspended()) {
    return staySuspended(it, outcome, parts, Math.max(PROBE_MS, waitMs));
  }
  if (isThrottled) {
    rest(it, waitMs);
  }
  if (batch.attempts > 0 && attempt.ageMs > context.maxAgeMs) {
    context.lines.expired.say(lossOf(it, outcome), reason);
    return finish(it, parts, { outcome: "dead", reason });
  }
  const line = isThrottled ? context.lines.throttled : context.lines.retried;
  line.say({ ...whyOf(it, outcome), retryInMs: waitMs }, reason);
  // Being asked to wait is no failure that makes the next wait longer; only that trying has begun counts.
  const mayHaveArrived = outcome.kind === "ambiguous";
  await again(it, parts, { afterMs: waitMs, attempted: !isThrottled || batch.attempts === 0, reason, mayHaveArrived });
}

async function staySuspended(it: Case, outcome: Failed, parts: Departure["parts"], probeMs: number): Promise<void> {
  const { departure, context, state } = it;
  const isAmbiguous = outcome.kind === "ambiguous";
  context.log.warn(
    { ...whyOf(it, outcome), retryInMs: probeMs },
    "A probe has failed: the destination stays suspended",
  );
  rest(it, probeMs);
  if (isAmbiguous) {
    // What may have arrived by itself comes once more by itself: within a digest, which has another id, it could not be recognised.
    state.backlog.forget(departure);
  }
  const { reason } = outcome;
  await again(it, parts, { afterMs: probeMs, attempted: isAmbiguous, reason, mayHaveArrived: isAmbiguous });
}

async function recover({ context, state, now }: Case): Promise<void> {
  const { breaker, log, destination, notices } = context;
  if (!breaker.suspended() || state.isRecovering) {
    return;
  }
  state.isRecovering = true;
  const suspendedMs = await breaker.recover(now).finally(() => {
    state.isRecovering = false;
  });
  state.backlog.open(now);
  const owed = await owedTo(context);
  log.info({ destination: destination.name, suspendedMs, owed }, "Destination recovered");
  notices?.say(destinationRecovered(destination.name, { suspendedMs, owed }, now));
}

function rest({ state, now }: Case, ms: number): void {
  state.restsUntil = Math.max(state.restsUntil, now + ms);
}

/** What tells nothing new of a destination that is suspended is a probe all the same. */
function restAsProbe(it: Case): void {
  if (it.context.breaker.suspended()) {
    rest(it, PROBE_MS);
  }
}

function isDown({ departure, state }: Case, outcome: Failed): boolean {
  if (outcome.kind !== "retry") {
    return false;
  }
  state.failing.add(departure.batch.id);
  return outcome.down === true || state.failing.size >= MANY;
}

/** Returns for how long; at least half of what it may be, so that a destination that is down is left alone. */
function restAsDown(it: Case): number {
  if (it.state.outages > it.attempt.outages) {
    // Another that began no later has found out the same.
    return Math.max(0, it.state.restsUntil - it.now);
  }
  const ms = Math.round(((1 + it.context.clock.random()) / 2) * backOffMs(it.state.outages));
  it.state.outages += 1;
  rest(it, ms);
  return ms;
}

/** How long at most after so many failures in a row. */
export function backOffMs(failures: number): number {
  return Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 20));
}

async function finish(
  { attempt, context, departure, state, now }: Case,
  parts: Departure["parts"],
  end?: Pick<RecordLine, "outcome" | "reason">,
): Promise<void> {
  await writeEnd(parts, attempt, end, now, context);
  for (const { id } of parts) {
    state.ambiguous.delete(id);
  }
  state.backlog.forget({ ...departure, parts });
}

async function again(
  { attempt, context, now }: Case,
  parts: Departure["parts"],
  how: Parameters<typeof writeRetry>[2],
): Promise<void> {
  await writeRetry(parts, attempt, how, now, context);
}

function aboutOf({ departure: { batch }, attempt, context }: Case) {
  const { name: destination } = context.destination;
  return { destination, batch: batch.id, alerts: attempt.leaving.length, attempt: batch.attempts + 1 };
}

function whyOf(it: Case, { reason, detail, hint }: Failure) {
  return { ...aboutOf(it), reason, detail, hint };
}

function lossOf(it: Case, failure: Failure) {
  return { ...whyOf(it, failure), hint: failure.hint ?? LOST_HINT };
}

async function owedTo({ store, destination }: SettleContext): Promise<number> {
  return (await store.owed()).find((line) => line.destination === destination.name)?.owed ?? 0;
}
