/** A token bucket: `burst` at once, then `perSecond`. */
export class RateLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** It goes on from `before`, which it takes the place of. */
  constructor(options: { readonly per_second: number; readonly burst: number }, now: number, before?: RateLimiter) {
    this.#perSecond = options.per_second;
    this.#burst = options.burst;
    this.#tokens = Math.min(options.burst, before ? before.#tokens : options.burst);
    this.#at = before ? before.#at : now;
  }

  /** The milliseconds until there are so many tokens; 0 when there are. */
  waitMs(now: number, tokens = 1): number {
    // A clock that was set back must not stop the destination.
    const elapsed = Math.max(0, now - this.#at);
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed / 1000) * this.#perSecond);
    this.#at = now;
    return this.#tokens >= tokens ? 0 : Math.ceil(((tokens - this.#tokens) / this.#perSecond) * 1000);
  }

  /** Takes a token; there must be one. */
  take(): void {
    this.#tokens -= 1;
  }

  /** A token that was taken is not used. */
  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1);
  }
}
