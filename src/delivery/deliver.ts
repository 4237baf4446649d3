import type { Log } from "../log.ts";
import type { Batch, Delivery, Destination, Outcome, Payload, RecordLine, Settlement, Store } from "../model.ts";
import type { Bell } from "./bell.ts";
import type { Clock } from "./clock.ts";
import type { Pace } from "./pace.ts";
import { openBatch, recordOf, type Sight } from "./payload.ts";

/** What one delivery loop works with. */
export interface Lane {
  readonly destination: Destination;
  readonly sight: Sight;
  readonly pace?: Pace;
  /** How long a batch is tried, from its first attempt. */
  readonly maxAgeMs: number;
  readonly store: Store;
  readonly bell: Bell;
  readonly clock: Clock;
  readonly log: Log;
  /** Called for each line that enters the record. */
  readonly settled?: (line: RecordLine) => void;
}

const BASE_MS = 2_000;
const CAP_MS = 600_000;
/** A destination that says it is broken is probed this often. */
const PROBE_MS = 900_000;
/** No answer of the other side makes a destination rest for longer. */
const LONGEST_REST_MS = 3_600_000;
/** Bounds a sleep, so that a clock that jumps is noticed. */
const LONGEST_SLEEP_MS = 60_000;

/**
 * The slow half, one loop per destination, so that none can hold up another. It ends when `stop` aborts, after the
 * attempt in flight; `cut` ends that too, and what it was about is still owed.
 */
export async function deliver(lane: Lane, stop: AbortSignal, cut: AbortSignal): Promise<void> {
  const { destination, store, clock, bell, pace } = lane;
  const ambiguous = new Set<string>();
  let restsUntil = 0;
  // One signal to wait for: every AbortSignal.any() of one that lives on leaves something behind in it.
  stop.addEventListener("abort", () => bell.ring(), { once: true });
  while (!stop.aborted) {
    const rung = bell.next();
    // Its turn comes first: what is taken knows what memory knows at that moment, and is guarded with it.
    const rest = Math.max(restsUntil - clock.now(), pace?.waitMs(clock.now()) ?? 0);
    if (rest > 0) {
      await clock.sleep(Math.min(rest, LONGEST_SLEEP_MS), stop);
      continue;
    }
    const taken = await store.take(destination.name, clock.now());
    if (!taken || "dueAt" in taken) {
      const wait = taken ? taken.dueAt - clock.now() : LONGEST_SLEEP_MS;
      await clock.sleep(Math.min(Math.max(wait, 1), LONGEST_SLEEP_MS), rung);
      continue;
    }
    const result = await attempt(taken.batch, lane, cut);
    if (!result) return; // cut in mid-flight: that was no attempt, and it is owed
    const rested = await settle(taken.batch, result, lane, ambiguous);
    restsUntil = Math.max(restsUntil, rested);
  }
}

interface Attempt {
  /** Absent: nothing may leave. */
  readonly outcome?: Outcome;
  readonly leaving: readonly { readonly delivery: Delivery; readonly tlp: string }[];
  readonly refused: readonly RecordLine[];
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
    log.error(
      { err: error, destination: destination.name, batch: batch.id },
      "A destination failed by a bug; the batch is dead",
    );
    return { outcome: { kind: "message_rejected", reason: "bug" }, leaving: about, refused };
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

/** Writes down what became of a batch; returns until when the destination rests, 0 for not at all. */
async function settle(
  batch: Batch,
  { outcome, leaving, refused }: Attempt,
  lane: Lane,
  ambiguous: Set<string>,
): Promise<number> {
  const { clock, log, destination } = lane;
  const now = clock.now();
  const finish = async (result: { outcome: RecordLine["outcome"]; reason?: string } | undefined) => {
    const lines = result ? leaving.map(({ delivery, tlp }) => recordOf(delivery, now, { ...result, tlp })) : [];
    await commit(lane, { batch: batch.id, records: [...refused, ...lines], attempted: true }, now);
    ambiguous.delete(batch.id);
    return 0;
  };
  const again = async (afterMs: number, attempted: boolean) => {
    await commit(lane, { batch: batch.id, records: refused, retryAt: now + afterMs, attempted }, now);
  };
  if (!outcome) return finish(undefined);
  const about = { destination: destination.name, batch: batch.id, alerts: leaving.length, attempt: batch.attempts + 1 };
  const why =
    "reason" in outcome ? { ...about, reason: outcome.reason, detail: outcome.detail, hint: outcome.hint } : about;
  switch (outcome.kind) {
    case "done":
    case "unproven":
      log.info({ ...about, outcome: outcome.kind }, "Delivered");
      return finish({ outcome: outcome.kind === "done" ? "sent" : "unproven" });
    case "message_rejected":
      log.error(why, "Delivery is dead: the message was refused");
      return finish({ outcome: "dead", reason: outcome.reason });
    case "destination_rejected":
      log.error({ ...why, retryInMs: PROBE_MS }, "Destination suspended: it refuses us; what it is owed is kept");
      await again(PROBE_MS, false);
      return now + PROBE_MS;
    case "retry_after": {
      const afterMs = Math.min(Math.max(outcome.afterMs, 0), LONGEST_REST_MS);
      log.warn({ ...why, retryInMs: afterMs }, "Destination asks us to wait");
      await again(afterMs, false);
      return now + afterMs;
    }
    case "ambiguous":
      // Whether it arrived is unknown. It is sent once more under the same id; then a duplicate would be worse.
      if (ambiguous.has(batch.id)) return finish({ outcome: "unproven", reason: outcome.reason });
      ambiguous.add(batch.id);
      break;
    case "retry":
      break;
    default:
      outcome satisfies never;
  }
  if (batch.attempts > 0 && now - batch.firstAttemptAt > lane.maxAgeMs) {
    log.error(why, "Delivery is dead: tried for too long");
    return finish({ outcome: "dead", reason: outcome.reason });
  }
  const delayMs = Math.round(clock.random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(batch.attempts, 20)));
  log.warn({ ...why, retryInMs: delayMs }, "Delivery failed; it is tried again");
  await again(delayMs, true);
  return 0;
}

async function commit({ store, settled }: Lane, settlement: Settlement, now: number): Promise<void> {
  await store.settle(settlement, now);
  for (const line of settlement.records) settled?.(line);
}
