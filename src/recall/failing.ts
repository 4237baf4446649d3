import { asksToWait, TOO_LARGE, type Unanswered } from "./question.ts";

const RETRY_MS = 15_000;
/** So many different events in a row without an answer: it is not the events. */
const MANY = 3;
const REST_MS = 30_000;
/** Events that are left alone after a failed question; beyond that they are simply asked again. */
const MAX_EVENTS = 10_000;
/** After so long without a question an event has been dealt with otherwise. */
const FORGET_MS = 3_600_000;

interface Rest {
  readonly since: number;
  readonly until: number;
}

/**
 * Remembers about which events MISP does not answer, and since when it has answered nothing at all: a question may take
 * its time-out to fail, so what waits for its turn cannot wait for failures of its own. A clock that is set back makes
 * nothing wait for longer.
 */
export class Failing {
  readonly #now: () => number;
  #lookedAt: number;
  readonly #events = new Map<string, Rest>();
  /** Asked about without an answer since the last one. */
  readonly #inRow = new Set<string>();
  #silentSince: number | undefined;
  #restsUntil = Number.NEGATIVE_INFINITY;

  constructor(now: () => number) {
    this.#now = now;
    this.#lookedAt = now();
  }

  /** Before we were started MISP had answered nothing for so long. */
  resume(silentMs: number): void {
    if (silentMs > 0) {
      this.#silentSince = this.#look() - silentMs;
    }
  }

  /**
   * What has failed says nothing about the events: they have all their time again. Only of this one it is remembered, so
   * that the next question can be about another.
   */
  forgive(event: string): void {
    const now = this.#look();
    this.#events.clear();
    this.#hear();
    this.#events.set(event, { since: now, until: now });
  }

  failed(event: string, answer: Unanswered): void {
    const now = this.#look();
    const { reason, afterMs = RETRY_MS } = answer;
    if (reason === TOO_LARGE) {
      this.#hear();
    } else {
      this.#silentSince ??= now;
    }
    if (asksToWait(answer)) {
      this.#restsUntil = now + afterMs;
      return;
    }
    for (const [other, { until }] of this.#events) {
      if (now - until > FORGET_MS) {
        this.#events.delete(other);
      }
    }
    const since = this.#events.get(event)?.since;
    if (since !== undefined || this.#events.size < MAX_EVENTS) {
      this.#events.set(event, { since: since ?? now, until: now + afterMs });
    }
    if (reason === TOO_LARGE) {
      return;
    }
    this.#inRow.add(event);
    if (this.isDown) {
      this.#restsUntil = now + REST_MS;
    }
  }

  answered(event: string): void {
    this.#hear();
    this.#events.delete(event);
  }

  /** It is not asked about any more. */
  drop(event: string): void {
    this.#events.delete(event);
    if (this.#events.size === 0) {
      this.#hear();
    }
  }

  /** Forgets all others. */
  keep(events: ReadonlySet<string | undefined>): void {
    for (const event of this.events) {
      if (!events.has(event)) {
        this.drop(event);
      }
    }
  }

  /** Many events in a row had no answer: the next question is better about another one. */
  get isDown(): boolean {
    return this.#inRow.size >= MANY;
  }

  /** Since when no question at all is answered; undefined: the last one was. */
  get silentSince(): number | undefined {
    this.#look();
    return this.#silentSince;
  }

  /** Since when MISP tells nothing about this event; undefined: it has not been asked in vain. */
  since(event: string): number | undefined {
    this.#look();
    const own = this.#events.get(event)?.since;
    return own === undefined ? this.#silentSince : Math.min(own, this.#silentSince ?? own);
  }

  get events(): readonly string[] {
    return [...this.#events.keys()];
  }

  /** The events that are left alone for now, and when the first of them is to be asked about again. */
  get resting(): { readonly events: readonly string[]; readonly until: number } {
    const now = this.#look();
    const resting = [...this.#events].filter(([, { until }]) => until > now);
    return { events: resting.map(([event]) => event), until: Math.min(...resting.map(([, { until }]) => until)) };
  }

  /** How long MISP is asked nothing. */
  get restMs(): number {
    return Math.max(0, this.#restsUntil - this.#look());
  }

  #hear(): void {
    this.#inRow.clear();
    this.#silentSince = undefined;
    this.#restsUntil = Number.NEGATIVE_INFINITY;
  }

  #look(): number {
    const now = this.#now();
    const backMs = this.#lookedAt - now;
    this.#lookedAt = now;
    if (backMs <= 0) {
      return now;
    }
    for (const [event, { since, until }] of this.#events) {
      this.#events.set(event, { since: since - backMs, until: until - backMs });
    }
    this.#restsUntil -= backMs;
    if (this.#silentSince !== undefined) {
      this.#silentSince -= backMs;
    }
    return now;
  }
}
