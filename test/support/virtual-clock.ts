import type { Clock } from "../../src/base/clock.ts";
import { T0 } from "./messages.ts";

/** Time that several loops share: it stands still until a test lets it pass, and then everybody wakes in order. */
export class VirtualClock implements Clock {
  #now = T0;
  readonly #sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();

  readonly now = (): number => this.#now;
  readonly monotonic = (): number => this.#now - T0;
  readonly random = (): number => 0.5;

  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) {
        return resolve();
      }
      const sleeper = {
        at: this.#now + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal.removeEventListener("abort", sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", sleeper.wake);
    });

  /** Everything that is to happen within `ms` has happened, as far as it waits for nothing but this clock. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await new Promise(setImmediate); // all that is awake falls asleep: what it awaits are promises alone
      const [next] = [...this.#sleepers].sort((a, b) => a.at - b.at);
      if (!next || next.at > until) {
        break;
      }
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
    this.#now = until;
  }
}
