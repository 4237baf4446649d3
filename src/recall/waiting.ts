import type { Log } from "../base/log.ts";
import { LogLimiter } from "../base/log-limiter.ts";
import type { Unconfirmed } from "../model/memory.ts";
import type { Budget } from "./budget.ts";
import type { KeyRefused, Unanswered } from "./question.ts";

/** MISP stores when it publishes before it has published, and a copy of its database may lag: a no is asked for twice. */
const AGAIN_MS = 2_000;
const RETRY_MS = 5_000;
/** For so long a loop sleeps at most. */
export const LONGEST_SLEEP_MS = 60_000;

/** Whoever asks MISP about what waits. */
interface Asker {
  readonly instance: string;
  readonly asking?: { readonly budget: Pick<Budget, "refusal">; readonly withinMs?: number };
  readonly log: Log;
}

/** All that waits about one event, in the order in which it came. */
export interface WaitingEvent {
  readonly key: string;
  readonly rows: readonly Unconfirmed[];
  readonly hasPublication: boolean;
  /** Since when its first publication waits. */
  readonly since: number;
}

/** What waits, by the event that it is about. */
export function byEvent(rows: readonly Unconfirmed[]): readonly WaitingEvent[] {
  const events = new Map<string, Unconfirmed[]>();
  for (const row of rows) {
    events.set(row.eventKey, [...(events.get(row.eventKey) ?? []), row]);
  }
  return [...events].map(([key, all]) => {
    const publications = all.filter(({ message }) => message.kind === "event.published");
    const since = Math.min(...publications.map((row) => row.since));
    return { key, rows: all, hasPublication: publications.length > 0, since };
  });
}

/** What MISP has said so far, and when it is asked again. */
export class ConfirmState {
  readonly #worker: Asker;
  readonly #now: () => number;
  readonly #trouble: LogLimiter;
  /** By event when MISP said no first. */
  readonly #noAt = new Map<string, number>();
  #failedAt: number | undefined;
  /** Before then nobody could ask. */
  readonly #beganAt: number;

  constructor(worker: Asker, now: () => number) {
    this.#worker = worker;
    this.#now = now;
    this.#beganAt = now();
    this.#trouble = new LogLimiter(
      worker.log,
      "MISP does not confirm publications; they are told as the feed has them, or wait",
      now,
    );
  }

  /** Events that are asked about once more, but not yet. */
  get resting(): readonly string[] {
    const now = this.#now();
    return [...this.#noAt].flatMap(([key, at]) => (Math.abs(now - at) < AGAIN_MS ? [key] : []));
  }

  /** How long there is nothing to ask: until the first of these has rested. */
  get idleMs(): number {
    const now = this.#now();
    const rests = [...this.#noAt.values()].map((at) => AGAIN_MS - Math.abs(now - at));
    return Math.max(1, Math.min(LONGEST_SLEEP_MS, ...rests));
  }

  failed(now: number, answer?: KeyRefused | Unanswered): void {
    this.#failedAt = now;
    if (answer) {
      const { instance } = this.#worker;
      this.#trouble.say({ instance, reason: answer.reason, hint: answer.hint });
    }
  }

  answered(): void {
    this.#failedAt = undefined;
  }

  /** Whether MISP had said no before, long enough ago. */
  saidNo({ key }: WaitingEvent, now: number): boolean {
    const before = this.#noAt.get(key);
    if (before === undefined) {
      this.#noAt.set(key, now);
      return false;
    }
    return Math.abs(now - before) >= AGAIN_MS;
  }

  forget({ key }: WaitingEvent): void {
    this.#noAt.delete(key);
  }

  /** Whether MISP had its time: a clock that jumps takes none of it, as long as MISP answers. */
  isLate(event: WaitingEvent, now: number): boolean {
    const { asking } = this.#worker;
    if (asking?.withinMs === undefined) {
      return false;
    }
    const refusedSince = asking.budget.refusal?.since;
    if (refusedSince !== undefined && now - refusedSince >= asking.withinMs) {
      return true;
    }
    return this.#failedAt !== undefined && now - this.#since(event) >= asking.withinMs;
  }

  /** When the first of them has waited for too long. */
  deadline(open: readonly WaitingEvent[]): number {
    const within = this.#worker.asking?.withinMs ?? Number.POSITIVE_INFINITY;
    return Math.min(...open.map((event) => this.#since(event) + within));
  }

  /** What waits since before a start is asked about all the same: MISP has its time from then on. */
  #since({ since }: WaitingEvent): number {
    return Math.max(since, Math.min(this.#beganAt, this.#now()));
  }

  /** For how long MISP is left alone: it has just failed. */
  pauseMs(now: number, open: readonly WaitingEvent[]): number {
    return this.#failedAt === undefined
      ? 0
      : Math.max(0, Math.min(this.#failedAt + RETRY_MS, this.deadline(open)) - now);
  }
}
