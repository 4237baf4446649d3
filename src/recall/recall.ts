import { absorb, type Planner } from "../absorbing/absorb.ts";
import { type Heartbeat, unheard, WORK_MS } from "../base/liveness.ts";
import { LogLimiter } from "../base/log-limiter.ts";
import type { Refusal } from "../guard/guard.ts";
import { tellsTakingBack } from "../guard/withdrawn.ts";
import type { Undecided } from "../model/memory.ts";
import { enrich, lessonsOf, withSighter } from "../planning/enrich.ts";
import { keysOf } from "../planning/plan.ts";
import { refuse, threadIn } from "../planning/undecided.ts";
import { Failing } from "./failing.ts";
import { ASK_MS, ask, type EventAnswer } from "./question.ts";
import { askSighters, type SighterLookup } from "./sighters.ts";
import { askAboutThread, type ThreadAnswer, type ThreadLookup, type ToldThread, withThread } from "./threads.ts";

/** What one recall loop works with. */
export interface RecallWorker extends ThreadLookup, SighterLookup {
  /** How long an event is left alone after the last frame about it: MISP announces in mid-transaction. */
  readonly settleMs: number;
  /** After so long what MISP does not answer is refused. */
  readonly patienceMs: number;
}

const LONGEST_SLEEP_MS = 60_000;
/** Bounds a transaction; a feed pull leaves thousands of attributes of one event undecided. */
const CHUNK = 100;
/** While the key is refused nothing ages, but not for ever. */
const LONGEST_REFUSAL_MS = 86_400_000;

/** Decides what the feed left open, one question per event, as the budget permits; ends when `stop` aborts. */
export async function recall(worker: RecallWorker, planner: Planner, stop: AbortSignal, beat = unheard): Promise<void> {
  const { instance, log, budget } = worker;
  const { clock, wakeups, store } = planner;
  const failing = new Failing(clock.now.bind(clock));
  const trouble = new LogLimiter(log, "MISP does not answer about an event; what it would decide waits", clock.now);
  const hidden = new LogLimiter(
    log,
    "MISP does not show an event to the API key; what is about it is refused",
    clock.now,
  );
  const wakeup = wakeups.instances.get(instance)?.recall;
  stop.addEventListener("abort", () => wakeup?.wake(), { once: true });
  await budget.open(store);
  failing.resume(budget.silentMs);
  while (!stop.aborted) {
    beat(LONGEST_SLEEP_MS);
    const woken = wakeup?.next() ?? stop;
    if (failing.restMs > 0) {
      await clock.sleep(Math.min(LONGEST_SLEEP_MS, failing.restMs), stop);
      continue;
    }
    const soon = await next(worker, failing, planner);
    if ("idleMs" in soon) {
      await clock.sleep(Math.min(LONGEST_SLEEP_MS, Math.max(1, soon.idleMs)), woken);
      continue;
    }
    if (await withdraw(soon, planner, beat)) {
      continue;
    }
    if (!(await budget.turn("recall", stop, beat))) {
      return;
    }
    // While it waited for its turn, more may have come, or a publication may have told all of it.
    const found = await next(worker, failing, planner);
    if ("idleMs" in found) {
      budget.giveBack();
      continue;
    }
    const { eventKey, undecided } = found;
    beat(ASK_MS);
    const askedAt = clock.now();
    const answer = await askAbout(worker, found, planner, stop, beat);
    if (!answer) {
      return;
    }
    if (await budget.note(answer, store, eventKey)) {
      failing.forgive(eventKey);
      await refuseForgotten(worker, planner, beat);
      continue;
    }
    if (answer.kind === "retry" || answer.kind === "forbidden") {
      const { reason, hint } = answer;
      trouble.say({ instance, reason, hint });
      // As long as MISP has not accepted the key again, no failure says anything of an event.
      if (budget.refusal) {
        failing.forgive(eventKey);
        await refuseForgotten(worker, planner, beat);
        continue;
      }
      failing.failed(eventKey, { ...answer, kind: "retry" });
      await budget.silent(clock.now() - (failing.silentSince ?? clock.now()), store);
      await refuseLate(worker, found, failing, planner, beat);
      continue;
    }
    failing.answered(eventKey);
    if (answer.kind === "refused") {
      const { reason, hint } = answer;
      hidden.say({ instance, alerts: undecided.length, reason, hint }, reason);
      await giveUp(undecided, reason, planner);
      continue;
    }
    beat(WORK_MS);
    const lesson = answer.kind === "thread" ? answer.fetched : answer;
    for (const slice of lesson ? lessonsOf(instance, lesson, askedAt) : []) {
      beat(WORK_MS);
      await absorb([slice], planner, []);
    }
    const eventId = answer.kind === "event" ? answer.event.id : undefined;
    const sighters = await askSighters(worker, undecided, eventId, store, stop, beat);
    if (stop.aborted) {
      return;
    }
    for (let at = 0; at < undecided.length; at += CHUNK) {
      beat(WORK_MS);
      const chunk = undecided.slice(at, at + CHUNK);
      await absorb(
        chunk.map(({ message }) =>
          answer.kind === "thread"
            ? withThread(message, answer)
            : withSighter(enrich(message, answer, askedAt), sighters),
        ),
        planner,
        chunk,
      );
    }
  }
}

interface Found {
  readonly eventKey: string;
  readonly undecided: readonly Undecided[];
}

/** One question, and another one where a discussion is about an event that nobody knows. Undefined: we stop. */
async function askAbout(
  worker: RecallWorker,
  { eventKey, undecided }: Found,
  planner: Planner,
  stop: AbortSignal,
  beat: Heartbeat,
): Promise<EventAnswer | ToldThread | Exclude<ThreadAnswer, { readonly kind: "thread" }> | undefined> {
  const thread = threadIn(eventKey);
  if (thread !== undefined) {
    return askAboutThread(worker, thread, planner, stop, beat);
  }
  // A deleted part is not among the others.
  const withDeleted = undecided.some(({ message }) => message.kind?.endsWith(".deleted"));
  return ask(worker, eventKey, stop, withDeleted);
}

/** Ends what waits about an event that MISP took back since: it is not asked about that. */
async function withdraw({ undecided }: Found, planner: Planner, beat: Heartbeat): Promise<boolean> {
  const [first] = undecided;
  const { events = [] } = first ? await planner.store.load(keysOf([first.message])) : {};
  const counts = new Map(events.map(({ key, withdrawals = 0 }) => [key, withdrawals]));
  const taken = undecided.filter(
    ({ eventKey, withdrawals = 0, message }) =>
      (counts.get(eventKey) ?? 0) > withdrawals && !(message.subject.type === "event" && tellsTakingBack(message.kind)),
  );
  for (let at = 0; at < taken.length; at += CHUNK) {
    beat(WORK_MS);
    const chunk = taken.slice(at, at + CHUNK);
    await absorb(
      chunk.map(({ message }) => message),
      planner,
      chunk,
    );
  }
  return taken.length > 0;
}

/** The event to ask about, or for how long there is none. */
async function next(
  { instance, settleMs, budget }: RecallWorker,
  failing: Failing,
  { store, clock }: Planner,
): Promise<Found | { readonly idleMs: number }> {
  const now = clock.now();
  const { events, until } = failing.resting;
  // Whether MISP is down, refuses the key, or cannot tell of these alone, others will show.
  const isElsewhere = failing.isDown || budget.refusal !== undefined;
  const other = isElsewhere ? await store.undecided(instance, now - settleMs, failing.events) : undefined;
  if (other && "undecided" in other) {
    return other;
  }
  const found = await store.undecided(instance, now - settleMs, events);
  if (found && "undecided" in found) {
    return found;
  }
  return { idleMs: Math.min(until, found ? found.lastAt + settleMs : Number.POSITIVE_INFINITY) - now };
}

/**
 * Refuses what MISP has told nothing about for as long as its patience lasts: of the event that was asked about, and, while
 * MISP answers nothing at all, of those that wait for their turn. What grew old while MISP could not be asked, or by a clock that
 * was set forward, is given that time first.
 */
async function refuseLate(
  { instance, patienceMs }: RecallWorker,
  { eventKey, undecided }: Found,
  failing: Failing,
  planner: Planner,
  beat: Heartbeat,
): Promise<void> {
  const before = planner.clock.now() - patienceMs;
  const { silentSince } = failing;
  const late = undecided.filter(({ since }) => Math.max(since, failing.since(eventKey) ?? since) < before);
  await giveUp(late, "unknown", planner);
  if (late.length === undecided.length) {
    failing.drop(eventKey);
  }
  if ((silentSince ?? before) >= before) {
    return;
  }
  for (const eventKey of await refuseOld(instance, before, planner, beat)) {
    failing.drop(eventKey);
  }
}

/** Nothing ages while the key is refused, but a day is the longest that it waits for one. */
async function refuseForgotten({ instance, budget }: RecallWorker, planner: Planner, beat: Heartbeat): Promise<void> {
  if (budget.refusedMs >= LONGEST_REFUSAL_MS) {
    await refuseOld(instance, planner.clock.now() - LONGEST_REFUSAL_MS, planner, beat);
  }
}

/** Refuses all about the events of which nothing has come since then; gives their keys. */
async function refuseOld(
  instance: string,
  before: number,
  planner: Planner,
  beat: Heartbeat,
): Promise<readonly string[]> {
  const keys: string[] = [];
  for (;;) {
    beat(WORK_MS);
    const old = await planner.store.undecided(instance, before, []);
    if (!old || "lastAt" in old) {
      return keys;
    }
    await giveUp(old.undecided, "unknown", planner);
    keys.push(old.eventKey);
  }
}

async function giveUp(
  undecided: readonly Undecided[],
  reason: Refusal,
  { store, clock, observer }: Planner,
): Promise<void> {
  for (let at = 0; at < undecided.length; at += CHUNK) {
    const now = clock.now();
    const effects = refuse(undecided.slice(at, at + CHUNK), reason, now);
    await store.commit(effects, now);
    observer.planned({ effects, traces: [] }, true);
  }
}
