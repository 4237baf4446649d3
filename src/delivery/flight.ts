/** The attempts of one destination that are on their way at once, and those that have landed and are being written down. */
export class Flight {
  readonly #all = new Set<Promise<void>>();
  readonly #changed: () => void;
  #flying = 0;
  #failure: { readonly error: unknown } | undefined;
  #awaiting: (() => void)[] = [];

  /** Calls `changed` whenever one has landed or ended. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** How many have not landed. */
  get size(): number {
    return this.#flying;
  }

  /** How many have landed and have not ended. */
  get landed(): number {
    return this.#all.size - this.#flying;
  }

  /** `work` may call `land`: from then on another may be on its way in its place. One that ends has landed. */
  begin(work: (land: () => void) => Promise<void>): void {
    let isFlying = true;
    this.#flying += 1;
    const land = () => {
      if (isFlying) {
        isFlying = false;
        this.#flying -= 1;
        this.#notify();
      }
    };
    const one = work(land)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#all.delete(one);
        land();
        this.#notify();
      });
    this.#all.add(one);
  }

  /** Resolves when one of them has landed or ended; rejects when one of them has failed. */
  async next(): Promise<void> {
    this.#throwFailure();
    await new Promise<void>((resolve) => this.#awaiting.push(resolve));
    this.#throwFailure();
  }

  /** Resolves when all have ended; rejects when one of them has failed. */
  async ended(): Promise<void> {
    await Promise.all(this.#all);
    this.#throwFailure();
  }

  #notify(): void {
    const awaiting = this.#awaiting;
    this.#awaiting = [];
    for (const resolve of awaiting) {
      resolve();
    }
    this.#changed();
  }

  #throwFailure(): void {
    if (this.#failure) {
      throw this.#failure.error;
    }
  }
}
