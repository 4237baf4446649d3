import { absorb, type Desk, recallBell } from "../absorb.ts";
import { Pace } from "../delivery/pace.ts";
import { REPORT_IT } from "../errors.ts";
import type { Refusal } from "../guard/guard.ts";
import type { Log } from "../log.ts";
import type { Undecided } from "../model.ts";
import { enrich, type Knowledge } from "../planning/enrich.ts";
import { refuse } from "../planning/plan.ts";
import { unheard, WORK_MS } from "../pulse.ts";
import { Quiet } from "../quiet.ts";

/** What MISP says about an event: all of it, that the key may not see it, or nothing now. */
export type Answer =
  | ({ readonly kind: "event" } & Knowledge)
  | {
      readonly kind: "refused";
      readonly reason: Extract<Refusal, "event-not-found" | "event-forbidden">;
      readonly hint?: string;
    }
  | { readonly kind: "retry"; readonly reason: string; readonly hint?: string; readonly afterMs?: number };

/** What one recall loop works with. */
export interface RecallLane {
  readonly instance: string;
  /** Asks MISP's REST API about the event with this id or UUID; rejects only when `signal` aborts, or by a bug. */
  ask(event: string, signal: AbortSignal): Promise<Answer>;
  /** How long an event is left alone after the last frame about it: MISP announces in mid-transaction. */
  readonly settleMs: number;
  readonly perMinute: number;
  /** After so long what MISP does not answer is refused. */
  readonly patienceMs: number;
  readonly log: Log;
}

const RETRY_MS = 15_000;
const LONGEST_SLEEP_MS = 60_000;
/** A question, with its time-out and its place behind others. */
export const ASK_MS = 300_000;
/** Bounds a transaction; a feed pull leaves thousands of attributes of one event undecided. */
const CHUNK = 100;
/** Events that are left alone after a failed question; beyond that they are simply asked again. */
const MAX_FAILING = 10_000;
/** After so long without a question an event has been decided otherwise. */
const FORGET_MS = 3_600_000;

/** An event about which MISP did not answer. */
interface Failing {
  /** When it first did not. */
  readonly since: number;
  restsUntil: number;
}

/** Decides what the feed left open, one question per event, never faster than `perMinute`; ends when `stop` aborts. */
export async function recall(lane: RecallLane, desk: Desk, stop: AbortSignal, beat = unheard): Promise<void> {
  const { instance, settleMs, log } = lane;
  const { store, clock, bells } = desk;
  const pace = new Pace({ per_second: lane.perMinute / 60, burst: Math.min(5, lane.perMinute) }, clock.now());
  const failing = new Map<string, Failing>();
  let lookedAt = clock.now();
  const trouble = new Quiet(log, "MISP does not answer about an event; what it would decide waits", clock.now);
  const hidden = new Quiet(log, "MISP does not show an event to the API key; what is about it is refused", clock.now);
  const bell = bells.get(recallBell(instance));
  stop.addEventListener("abort", () => bell?.ring(), { once: true });
  while (!stop.aborted) {
    beat(LONGEST_SLEEP_MS);
    const now = clock.now();
    // A clock that was set back must not let anything rest until the time that it once showed.
    if (now < lookedAt) for (const one of failing.values()) one.restsUntil -= lookedAt - now;
    lookedAt = now;
    const resting = [...failing].filter(([, { restsUntil }]) => restsUntil > now);
    const rung = bell?.next() ?? stop;
    const found = await store.undecided(
      instance,
      now - settleMs,
      resting.map(([event]) => event),
    );
    if (!found || "lastAt" in found) {
      const until = [...resting.map(([, { restsUntil }]) => restsUntil), ...(found ? [found.lastAt + settleMs] : [])];
      await clock.sleep(Math.min(LONGEST_SLEEP_MS, Math.max(1, Math.min(...until) - now)), rung);
      continue;
    }
    const wait = pace.waitMs(now);
    if (wait > 0) {
      await clock.sleep(wait, stop);
      continue;
    }
    pace.take();
    beat(ASK_MS);
    const answer = await ask(lane, found.eventKey, stop);
    if (!answer) return;
    if (answer.kind === "retry") {
      // What grew old while nobody could ask, or by a clock that was set forward, has not been refused an answer yet.
      const since = failing.get(found.eventKey)?.since ?? now;
      const late = found.undecided.filter((one) => now - Math.max(one.since, since) > lane.patienceMs);
      await giveUp(late, "unknown", desk);
      trouble.say({ instance, reason: answer.reason, hint: answer.hint });
      for (const [event, { restsUntil }] of failing) if (now - restsUntil > FORGET_MS) failing.delete(event);
      if (late.length === found.undecided.length) failing.delete(found.eventKey);
      else if (failing.size < MAX_FAILING || failing.has(found.eventKey))
        failing.set(found.eventKey, { since, restsUntil: clock.now() + (answer.afterMs ?? RETRY_MS) });
      continue;
    }
    failing.delete(found.eventKey);
    if (answer.kind === "refused") {
      const { reason, hint } = answer;
      hidden.say({ instance, alerts: found.undecided.length, reason, hint }, reason);
      await giveUp(found.undecided, answer.reason, desk);
      continue;
    }
    for (let at = 0; at < found.undecided.length; at += CHUNK) {
      beat(WORK_MS);
      const chunk = found.undecided.slice(at, at + CHUNK);
      await absorb(
        chunk.map(({ message }) => enrich(message, answer)),
        desk,
        chunk,
      );
    }
  }
}

/** Undefined: we stop. A bug must not end the service, nor be asked again at once. */
async function ask(lane: RecallLane, event: string, stop: AbortSignal): Promise<Answer | undefined> {
  try {
    return await lane.ask(event, stop);
  } catch (error) {
    if (stop.aborted) return undefined;
    lane.log.error({ err: error, instance: lane.instance, hint: REPORT_IT }, "Asking MISP failed by a bug");
    return { kind: "retry", reason: "bug" };
  }
}

async function giveUp(
  undecided: readonly Undecided[],
  reason: Refusal,
  { store, clock, planned }: Desk,
): Promise<void> {
  for (let at = 0; at < undecided.length; at += CHUNK) {
    const now = clock.now();
    const effects = refuse(undecided.slice(at, at + CHUNK), reason, now);
    await store.commit(effects, now);
    planned?.({ effects, traces: [] }, true);
  }
}
