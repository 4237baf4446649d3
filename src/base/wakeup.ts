/** Wakes a delivery loop that sleeps: ringing before anyone waits is not lost. */
export class Wakeup {
  #controller = new AbortController();

  wake(): void {
    this.#controller.abort();
  }

  /** Aborts at the next ring, or at once if it rang since this was last asked. */
  next(): AbortSignal {
    const { signal } = this.#controller;
    if (signal.aborted) {
      this.#controller = new AbortController();
    }
    return signal;
  }
}
