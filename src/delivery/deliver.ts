import type { Log } from "../log.ts";
import type { Batch, Destination, Outcome, Payload } from "../model.ts";
import { alone, Backlog } from "./backlog.ts";
import type { Bell } from "./bell.ts";
import type { Pace } from "./pace.ts";
import { openBatch, type Sight } from "./payload.ts";
import { type Attempt, type Books, BUG, type Course, LONGEST_REST_MS, settle } from "./settle.ts";
import { Suspension } from "./suspension.ts";

/** What one delivery loop works with. */
export interface Lane extends Books {
  readonly destination: Destination;
  readonly sight: Sight;
  readonly pace?: Pace;
  readonly bell: Bell;
  /** An operator holds it: nothing is taken until the bell rings. */
  readonly paused?: () => boolean;
  /** True once after an operator asked to try now: a rest that the other side imposed is over. */
  readonly urged?: () => boolean;
}

/** Bounds a sleep, so that a clock that jumps is noticed. */
const LONGEST_SLEEP_MS = 60_000;

/**
 * The slow half, one loop per destination, so that none can hold up another. It ends when `stop` aborts, after the
 * attempt in flight; `cut` ends that too, and what it was about is still owed.
 */
export async function deliver(lane: Lane, stop: AbortSignal, cut: AbortSignal): Promise<void> {
  const { destination, store, clock, bell, pace } = lane;
  const course: Course = {
    restsUntil: 0,
    suspension: new Suspension(),
    backlog: new Backlog(clock.now()),
    ambiguous: new Set(),
  };
  // One signal to wait for: every AbortSignal.any() of one that lives on leaves something behind in it.
  stop.addEventListener("abort", () => bell.ring(), { once: true });
  while (!stop.aborted) {
    const rung = bell.next();
    if (lane.paused?.()) {
      await clock.sleep(LONGEST_SLEEP_MS, rung);
      continue;
    }
    if (lane.urged?.()) course.restsUntil = 0;
    // A clock that was set back must not make it rest until the time that it once showed.
    course.restsUntil = Math.min(course.restsUntil, clock.now() + LONGEST_REST_MS);
    // Its turn comes first: what is taken knows what memory knows at that moment, and is guarded with it.
    const rest = Math.max(course.restsUntil - clock.now(), pace?.waitMs(clock.now()) ?? 0);
    if (rest > 0) {
      await clock.sleep(Math.min(rest, LONGEST_SLEEP_MS), rung);
      continue;
    }
    const taken = await store.take(destination.name, clock.now());
    if (!taken || "dueAt" in taken) {
      const wait = taken ? taken.dueAt - clock.now() : LONGEST_SLEEP_MS;
      await clock.sleep(Math.min(Math.max(wait, 1), LONGEST_SLEEP_MS), rung);
      continue;
    }
    // A probe is one batch: much at once is for a destination that takes it.
    const isProbe = course.suspension.since !== undefined;
    const departure = isProbe ? alone(taken.batch) : await course.backlog.gather(taken.batch, store, clock.now());
    const result = await attempt(departure.batch, lane, cut);
    if (!result) return; // cut in mid-flight: that was no attempt, and it is owed
    await settle(departure, result, lane, course);
  }
}

async function attempt(batch: Batch, lane: Lane, cut: AbortSignal): Promise<Attempt | undefined> {
  const { destination, sight, pace, clock, log } = lane;
  const { payload, leaving, refused } = openBatch(batch, sight, clock.now());
  const about = leaving.map(({ delivery, guarded }) => ({ delivery, tlp: guarded.tlp }));
  if (!payload) return { leaving: about, refused };
  pace?.take();
  try {
    const outcome = await send(destination, payload, cut, log);
    return { outcome, leaving: about, refused };
  } catch (error) {
    if (cut.aborted) return undefined;
    log.error({ err: error, destination: destination.name, batch: batch.id }, "A destination failed by a bug");
    return { outcome: { kind: "message_rejected", reason: BUG }, leaving: about, refused };
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
