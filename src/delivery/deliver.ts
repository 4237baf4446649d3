import { setImmediate } from "node:timers/promises";
import { REPORT_IT } from "../base/errors.ts";
import { insisting } from "../base/insist.ts";
import { unheard, WORK_MS } from "../base/liveness.ts";
import type { Log } from "../base/log.ts";
import type { RateLimiter } from "../base/rate-limiter.ts";
import type { Wakeup } from "../base/wakeup.ts";
import type { Batch, Division, Store, TakeOptions } from "../model/outbox.ts";
import type { QuietRules } from "../model/pacing.ts";
import type { Destination, Outcome, Payload } from "../model/payload.ts";
import { goesFirst } from "../pacing/place.ts";
import { quietMsBetween, quietUntil } from "../pacing/quiet.ts";
import { alone, type Departure } from "./backlog.ts";
import { divide } from "./divide.ts";
import { Flight } from "./flight.ts";
import { openNoted } from "./flood-note.ts";
import { followUpOf, placeOf, sendTo, told } from "./follow.ts";
import { type Lines, openLines } from "./lines.ts";
import { partsOf } from "./parts.ts";
import { persistent } from "./persist.ts";
import { tendPost } from "./posts.ts";
import { BUG, type DeliveryState, LONGEST_REST_MS, type SettleContext, settle } from "./settle.ts";
import type { SendContext } from "./show.ts";
import { together } from "./together.ts";
import { type Attempt, writeDivision } from "./write-down.ts";

/** What one delivery loop works with. */
export interface DeliveryWorker extends SettleContext {
  readonly store: Store;
  readonly destination: Destination;
  readonly sending: SendContext;
  readonly limiter?: RateLimiter;
  readonly wakeup: Wakeup;
  /** It goes on with a worker that takes the place of this one. */
  readonly state: DeliveryState;
  /** How long an attempt may last by the time-outs of its channel; absent: as long as it likes. */
  readonly attemptMs?: number;
  /** How many attempts may be on their way at once; absent: one. */
  readonly concurrency?: number;
  /** When nothing leaves but what goes first, whenever the rest was due; absent: never. */
  readonly quiet?: QuietRules;
}

/** What an attempt that failed can lead to. */
export const FAILURES = ["retry", "retry_after", "ambiguous", "message_rejected", "destination_rejected"] as const;

/** What is settled without a word to the other side would otherwise never let others have their turn. */
const TURN_MS = 20;
/** What programs get at once: they want to have it in order, and no more of it is in memory. */
const ORDERED: TakeOptions = { ordered: true, bounds: { rows: 500, bytes: 2 ** 20 } };
/** How many batches are made ready at once for each that may be on its way. */
const AHEAD = 8;
/** While so many have arrived and are not written down, no more leave. */
const MOST_UNWRITTEN = 64;
/** Bounds a sleep, so that a clock that jumps is noticed. */
const LONGEST_SLEEP_MS = 60_000;

/**
 * The slow half, one loop per destination, so that none can hold up another. It ends when `stop` aborts, after the
 * attempts in flight; `cut` ends these too, and what they were about is still owed.
 */
export async function deliver(
  worker: DeliveryWorker,
  stop: AbortSignal,
  cut: AbortSignal,
  beat = unheard,
): Promise<void> {
  const { destination, clock, wakeup, limiter, breaker, state, concurrency = 1 } = worker;
  const lasting = persistent(worker, insisting({ destination: destination.name }, clock, worker.log, cut, beat));
  const isOne = concurrency === 1;
  // With one of several, what had to wait for it may leave.
  const flight = new Flight(() => isOne || wakeup.wake());
  let isAsleep = false;
  const settleTogether = isOne
    ? lasting.store.settle
    : together(
        lasting.store.settle,
        () => flight.size > 0 || !isAsleep,
        () => clock.monotonic(),
      );
  const context: Context = {
    ...worker,
    lines: openLines(worker.log, clock.now),
    ...lasting,
    store: { ...lasting.store, settle: settleTogether },
  };
  // One signal to wait for: every AbortSignal.any() of one that lives on leaves something behind in it.
  stop.addEventListener("abort", () => wakeup.wake(), { once: true });
  let turnedAt = clock.monotonic();
  const sleep = async (ms: number, woken: AbortSignal) => {
    isAsleep = true;
    await clock.sleep(Math.min(Math.max(ms, 1), LONGEST_SLEEP_MS), woken);
    isAsleep = false;
    turnedAt = clock.monotonic();
  };
  const waitForOne = async () => {
    beat(worker.attemptMs ?? Number.POSITIVE_INFINITY);
    await flight.next();
    beat(WORK_MS);
    if (!isOne) {
      // What ends at about the same time is written down, and followed, together.
      await setImmediate();
      turnedAt = clock.monotonic();
    }
  };
  let isCut = false;
  // What says that something is withdrawn stands below the message, and is said before that changes.
  let isTurnOfPosts = false;
  while (!stop.aborted && !isCut) {
    beat(LONGEST_SLEEP_MS);
    // A destination that is down, or refuses us, is asked by one attempt at a time for all that it is owed.
    const allowed = breaker.suspended() || state.outages > 0 ? 1 : concurrency;
    if (flight.size >= allowed || flight.landed >= MOST_UNWRITTEN) {
      await waitForOne();
      continue;
    }
    if (clock.monotonic() - turnedAt > TURN_MS) {
      await setImmediate();
      turnedAt = clock.monotonic();
      continue;
    }
    const woken = wakeup.next();
    const pause = breaker.paused();
    if (pause) {
      const leftMs = (pause.until ?? Number.POSITIVE_INFINITY) - clock.now();
      if (leftMs > 0) {
        await sleep(leftMs, woken);
      } else {
        await context.breaker.resume(clock.now());
        worker.log.info({ destination: destination.name }, "A pause has ended");
      }
      continue;
    }
    if (breaker.urged()) {
      state.restsUntil = 0;
      state.isUrged = true;
    }
    // A clock that was set back must not make it rest until the time that it once showed.
    state.restsUntil = Math.min(state.restsUntil, clock.now() + LONGEST_REST_MS);
    // Its turn comes first: what is taken knows what memory knows at that moment, and is guarded with it.
    const rest = Math.max(state.restsUntil - clock.now(), limiter?.waitMs(clock.now()) ?? 0);
    if (rest > 0) {
      await sleep(rest, woken);
      continue;
    }
    // Where something is withdrawn, and something else waits, each has its turn.
    if (isTurnOfPosts) {
      isTurnOfPosts = false;
      const end = await tendPost(worker, context, true, cut);
      if (end !== undefined && typeof end !== "number") {
        isCut ||= end === "cut";
        continue;
      }
    }
    const takenAt = { wall: clock.now(), monotonic: clock.monotonic() };
    // A destination that is down, or asked one by one, leaves what waits in its groups, where it grows together.
    const ahead = destination.program && allowed > 1 ? allowed * AHEAD : 0;
    // What an operator wants to have tried now leaves all the same.
    const quietEnd = worker.quiet && !state.isUrged ? quietUntil(worker.quiet, takenAt.wall) : undefined;
    const options = {
      newFirst: state.outages > 0,
      ...(destination.program && ORDERED),
      urgentOnly: quietEnd !== undefined,
      follows: !destination.program,
    };
    const most = limiter ? 1 : allowed - flight.size;
    const taken = await context.store.take(destination.name, takenAt.wall, { ...options, most, ahead });
    if (!taken || "dueAt" in taken) {
      const end = await tendPost(worker, context, false, cut);
      if (end !== undefined && typeof end !== "number") {
        isCut ||= end === "cut";
        continue;
      }
      state.isUrged = false;
      const nextAt = Math.min(...[taken?.dueAt, quietEnd, end].map((at) => at ?? Number.POSITIVE_INFINITY));
      await sleep(nextAt - clock.now(), woken);
      continue;
    }
    isTurnOfPosts = true;
    if (clock.monotonic() - takenAt.monotonic > TURN_MS) {
      // To guard and to write what was long to read has a turn of its own.
      await setImmediate();
    }
    for (const batch of taken.batches) {
      // A probe is one batch: much at once is for a destination that takes it. Programs want everything by itself.
      const isAlone = breaker.suspended() !== undefined || destination.program !== undefined;
      const departure = isAlone ? alone(batch) : await state.backlog.gather(batch, context.store, clock.now(), options);
      flight.begin(async (land) => {
        const end = await leave(departure, worker, context, takenAt, cut, isOne ? () => {} : land);
        isCut ||= end === "cut";
        turnedAt = end === "quiet" ? turnedAt : clock.monotonic();
      });
    }
  }
  isAsleep = true;
  await flight.ended();
}

/** What one loop works with, on a disk that may be full for a while. */
type Context = SettleContext & {
  readonly store: Pick<Store, "take" | "divide" | "settle" | "owed" | "takePost" | "settlePost">;
  readonly lines: Lines;
};

/**
 * One attempt and what becomes of it. `cut`: that was no attempt, and it is owed; `quiet`: the other side heard nothing. What
 * has arrived has landed: others need not wait until that is written down.
 */
async function leave(
  departure: Departure,
  worker: DeliveryWorker,
  context: Context,
  takenAt: { readonly wall: number; readonly monotonic: number },
  cut: AbortSignal,
  land: () => void,
): Promise<"cut" | "quiet" | "heard"> {
  const { clock, state, breaker } = worker;
  const { outages } = state;
  const result = await attempt(departure.batch, worker, cut);
  if (!result) {
    return "cut";
  }
  if (result.division) {
    await writeDivision(result.division, result, clock.now(), context);
    return "quiet";
  }
  // How the destination is, when it does not take what it is told, is to be known before more is tried.
  if ((result.outcome?.kind === "done" || result.outcome?.kind === "unproven") && !breaker.suspended()) {
    land();
  }
  const tookMs = clock.monotonic() - takenAt.monotonic;
  const ageMs = takenAt.wall - departure.batch.firstAttemptAt + tookMs - heldMs(departure.batch, worker, takenAt.wall);
  await settle(departure, { ...result, outages, ageMs }, context, state);
  return result.outcome ? "heard" : "quiet";
}

/** For how long quiet hours have held a batch that is being tried: that is no age. Worked out where it may matter. */
function heldMs({ entries, firstAttemptAt }: Batch, { quiet, maxAgeMs }: DeliveryWorker, now: number): number {
  const isHeld = quiet && now - firstAttemptAt > maxAgeMs && !entries.some(({ delivery }) => goesFirst(delivery));
  return isHeld ? quietMsBetween(quiet, firstAttemptAt, now) : 0;
}

type Attempted = Omit<Attempt, "ageMs" | "outages"> & {
  /** It was looked at, and leaves in several parts. */
  readonly division?: Division;
};

async function attempt(batch: Batch, worker: DeliveryWorker, cut: AbortSignal): Promise<Attempted | undefined> {
  const { destination, sending, limiter, clock, log, observer, store } = worker;
  let beganAt: number | undefined;
  const end = (outcome: Outcome): Outcome => {
    if (beganAt === undefined) {
      return outcome;
    }
    const durationMs = Math.max(0, clock.now() - beganAt);
    observer.attempted({ destination: destination.name, outcome: outcome.kind, durationMs });
    return outcome;
  };
  // What a bug in guarding or folding leaves: all of it, as dead, for otherwise the same batch would end every restart.
  let opened: Omit<Attempted, "outcome"> = {
    leaving: batch.entries.map(({ delivery }) => ({ delivery, tlp: "unknown" })),
    refused: [],
  };
  try {
    const found = openNoted(batch, sending, clock.now());
    const { payload, leaving, kept: _, ...rest } = found;
    opened = { ...rest, leaving: leaving.map(({ delivery, guarded }) => ({ delivery, tlp: guarded.tlp })) };
    if (!payload) {
      return opened;
    }
    const { program } = destination;
    if (program && !batch.part) {
      const cutting = { program, sending, store, now: clock.now(), monotonic: clock.monotonic };
      const division = await divide(batch, found, cutting);
      if (division) {
        return { ...opened, division };
      }
    }
    const numbered = partsOf(batch, payload, destination);
    if (numbered) {
      return { ...opened, division: numbered };
    }
    const following = { destination, sending, store };
    const shown = { payload, kept: found.kept };
    const place = await placeOf(batch, shown, following, clock.now());
    limiter?.take();
    beganAt = clock.now();
    const sent = await sendTo(
      place,
      told(payload, batch, place, following),
      told(payload, batch, { kind: "new" }, following),
      destination,
      (one) => send(destination, one, cut, log),
      cut,
    );
    const followUp = followUpOf(batch, shown, sent, following, clock.now());
    return { ...opened, followUp, outcome: end(sent.outcome) };
  } catch (error) {
    if (cut.aborted) {
      return undefined;
    }
    log.error(
      { err: error, destination: destination.name, batch: batch.id, hint: REPORT_IT },
      "A batch failed by a bug",
    );
    return { ...opened, outcome: end({ kind: "message_rejected", reason: BUG }) };
  }
}

/** The other side refused the message as it is: once more as marking, title and link, which nothing can be wrong with. */
async function send(destination: Destination, payload: Payload, cut: AbortSignal, log: Log): Promise<Outcome> {
  const outcome = await destination.send(payload, cut);
  if (outcome.kind !== "message_rejected") {
    return outcome;
  }
  log.warn(
    { destination: destination.name, batch: payload.batch, reason: outcome.reason, detail: outcome.detail },
    "Message refused; sending title and link only",
  );
  const again = await destination.send({ ...payload, minimal: true }, cut);
  // A program that has got a title has not got what was in it.
  return destination.program && (again.kind === "done" || again.kind === "unproven") ? outcome : again;
}
