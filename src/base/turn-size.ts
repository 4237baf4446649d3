const MOST = 512;
const FIRST = 64;

/** So long a turn of the loop may take, a quarter of what others notice; shorter ones are made larger. */
const LONG_MS = 60;
const SHORT_MS = 15;

/** How many things are done in one turn of the loop: as many as take some time and not more. */
export class TurnSize {
  #size = FIRST;

  get size(): number {
    return this.#size;
  }

  /** So many took so long: the next turn does fewer, or more. */
  took(count: number, ms: number): void {
    if (ms > LONG_MS) {
      this.#size = Math.max(1, Math.floor(this.#size / Math.max(2, ms / LONG_MS)));
    } else if (ms < SHORT_MS && count >= this.#size) {
      this.#size = Math.min(MOST, this.#size * 2);
    }
  }
}
