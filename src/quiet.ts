import type { Log } from "./log.ts";

/** Logs a fault that may repeat a thousand times a second: at once, and then at most once per interval with a count. */
export class Quiet {
  readonly #log: Log;
  readonly #message: string;
  readonly #now: () => number;
  readonly #everyMs: number;
  #nextAt = 0;
  #since = 0;
  #total = 0;

  constructor(log: Log, message: string, now: () => number, everyMs = 10_000) {
    this.#log = log;
    this.#message = message;
    this.#now = now;
    this.#everyMs = everyMs;
  }

  /** How often it happened. */
  get total(): number {
    return this.#total;
  }

  say(fields: Readonly<Record<string, unknown>>): void {
    this.#total += 1;
    this.#since += 1;
    const now = this.#now();
    // A clock that was set back must not silence it for longer.
    if (now < this.#nextAt && this.#nextAt - now <= this.#everyMs) return;
    this.#log.warn({ ...fields, times: this.#since }, this.#message);
    this.#since = 0;
    this.#nextAt = now + this.#everyMs;
  }
}
