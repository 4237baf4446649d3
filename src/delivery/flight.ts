/** The attempts of one destination that are on their way at once. */
export class Flight {
  readonly #inFlight = new Set<Promise<void>>();
  readonly #landed: () => void;
  #failure: { readonly error: unknown } | undefined;

  /** Calls `landed` whenever one has ended. */
  constructor(landed: () => void) {
    this.#landed = landed;
  }

  get size(): number {
    return this.#inFlight.size;
  }

  begin(work: Promise<void>): void {
    const one = work
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#inFlight.delete(one);
        this.#landed();
      });
    this.#inFlight.add(one);
  }

  /** Resolves when one of them has ended; rejects when one of them has failed. */
  async next(): Promise<void> {
    await Promise.race(this.#inFlight);
    this.#throwFailure();
  }

  /** Resolves when all have ended; rejects when one of them has failed. */
  async ended(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure) {
      throw this.#failure.error;
    }
  }
}
