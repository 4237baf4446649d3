import type { Log } from "./log.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Different ones are counted apart up to so many; text from the other side must not make it grow. */
const MAX_KEYS = 100;

/** Logs what may happen a thousand times a second: at once, and then at most once per interval with a count. */
export class LogLimiter {
  readonly #log: Log;
  readonly #message: string;
  readonly #now: () => number;
  readonly #everyMs: number;
  readonly #level: "info" | "warn" | "error";
  readonly #said = new Map<string, { nextAt: number; times: number; alerts: number }>();
  #total = 0;

  constructor(
    log: Log,
    message: string,
    now: () => number,
    everyMs = 10_000,
    level: "info" | "warn" | "error" = "warn",
  ) {
    this.#log = log;
    this.#message = message;
    this.#now = now;
    this.#everyMs = everyMs;
    this.#level = level;
  }

  /** How often it happened. */
  get total(): number {
    return this.#total;
  }

  /** `key` tells things apart that are counted apart. What `alerts` counts is added up; other fields are of the last time. */
  say(fields: Fields & { readonly alerts?: number }, key = ""): void {
    this.#total += 1;
    const now = this.#now();
    if (!this.#said.has(key) && this.#said.size >= MAX_KEYS) {
      this.#said.clear();
    }
    const said = this.#said.get(key) ?? { nextAt: Number.NEGATIVE_INFINITY, times: 0, alerts: 0 };
    this.#said.set(key, said);
    said.times += 1;
    said.alerts += fields.alerts ?? 0;
    // A clock that was set back must not silence it for longer.
    if (now < said.nextAt && said.nextAt - now <= this.#everyMs) {
      return;
    }
    const { times, alerts } = said;
    this.#log[this.#level]({ ...fields, ...(fields.alerts !== undefined && { alerts }), times }, this.#message);
    said.times = 0;
    said.alerts = 0;
    said.nextAt = now + this.#everyMs;
  }
}
