import { absorb, type Planner } from "../absorbing/absorb.ts";
import { REPORT_IT, StoreError } from "../base/errors.ts";
import { type Heartbeat, unheard } from "../base/liveness.ts";
import { LogLimiter } from "../base/log-limiter.ts";
import type { Wakeup } from "../base/wakeup.ts";
import { NO_EFFECTS } from "../model/effects.ts";
import type { Message } from "../model/message.ts";
import { type FetchedEvent, lessonsOf } from "../planning/enrich.ts";
import { lateKey } from "../planning/plan.ts";
import { PROBE_MS } from "./budget.ts";
import { Failing } from "./failing.ts";
import {
  FEED_FIRST_MS,
  findMissed,
  type ListedEvent,
  lateMessage,
  type Missed,
  nameOf,
  type PublicationLookup,
  type Published,
} from "./missed.ts";
import { ASK_MS, ask, asksToWait, type EventLookup, type Unanswered } from "./question.ts";

/** What one reconcile loop works with. */
export interface ReconcileWorker extends PublicationLookup, EventLookup {
  /** Learns what is worth knowing before the first question, once; does nothing when that is known. */
  learn?(signal: AbortSignal): Promise<void>;
  readonly everyMs: number;
  /** After so long an event about which MISP does not answer is told as MISP lists it. */
  readonly patienceMs: number;
  /** Rings after a reconnect and after dropped frames. */
  readonly wakeup: Wakeup;
  /** Told after each round that MISP did not interrupt how many publications were told since then that the feed had not. */
  readonly done?: (late: number, since: number) => void;
}

/** What goes on from round to round. */
interface ReconcileState {
  readonly failing: Failing;
  /** Logs about which events MISP does not answer. */
  readonly trouble: LogLimiter;
  readonly stop: AbortSignal;
  readonly beat: Heartbeat;
  /** How many publications interrupted rounds have told, and where the first of them began. */
  told: number;
  since: number | undefined;
}

/** A feed that drops without end must not make us ask without end. */
const APART_MS = 10_000;
/** More late publications than this are told together. */
const SINGLE_AT_MOST = 5;

/** Finds publications that the feed did not tell, at start, when the wakeup rings, and regularly; ends when `stop` aborts. */
export async function reconcile(
  worker: ReconcileWorker,
  planner: Planner,
  stop: AbortSignal,
  beat: Heartbeat = unheard,
): Promise<void> {
  const { clock } = planner;
  const failing = new Failing(clock.now.bind(clock));
  const trouble = new LogLimiter(
    worker.log,
    "MISP does not answer about a late publication; it is asked again",
    clock.now.bind(clock),
  );
  const state: ReconcileState = { failing, trouble, stop, beat, told: 0, since: undefined };
  stop.addEventListener("abort", () => worker.wakeup.wake(), { once: true });
  // What a gap has swallowed is left to the feed at first: it is looked for once more when that time is over.
  let againAt = Number.POSITIVE_INFINITY;
  while (!stop.aborted) {
    const woken = worker.wakeup.next();
    let restMs = APART_MS;
    try {
      beat(ASK_MS);
      await worker.budget.open(planner.store);
      const wasRefused = worker.budget.refusal !== undefined;
      if (!wasRefused) {
        await worker.learn?.(stop);
      }
      restMs = Math.max(restMs, await round(worker, planner, state));
      if (wasRefused && !worker.budget.refusal) {
        await worker.learn?.(stop);
      }
      if (!stop.aborted) {
        await complete(worker, planner);
      }
    } catch (error) {
      if (stop.aborted) {
        return;
      }
      report(worker, error);
    }
    // While the key is refused it is this loop that finds out when it works again, whether or not anything waits.
    const nextMs = worker.budget.refusal ? PROBE_MS : worker.everyMs;
    const until = Math.min(clock.now() + nextMs, againAt);
    beat(worker.everyMs + restMs);
    await clock.sleep(restMs, stop);
    await clock.sleep(Math.min(Math.max(0, until - clock.now()), worker.everyMs), woken);
    if (clock.now() >= againAt) {
      againAt = Number.POSITIVE_INFINITY;
    }
    if (!woken.aborted) {
      continue;
    }
    worker.wakeup.next(); // it has been heard
    againAt = clock.now() + FEED_FIRST_MS + APART_MS;
  }
}

/** Tells what MISP published since the last round and the feed did not tell; gives for how long MISP wants to be left alone. */
async function round(worker: ReconcileWorker, planner: Planner, state: ReconcileState): Promise<number> {
  const { instance, log } = worker;
  const { store, clock } = planner;
  const { stop, beat } = state;
  const cursor = await store.cursor(instance);
  if (cursor === undefined) {
    // The first start tells nothing of the past; the cursor goes by MISP's clock.
    const now = clock.now();
    if (!(await worker.budget.turn("reconcile", stop, beat))) {
      return 0;
    }
    beat(ASK_MS);
    const answer = await worker.published(now, 1, stop);
    await worker.budget.note(answer, store);
    if (answer.kind !== "page") {
      return unsaid(worker, answer);
    }
    await absorb([], planner, undefined, { cursors: [{ instance, publishedAt: answer.servedAt ?? now }] });
    worker.done?.(0, now);
    return 0;
  }
  const missed = await findMissed(worker, planner, cursor, stop, beat);
  if (stop.aborted) {
    return 0;
  }
  if (missed.kind !== "missed") {
    return unsaid(worker, missed);
  }
  const late = missed.events.length;
  if (late > 0) {
    log.info({ instance, late }, "The feed did not tell of publications; fetching them");
  }
  state.since ??= cursor.publishedAt;
  const interruption = await tell(worker, planner, state, missed, cursor.publishedAt);
  if (stop.aborted) {
    return 0;
  }
  if (interruption) {
    const { reason, hint, left } = interruption;
    log.warn({ instance, left, reason, hint }, "MISP stopped answering; late publications are asked for again");
    return state.failing.restMs;
  }
  worker.done?.(state.told, state.since);
  state.told = 0;
  state.since = undefined;
  return 0;
}

/** Fetches and tells event by event; the cursor stays in front of what is still to be told. */
async function tell(
  worker: ReconcileWorker,
  planner: Planner,
  state: ReconcileState,
  { events, until, aheadMs }: Missed,
  cursor: number,
): Promise<(Why & { readonly left: number }) | undefined> {
  const { instance, log } = worker;
  const { clock } = planner;
  const together = events.length > SINGLE_AT_MOST;
  const pending = new Set(events.filter((one) => nameOf(one) !== undefined));
  const commit = (messages: readonly Message[]) => {
    const [oldest] = pending;
    const publishedAt = Math.max(cursor, oldest?.publishedAt ?? until);
    return absorb(messages, planner, undefined, { cursors: [{ instance, publishedAt }] });
  };
  for (const [index, one] of inOrder(events, state.failing).entries()) {
    const about = nameOf(one);
    if (about === undefined) {
      continue;
    }
    const fetched = await fetch(worker, planner, state, about);
    if (!fetched) {
      return undefined;
    }
    if (fetched.kind === "interrupted") {
      return { ...fetched.why, left: pending.size };
    }
    if (fetched.kind === "held") {
      continue;
    }
    pending.delete(one);
    const found = { instance, together, aheadMs, now: clock.now() };
    const content = fetched.kind === "told" ? fetched.content : undefined;
    for (const slice of content ? lessonsOf(instance, content, content.askedAt) : []) {
      await absorb([slice], planner, []);
    }
    const message = fetched.kind === "gone" ? undefined : lateMessage(one, content, found);
    await commit(message ? [message] : []);
    if (message) {
      state.told += 1;
    }
    if ((index + 1) % 50 === 0) {
      log.info({ instance, done: index + 1, of: events.length }, "Fetching late publications");
    }
  }
  if (pending.size === 0) {
    await commit([]);
  }
  return undefined;
}

/** What failed before comes last, so that it does not hold up what MISP can tell, and waits until it has rested. */
function inOrder(events: readonly ListedEvent[], failing: Failing): readonly ListedEvent[] {
  failing.keep(new Set(events.map(nameOf)));
  const failed = new Set<string | undefined>(failing.events);
  const resting = new Set<string | undefined>(failing.resting.events);
  return [
    ...events.filter((one) => !failed.has(nameOf(one))),
    ...events.filter((one) => failed.has(nameOf(one)) && !resting.has(nameOf(one))),
  ];
}

type Why = Pick<Unanswered, "reason" | "hint">;

/** What MISP tells of a missed publication; `content` absent: what it has listed must do. */
type Fetched =
  | { readonly kind: "told"; readonly content?: FetchedEvent & { readonly askedAt: number } }
  /** Deleted or hidden: it cannot be told. */
  | { readonly kind: "gone" }
  /** It is asked about again in the next round. */
  | { readonly kind: "held" }
  /** So is all that is left. */
  | { readonly kind: "interrupted"; readonly why: Why };

async function fetch(
  worker: ReconcileWorker,
  { clock, store }: Planner,
  { failing, trouble, stop, beat }: ReconcileState,
  about: string,
): Promise<Fetched | undefined> {
  if (!(await worker.budget.turn("reconcile", stop, beat))) {
    return undefined;
  }
  beat(ASK_MS);
  const askedAt = clock.now();
  const answer = await ask(worker, about, stop);
  if (!answer || stop.aborted) {
    return undefined;
  }
  const isKeyRefused = await worker.budget.note(answer, store, about);
  // It is about the key, not about this event: what is left must not be passed over.
  if ((isKeyRefused || worker.budget.refusal) && "reason" in answer) {
    failing.forgive(about);
    return { kind: "interrupted", why: answer };
  }
  if (answer.kind === "retry" || answer.kind === "forbidden") {
    failing.failed(about, { ...answer, kind: "retry" });
    const since = failing.since(about);
    const isPassing = answer.kind === "retry" && asksToWait(answer);
    if (!isPassing && since !== undefined && clock.now() - since > worker.patienceMs) {
      return { kind: "told" };
    }
    if (failing.restMs > 0) {
      return { kind: "interrupted", why: answer };
    }
    trouble.say({ instance: worker.instance, reason: answer.reason, hint: answer.hint });
    return { kind: "held" };
  }
  failing.answered(about);
  return answer.kind === "event" ? { kind: "told", content: { ...answer, askedAt } } : { kind: "gone" };
}

/** Gives for how long MISP wants to be left alone. */
function unsaid({ instance, log }: ReconcileWorker, answer: Exclude<Published, { readonly kind: "page" }>): number {
  const { reason, hint } = answer;
  log.warn({ instance, reason, hint }, "MISP does not say what it published");
  return answer.kind === "retry" ? (answer.afterMs ?? 0) : 0;
}

/** Trouble with the state file is no bug: what could not be stored is still in front of the cursor. */
function report({ instance, log }: ReconcileWorker, error: unknown): void {
  if (error instanceof StoreError) {
    const hint = "they are told when this succeeds: free space where the state file is";
    log.error({ err: error, instance, hint }, "Cannot store late publications");
  } else {
    log.error({ err: error, instance, hint: REPORT_IT }, "Asking MISP what it published failed by a bug");
  }
}

/** What was fetched leaves now, also when MISP has stopped answering in the middle of it. */
async function complete({ instance }: ReconcileWorker, { store, clock, rules, wakeups }: Planner): Promise<void> {
  await store.commit({ ...NO_EFFECTS, complete: [lateKey(instance)] }, clock.now());
  for (const destination of rules.destinations.keys()) {
    wakeups.destinations.get(destination)?.wake();
  }
}
