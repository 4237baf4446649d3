import type { Clock } from "../base/clock.ts";

/** Where a store reads for itself that the clock was set. */
export type StoreClock = Pick<Clock, "now" | "monotonic">;

/** By how much the clock was set since it was last looked at; both are 0 as a rule. */
export interface Moved {
  readonly back: number;
  readonly ahead: number;
}

/** The loops read the clock at moments of their own, and a clock that is kept right is moved by little. */
const SLACK_MS = 10_000;

/**
 * Notices that the clock was set: what is due by the time that it once showed would wait for it to come again, and what is
 * tried for so long at most would be over at once. A machine that slept is a clock that was set ahead.
 */
export class ClockWatch {
  readonly #clock: StoreClock | undefined;
  #latest: number;
  /** What the clock shows beside the one that goes on evenly. */
  #offset: number | undefined;
  #isFirst = true;

  /** `latest`: the latest instant that is stored. Without a clock only what is told counts, and it cannot jump ahead. */
  constructor(latest: number, clock?: StoreClock) {
    this.#clock = clock;
    this.#latest = latest;
    this.#offset = clock && clock.now() - clock.monotonic();
  }

  /** `told`: what whoever uses the store takes the time to be. */
  look(told: number): Moved & { readonly now: number } {
    const now = this.#clock?.now() ?? told;
    const leap = this.#leap(now);
    const back = this.#clock && !this.#isFirst ? -leap : this.#latest - now;
    this.#isFirst = false;
    const isBack = back > SLACK_MS;
    this.#latest = isBack ? now : Math.max(this.#latest, now);
    return { now, back: isBack ? back : 0, ahead: !isBack && leap > SLACK_MS ? leap : 0 };
  }

  /** By how much the clock was set since the last look, forward or, below 0, back. */
  #leap(now: number): number {
    if (!this.#clock) {
      return 0;
    }
    const offset = now - this.#clock.monotonic();
    const leap = offset - (this.#offset ?? offset);
    this.#offset = offset;
    return leap;
  }
}
