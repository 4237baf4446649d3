/** Less than this apart, two looks at two clocks say the same. */
const WAVER_MS = 20;

/**
 * The time of day of what another thread has noted. A frame may have waited for a busy main thread: when it came stands by the
 * clock that both threads share. How far that is from the time of day is kept until somebody sets the time, since each look at
 * both wavers by a millisecond.
 */
export class SharedClock {
  readonly #now: () => number;
  #apartMs = Number.NaN;

  constructor(now: () => number) {
    this.#now = now;
  }

  instant(atMs: number): number {
    const apart = this.#now() - Number(process.hrtime.bigint()) / 1e6;
    this.#apartMs = Math.abs(apart - this.#apartMs) < WAVER_MS ? this.#apartMs : apart;
    return Math.round(this.#apartMs + atMs);
  }
}
