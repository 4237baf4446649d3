import type { Bell } from "../base/bell.ts";
import { REPORT_IT } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Pace } from "../base/pace.ts";
import { unheard, WORK_MS } from "../base/pulse.ts";
import type { Batch, Store } from "../model/outbox.ts";
import type { Destination, Outcome, Payload } from "../model/payload.ts";
import { alone } from "./backlog.ts";
import { openBatch, type Sight } from "./payload.ts";
import { insisting, persistent } from "./persist.ts";
import {
  type Attempt,
  type Books,
  BUG,
  type Course,
  type Lines,
  LONGEST_REST_MS,
  openLines,
  settle,
} from "./settle.ts";

/** What one delivery loop works with. */
export interface Lane extends Books {
  readonly store: Store;
  readonly destination: Destination;
  readonly sight: Sight;
  readonly pace?: Pace;
  readonly bell: Bell;
  /** It goes on with a lane that takes the place of this one. */
  readonly course: Course;
  /** Called after each attempt, but for those that were cut. */
  readonly attempted?: (tried: Tried) => void;
  /** How long an attempt may last by the time-outs of its channel; absent: as long as it likes. */
  readonly attemptMs?: number;
}

/** What an attempt that failed can lead to. */
export const FAILURES = ["retry", "retry_after", "ambiguous", "message_rejected", "destination_rejected"] as const;

/** One attempt at the other side, in numbers. */
export interface Tried {
  readonly destination: string;
  readonly outcome: Outcome["kind"];
  readonly durationMs: number;
}

/** Bounds a sleep, so that a clock that jumps is noticed. */
const LONGEST_SLEEP_MS = 60_000;

/**
 * The slow half, one loop per destination, so that none can hold up another. It ends when `stop` aborts, after the
 * attempt in flight; `cut` ends that too, and what it was about is still owed.
 */
export async function deliver(lane: Lane, stop: AbortSignal, cut: AbortSignal, beat = unheard): Promise<void> {
  const { destination, clock, bell, pace, gate, course } = lane;
  const books: Books & { readonly store: Pick<Store, "take">; readonly lines: Lines } = {
    ...lane,
    lines: openLines(lane.log, clock.now),
    ...persistent(lane, insisting({ destination: destination.name }, clock, lane.log, cut, beat)),
  };
  // One signal to wait for: every AbortSignal.any() of one that lives on leaves something behind in it.
  stop.addEventListener("abort", () => bell.ring(), { once: true });
  while (!stop.aborted) {
    beat(LONGEST_SLEEP_MS);
    const rung = bell.next();
    if (gate.paused()) {
      await clock.sleep(LONGEST_SLEEP_MS, rung);
      continue;
    }
    if (gate.urged()) course.restsUntil = 0;
    // A clock that was set back must not make it rest until the time that it once showed.
    course.restsUntil = Math.min(course.restsUntil, clock.now() + LONGEST_REST_MS);
    // Its turn comes first: what is taken knows what memory knows at that moment, and is guarded with it.
    const rest = Math.max(course.restsUntil - clock.now(), pace?.waitMs(clock.now()) ?? 0);
    if (rest > 0) {
      await clock.sleep(Math.min(rest, LONGEST_SLEEP_MS), rung);
      continue;
    }
    const taken = await books.store.take(destination.name, clock.now());
    if (!taken || "dueAt" in taken) {
      const wait = taken ? taken.dueAt - clock.now() : LONGEST_SLEEP_MS;
      await clock.sleep(Math.min(Math.max(wait, 1), LONGEST_SLEEP_MS), rung);
      continue;
    }
    // A probe is one batch: much at once is for a destination that takes it.
    const isProbe = gate.suspended() !== undefined;
    const departure = isProbe ? alone(taken.batch) : await course.backlog.gather(taken.batch, books.store, clock.now());
    beat(lane.attemptMs ?? Number.POSITIVE_INFINITY);
    const result = await attempt(departure.batch, lane, cut);
    if (!result) return; // cut in mid-flight: that was no attempt, and it is owed
    beat(WORK_MS);
    await settle(departure, result, books, course);
  }
}

async function attempt(batch: Batch, lane: Lane, cut: AbortSignal): Promise<Attempt | undefined> {
  const { destination, sight, pace, clock, log, attempted } = lane;
  let beganAt: number | undefined;
  const end = (outcome: Outcome): Outcome => {
    if (beganAt === undefined) return outcome;
    const durationMs = Math.max(0, clock.now() - beganAt);
    attempted?.({ destination: destination.name, outcome: outcome.kind, durationMs });
    return outcome;
  };
  // What a bug in guarding or folding leaves: all of it, as dead, for otherwise the same batch would end every restart.
  let opened: Pick<Attempt, "leaving" | "refused"> = {
    leaving: batch.entries.map(({ delivery }) => ({ delivery, tlp: "unknown" })),
    refused: [],
  };
  try {
    const { payload, leaving, refused } = openBatch(batch, sight, clock.now());
    opened = { leaving: leaving.map(({ delivery, guarded }) => ({ delivery, tlp: guarded.tlp })), refused };
    if (!payload) return opened;
    pace?.take();
    beganAt = clock.now();
    return { ...opened, outcome: end(await send(destination, payload, cut, log)) };
  } catch (error) {
    if (cut.aborted) return undefined;
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
  if (outcome.kind !== "message_rejected") return outcome;
  log.warn(
    { destination: destination.name, batch: payload.batch, reason: outcome.reason, detail: outcome.detail },
    "Message refused; sending title and link only",
  );
  return destination.send({ ...payload, minimal: true }, cut);
}
