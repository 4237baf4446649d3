import { absorb, type Desk, recallBell } from "../absorbing/absorb.ts";
import { Pace } from "../base/pace.ts";
import { type Beat, unheard, WORK_MS } from "../base/pulse.ts";
import { Quiet } from "../base/quiet.ts";
import type { Refusal } from "../guard/guard.ts";
import type { Undecided } from "../model/memory.ts";
import { enrich } from "../planning/enrich.ts";
import { refuse } from "../planning/undecided.ts";
import { Failing } from "./failing.ts";
import { ASK_MS, ask, type Oracle } from "./question.ts";

/** What one recall loop works with. */
export interface RecallLane extends Oracle {
  /** How long an event is left alone after the last frame about it: MISP announces in mid-transaction. */
  readonly settleMs: number;
  readonly perMinute: number;
  /** After so long what MISP does not answer is refused. */
  readonly patienceMs: number;
}

const LONGEST_SLEEP_MS = 60_000;
/** Bounds a transaction; a feed pull leaves thousands of attributes of one event undecided. */
const CHUNK = 100;

/** Decides what the feed left open, one question per event, never faster than `perMinute`; ends when `stop` aborts. */
export async function recall(lane: RecallLane, desk: Desk, stop: AbortSignal, beat = unheard): Promise<void> {
  const { instance, log } = lane;
  const { clock, bells } = desk;
  const pace = new Pace({ per_second: lane.perMinute / 60, burst: Math.min(5, lane.perMinute) }, clock.now());
  const failing = new Failing(clock.now.bind(clock));
  const trouble = new Quiet(log, "MISP does not answer about an event; what it would decide waits", clock.now);
  const hidden = new Quiet(log, "MISP does not show an event to the API key; what is about it is refused", clock.now);
  const bell = bells.get(recallBell(instance));
  stop.addEventListener("abort", () => bell?.ring(), { once: true });
  while (!stop.aborted) {
    beat(LONGEST_SLEEP_MS);
    const rung = bell?.next() ?? stop;
    const wait = Math.max(failing.restMs, pace.waitMs(clock.now()));
    if (wait > 0) {
      await clock.sleep(Math.min(LONGEST_SLEEP_MS, wait), stop);
      continue;
    }
    const found = await next(lane, failing, desk);
    if ("idleMs" in found) {
      await clock.sleep(Math.min(LONGEST_SLEEP_MS, Math.max(1, found.idleMs)), rung);
      continue;
    }
    const { eventKey, undecided } = found;
    pace.take();
    beat(ASK_MS);
    const answer = await ask(lane, eventKey, stop);
    if (!answer) return;
    if (answer.kind === "retry") {
      const { reason, hint } = answer;
      failing.failed(eventKey, answer);
      trouble.say({ instance, reason, hint });
      await refuseLate(lane, found, failing, desk, beat);
      continue;
    }
    failing.answered(eventKey);
    if (answer.kind === "refused") {
      const { reason, hint } = answer;
      hidden.say({ instance, alerts: undecided.length, reason, hint }, reason);
      await giveUp(undecided, reason, desk);
      continue;
    }
    for (let at = 0; at < undecided.length; at += CHUNK) {
      beat(WORK_MS);
      const chunk = undecided.slice(at, at + CHUNK);
      await absorb(
        chunk.map(({ message }) => enrich(message, answer)),
        desk,
        chunk,
      );
    }
  }
}

interface Found {
  readonly eventKey: string;
  readonly undecided: readonly Undecided[];
}

/** The event to ask about, or for how long there is none. */
async function next(
  { instance, settleMs }: RecallLane,
  failing: Failing,
  { store, clock }: Desk,
): Promise<Found | { readonly idleMs: number }> {
  const now = clock.now();
  const { events, until } = failing.resting;
  // Whether MISP is down or cannot tell of these alone, others will show.
  const other = failing.isDown ? await store.undecided(instance, now - settleMs, failing.events) : undefined;
  if (other && "undecided" in other) return other;
  const found = await store.undecided(instance, now - settleMs, events);
  if (found && "undecided" in found) return found;
  return { idleMs: Math.min(until, found ? found.lastAt + settleMs : Number.POSITIVE_INFINITY) - now };
}

/**
 * Refuses what MISP has told nothing about for as long as its patience lasts: of the event that was asked about, and, while
 * MISP answers nothing at all, of those that wait for their turn. What grew old while nobody could ask, or by a clock that
 * was set forward, is given that time first.
 */
async function refuseLate(
  { instance, patienceMs }: RecallLane,
  { eventKey, undecided }: Found,
  failing: Failing,
  desk: Desk,
  beat: Beat,
): Promise<void> {
  const before = desk.clock.now() - patienceMs;
  const { silentSince } = failing;
  const late = undecided.filter(({ since }) => Math.max(since, failing.since(eventKey) ?? since) < before);
  await giveUp(late, "unknown", desk);
  if (late.length === undecided.length) failing.drop(eventKey);
  if ((silentSince ?? before) >= before) return;
  for (;;) {
    beat(WORK_MS);
    const old = await desk.store.undecided(instance, before, []);
    if (!old || "lastAt" in old) return;
    await giveUp(old.undecided, "unknown", desk);
    failing.drop(old.eventKey);
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
