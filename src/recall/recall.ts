import { absorb, type Desk, recallBell } from "../absorb.ts";
import { Pace } from "../delivery/pace.ts";
import { REPORT_IT } from "../errors.ts";
import type { Refusal } from "../guard/guard.ts";
import type { Log } from "../log.ts";
import type { Undecided } from "../model.ts";
import { enrich, type Knowledge } from "../planning/enrich.ts";
import { refuse } from "../planning/plan.ts";
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
/** Bounds a transaction; a feed pull leaves thousands of attributes of one event undecided. */
const CHUNK = 100;
/** Events that are left alone after a failed question; beyond that they are simply asked again. */
const MAX_RESTING = 10_000;

/** Decides what the feed left open, one question per event, never faster than `perMinute`; ends when `stop` aborts. */
export async function recall(lane: RecallLane, desk: Desk, stop: AbortSignal): Promise<void> {
  const { instance, settleMs, log } = lane;
  const { store, clock, bells } = desk;
  const pace = new Pace({ per_second: lane.perMinute / 60, burst: Math.min(5, lane.perMinute) }, clock.now());
  const resting = new Map<string, number>();
  const trouble = new Quiet(log, "MISP does not answer about an event; what it would decide waits", clock.now);
  const hidden = new Quiet(log, "MISP does not show an event to the API key; what is about it is refused", clock.now);
  const bell = bells.get(recallBell(instance));
  stop.addEventListener("abort", () => bell?.ring(), { once: true });
  while (!stop.aborted) {
    const now = clock.now();
    for (const [event, until] of resting) if (until <= now) resting.delete(event);
    const rung = bell?.next() ?? stop;
    const found = await store.undecided(instance, now - settleMs, [...resting.keys()]);
    if (!found || "lastAt" in found) {
      const until = [...resting.values(), ...(found ? [found.lastAt + settleMs] : [])];
      await clock.sleep(Math.min(LONGEST_SLEEP_MS, Math.max(1, Math.min(...until) - now)), rung);
      continue;
    }
    const wait = pace.waitMs(now);
    if (wait > 0) {
      await clock.sleep(wait, stop);
      continue;
    }
    pace.take();
    const answer = await ask(lane, found.eventKey, stop);
    if (!answer) return;
    if (answer.kind === "retry") {
      const late = found.undecided.filter(({ since }) => now - since > lane.patienceMs);
      await giveUp(late, "unknown", desk);
      trouble.say({ instance, reason: answer.reason, hint: answer.hint });
      if (resting.size < MAX_RESTING) resting.set(found.eventKey, clock.now() + (answer.afterMs ?? RETRY_MS));
      continue;
    }
    if (answer.kind === "refused") {
      const { reason, hint } = answer;
      hidden.say({ instance, alerts: found.undecided.length, reason, hint }, reason);
      await giveUp(found.undecided, answer.reason, desk);
      continue;
    }
    for (let at = 0; at < found.undecided.length; at += CHUNK) {
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

async function giveUp(undecided: readonly Undecided[], reason: Refusal, { store, clock }: Desk): Promise<void> {
  for (let at = 0; at < undecided.length; at += CHUNK) {
    const now = clock.now();
    await store.commit(refuse(undecided.slice(at, at + CHUNK), reason, now), now);
  }
}
