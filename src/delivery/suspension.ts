/** Bounds what is kept of the past; a suspension lasts at least until the first probe, so that these are ten days or more. */
const MAX_PAST = 1000;

/** When a destination has refused us: meanwhile nothing that it is owed grows older. */
export class Suspension {
  #since: number | undefined;
  readonly #past: { readonly from: number; readonly to: number }[] = [];

  /** Since when it is suspended; undefined: it is not. */
  get since(): number | undefined {
    return this.#since;
  }

  begin(now: number): void {
    this.#since ??= now;
  }

  /** Returns how long it lasted. */
  end(now: number): number {
    if (this.#since === undefined) return 0;
    const span = { from: this.#since, to: Math.max(now, this.#since) };
    this.#since = undefined;
    this.#past.push(span);
    if (this.#past.length > MAX_PAST) this.#past.shift();
    return span.to - span.from;
  }

  /** How much of the time from `from` to `now` it has lasted. */
  within(from: number, now: number): number {
    const spans = this.#since === undefined ? this.#past : [...this.#past, { from: this.#since, to: now }];
    return spans.reduce((sum, span) => sum + Math.max(0, Math.min(span.to, now) - Math.max(span.from, from)), 0);
  }
}
