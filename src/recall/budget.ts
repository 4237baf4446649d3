import type { PlanningStore } from "../absorbing/planning-store.ts";
import type { Clock } from "../base/clock.ts";
import { type Heartbeat, unheard } from "../base/liveness.ts";
import type { Log } from "../base/log.ts";
import { RateLimiter } from "../base/rate-limiter.ts";
import { NO_EFFECTS } from "../model/effects.ts";
import type { AskingState } from "../model/memory.ts";
import { asksToWait, type KeyRefused, type Unanswered } from "./question.ts";

/** Who asks MISP: a person, the loop that confirms publications, and the two that find out the rest. */
export type Asking = "command" | "confirm" | "recall" | "reconcile";

/** What budgets are opened with. */
export interface BudgetOptions {
  readonly instance: string;
  readonly perMinute: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when MISP refuses the key, once for as long as it does. */
  readonly refused?: (refusal: KeyRefusal) => void;
}

/** MISP refuses the key. */
export interface KeyRefusal {
  readonly since: number;
  readonly reason: string;
  readonly hint?: string;
}

/** Who may wait for so long behind others that came later. */
const PATIENT_MS: Readonly<Record<Asking, number>> = { command: 0, confirm: 0, recall: 10_000, reconcile: 20_000 };
/** What is spent at once. */
const BURST = 5;
/** While the key is refused it is tried so often. */
export const PROBE_MS = 60_000;
const LONGEST_SLEEP_MS = 60_000;
/** More of a span than this is not counted: the clock was set, or the machine slept. */
const LONGEST_SPAN_MS = 2 * PROBE_MS;
/** Beyond so many events it is forgotten which of them were refused alone. */
const MAX_EVENTS = 1_000;

interface Waiter {
  /** Who waits for longer than it may comes first. */
  readonly deadline: number;
}

/**
 * What one MISP may be asked: the questions of a minute serve all who ask, by precedence, and while
 * MISP refuses the key, or wants to be left alone, they wait. That the key is refused is remembered by the store.
 */
export class Budget {
  readonly #options: BudgetOptions;
  readonly #limiter: RateLimiter;
  readonly #burst: number;
  readonly #waiting = new Set<Waiter>();
  /** By event how often the key had been accepted when it was refused for this one. */
  readonly #refusedFor = new Map<string, number>();
  #accepted = 0;
  #state: AskingState | undefined;
  #hint: string | undefined;
  #hasSaid = false;
  #notedAt: number;
  #probeMs = 0;
  #probeFrom = 0;
  #restMs = 0;
  #restFrom = 0;
  #reopened = new AbortController();

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#burst = Math.min(BURST, options.perMinute);
    const now = options.clock.now();
    this.#limiter = new RateLimiter({ per_second: options.perMinute / 60, burst: this.#burst }, now);
    this.#notedAt = now;
  }

  /** Since when and why MISP refuses the key; undefined: it accepts it, as far as is known. */
  get refusal(): KeyRefusal | undefined {
    const refused = this.#state?.refused;
    return refused && { ...refused, ...(this.#hint !== undefined && { hint: this.#hint }) };
  }

  /** For how long the key has been refused without an end, while somebody asked. */
  get refusedMs(): number {
    return this.#state?.refusedMs ?? 0;
  }

  /** For how long MISP had answered nothing when that was noted last. */
  get silentMs(): number {
    return this.#state?.silentMs ?? 0;
  }

  /** Learns what the store remembers; before that nothing is known of the key. */
  async open(store: PlanningStore): Promise<void> {
    const { instance } = this.#options;
    this.#state ??= (await store.asking(instance)) ?? { instance, refusedMs: 0, silentMs: 0 };
  }

  /** Resolves when one question may be asked, which then must be answered with `note`; false: `stop` aborted. */
  async turn(who: Asking, stop: AbortSignal, beat: Heartbeat = unheard): Promise<boolean> {
    const { clock } = this.#options;
    const waiter: Waiter = { deadline: clock.now() + PATIENT_MS[who] };
    this.#waiting.add(waiter);
    try {
      while (!stop.aborted) {
        const now = clock.now();
        const waitMs = Math.max(this.#heldMs(now), this.#limiter.waitMs(now, this.#needed(waiter, now)));
        if (waitMs <= 0) {
          this.#limiter.take();
          this.#hold(now);
          return true;
        }
        beat(LONGEST_SLEEP_MS);
        await clock.sleep(Math.min(LONGEST_SLEEP_MS, waitMs), AbortSignal.any([stop, this.#reopened.signal]));
      }
      return false;
    } finally {
      this.#waiting.delete(waiter);
    }
  }

  /** There was nothing to ask after all. */
  giveBack(): void {
    this.#limiter.giveBack();
    this.#probeMs = 0;
  }

  /**
   * What came of a question: whether the key is accepted, and how long MISP wants to be left alone. Gives whether it is the
   * key that is refused; not so where it has been accepted for others since it was refused for the same event.
   */
  async note(
    answer: { readonly kind: string } | KeyRefused | Unanswered,
    store: PlanningStore,
    event?: string,
  ): Promise<boolean> {
    await this.open(store);
    if (isRefusal(answer)) {
      const before = event === undefined ? undefined : this.#refusedFor.get(event);
      if (before !== undefined && before < this.#accepted) {
        return false;
      }
      this.#remember(event);
      await this.#refuse(answer, store);
      return true;
    }
    if (isUnanswered(answer)) {
      await this.#fail(answer, store);
    } else {
      await this.#accept(store, event);
    }
    return false;
  }

  /** MISP has answered nothing for so long: what waits has aged by it, also when we are started anew. */
  async silent(silentMs: number, store: PlanningStore): Promise<void> {
    const state = this.#state;
    if (state && silentMs > state.silentMs) {
      await this.#store({ ...state, silentMs }, store);
    }
  }

  /** A few questions are left to those who cannot wait. */
  #needed(waiter: Waiter, now: number): number {
    const ahead = [...this.#waiting].filter(
      (other) => other !== waiter && isBefore(other, waiter, this.#waiting),
    ).length;
    const spare = this.#burst > 2 && waiter.deadline > now ? 1 : 0;
    return Math.min(this.#burst, 1 + ahead + spare);
  }

  #heldMs(now: number): number {
    const rest = this.#restMs - Math.max(0, now - this.#restFrom);
    const probe = this.#state?.refused ? this.#probeMs - Math.max(0, now - this.#probeFrom) : 0;
    return Math.max(0, rest, probe);
  }

  #hold(now: number): void {
    if (this.#state?.refused) {
      this.#probeMs = PROBE_MS;
      this.#probeFrom = now;
    }
  }

  async #refuse({ reason, hint }: KeyRefused, store: PlanningStore): Promise<void> {
    const { clock, log, instance, refused: tell } = this.#options;
    const now = clock.now();
    const state = this.#stateOr(instance);
    const refused = state.refused ?? { since: now, reason };
    await this.#store({ instance, refused, refusedMs: this.#refusedUntil(now, state), silentMs: 0 }, store);
    this.#hint = hint;
    this.#hold(now);
    if (this.#hasSaid) {
      return;
    }
    this.#hasSaid = true;
    log.error({ instance, reason, hint }, "MISP refuses the API key; what it would decide waits");
    tell?.({ ...refused, ...(hint !== undefined && { hint }) });
  }

  async #fail(answer: Unanswered, store: PlanningStore): Promise<void> {
    const { clock } = this.#options;
    const now = clock.now();
    if (asksToWait(answer)) {
      this.#restMs = answer.afterMs ?? 0;
      this.#restFrom = now;
    }
    const state = this.#state;
    if (state?.refused) {
      await this.#store({ ...state, refusedMs: this.#refusedUntil(now, state) }, store);
    }
  }

  async #accept(store: PlanningStore, event: string | undefined): Promise<void> {
    const { log, instance } = this.#options;
    const state = this.#stateOr(instance);
    this.#accepted += 1;
    this.#restMs = 0;
    if (event !== undefined) {
      this.#refusedFor.delete(event);
    }
    if (!state.refused && state.refusedMs === 0 && state.silentMs === 0) {
      return;
    }
    await this.#store({ instance, refusedMs: 0, silentMs: 0 }, store);
    if (state.refused) {
      this.#hasSaid = false;
      this.#hint = undefined;
      log.info({ instance }, "MISP accepts the API key again");
    }
    this.#reopened.abort();
    this.#reopened = new AbortController();
  }

  /** A key that has been refused for as long as this waits; a clock that is set, or a machine that sleeps, adds little. */
  #refusedUntil(now: number, { refused, refusedMs }: AskingState): number {
    const span = Math.min(Math.max(0, now - this.#notedAt), LONGEST_SPAN_MS);
    return refused ? refusedMs + span : refusedMs;
  }

  async #store(state: AskingState, store: PlanningStore): Promise<void> {
    const now = this.#options.clock.now();
    await store.commit({ ...NO_EFFECTS, asking: [state] }, now);
    this.#state = state;
    this.#notedAt = now;
  }

  #stateOr(instance: string): AskingState {
    return this.#state ?? { instance, refusedMs: 0, silentMs: 0 };
  }

  #remember(event: string | undefined): void {
    if (event === undefined) {
      return;
    }
    if (this.#refusedFor.size >= MAX_EVENTS) {
      this.#refusedFor.clear();
    }
    this.#refusedFor.set(event, this.#accepted);
  }
}

/** Of equals the one that came first, which a set keeps in order. */
function isBefore(one: Waiter, other: Waiter, all: ReadonlySet<Waiter>): boolean {
  if (one.deadline !== other.deadline) {
    return one.deadline < other.deadline;
  }
  const order = [...all];
  return order.indexOf(one) < order.indexOf(other);
}

function isRefusal(answer: { readonly kind: string }): answer is KeyRefused {
  return answer.kind === "forbidden";
}

function isUnanswered(answer: { readonly kind: string }): answer is Unanswered {
  return answer.kind === "retry";
}
