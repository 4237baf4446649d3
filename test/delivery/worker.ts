import { Notices } from "../../src/absorbing/notices.ts";
import type { AttemptReport } from "../../src/absorbing/observer.ts";
import type { Clock } from "../../src/base/clock.ts";
import { openLog } from "../../src/base/log.ts";
import { Wakeup } from "../../src/base/wakeup.ts";
import { type DeliveryWorker, deliver } from "../../src/delivery/deliver.ts";
import { Holds } from "../../src/delivery/holds.ts";
import { openDeliveryState } from "../../src/delivery/settle.ts";
import type { RecordLine, Settlement, Store } from "../../src/model/outbox.ts";
import type { Outcome, Payload } from "../../src/model/payload.ts";
import type { Planner } from "../planning/planner.ts";
import { T0 } from "../support/messages.ts";

/** What the other side does with one payload. */
export type Answer = Outcome | ((signal: AbortSignal) => Promise<Outcome>);

/** What the other side does with all of them: one after the other and then `done`, or as it finds each. */
export type Answers = readonly Answer[] | ((sent: Sent) => Outcome);

export const retry: Outcome = { kind: "retry", reason: "http-503" };

/** Time that passes only in sleeps, and ends with `until`. */
export class SteppedClock implements Clock {
  at = T0;
  readonly sleeps: number[] = [];
  readonly #until: number;
  readonly #end: () => void;
  readonly #chance: number;

  constructor(until: number, end: () => void, chance = 0.5) {
    this.#until = until;
    this.#end = end;
    this.#chance = chance;
  }

  now(): number {
    return this.at;
  }

  /** The time that has passed in truth. */
  monotonic(): number {
    return this.at - T0;
  }

  random(): number {
    return this.#chance;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) {
      return;
    }
    this.sleeps.push(ms);
    this.at = Math.min(this.at + ms, this.#until);
    if (this.at === this.#until) {
      this.#end();
    }
  }
}

/** Time that stands still: a sleep ends only by its signal. */
export function stoppedClock(): Clock & { readonly asleep: () => boolean } {
  let sleeping = 0;
  return {
    now: () => T0,
    monotonic: () => 0,
    random: () => 0.5,
    asleep: () => sleeping > 0,
    sleep: (_ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) {
          return resolve();
        }
        sleeping += 1;
        const wake = () => {
          sleeping -= 1;
          resolve();
        };
        signal.addEventListener("abort", wake, { once: true });
      }),
  };
}

export interface Sent {
  readonly at: number;
  readonly payload: Payload;
}

/** A worker to `soc` on the planner's store, and everything that happens on it. */
export class Track {
  readonly stop = new AbortController();
  readonly cut = new AbortController();
  readonly wakeup = new Wakeup();
  readonly sent: Sent[] = [];
  readonly settled: { readonly settlement: Settlement; readonly now: number }[] = [];
  readonly records: RecordLine[] = [];
  readonly tried: AttemptReport[] = [];
  readonly logged: string[] = [];
  readonly notices = new Notices();
  readonly worker: DeliveryWorker;

  constructor(
    planner: Planner,
    answers: Answers,
    {
      clock,
      ...rest
    }: Partial<Pick<DeliveryWorker, "clock" | "limiter" | "maxAgeMs" | "quiet">> & {
      readonly until?: number;
      readonly holds?: Holds;
    } = {},
  ) {
    const holds = rest.holds ?? new Holds(planner.store.ledger);
    const left = typeof answers === "function" ? [] : [...answers];
    const time = clock ?? new SteppedClock(rest.until ?? T0 + 3_600_000, () => this.stop.abort());
    const settings = planner.rules.destinations.get("soc");
    if (!settings) {
      throw new Error("no destination soc");
    }
    this.worker = {
      destination: {
        name: "soc",
        send: async (payload, signal) => {
          const sent = { at: time.now(), payload };
          this.sent.push(sent);
          if (typeof answers === "function") {
            return answers(sent);
          }
          const answer = left.shift() ?? { kind: "done" };
          return typeof answer === "function" ? answer(signal) : answer;
        },
        preview: async () => ({ body: "", sizes: [], trimmed: [], html: "" }),
        async [Symbol.asyncDispose]() {},
      },
      breaker: holds.breaker("soc"),
      state: openDeliveryState(time.now()),
      sending: { guard: settings.guard, routes: planner.rules.routes, links: new Map() },
      ...(rest.limiter && { limiter: rest.limiter }),
      maxAgeMs: rest.maxAgeMs ?? 86_400_000,
      ...(rest.quiet && { quiet: rest.quiet }),
      store: this.#watched(planner.store),
      wakeup: this.wakeup,
      clock: time,
      log: openLog("trace", { write: (line) => void this.logged.push(line) }),
      observer: {
        settled: (line) => void this.records.push(line),
        attempted: (tried) => void this.tried.push(tried),
      },
      notices: this.notices,
    };
  }

  run(): Promise<void> {
    return deliver(this.worker, this.stop.signal, this.cut.signal);
  }

  /** Each settlement in short: what became of how many, or when it is tried again and whether that counts. */
  get outcomes(): readonly string[] {
    return this.settled.map(({ settlement: { records, retryAt, attempted }, now }) => {
      const lines = records.map(({ outcome, reason }) => (reason ? `${outcome} ${reason}` : outcome));
      const next = retryAt === undefined ? [] : [`again in ${retryAt - now} ms${attempted ? "" : ", not counted"}`];
      return [...lines, ...next].join(", ");
    });
  }

  #watched(store: Store): Store {
    return {
      load: (keys) => store.load(keys),
      commit: (effects, now) => store.commit(effects, now),
      take: (...args) => store.take(...args),
      settle: (settlements, now) => {
        this.settled.push(...settlements.map((settlement) => ({ settlement, now })));
        return store.settle(settlements, now);
      },
      divide: (...args) => store.divide(...args),
      page: (...args) => store.page(...args),
      takePost: (...args) => store.takePost(...args),
      post: (id) => store.post(id),
      settlePost: (...args) => store.settlePost(...args),
      undecided: (...args) => store.undecided(...args),
      cursor: (instance) => store.cursor(instance),
      unconfirmed: (...args) => store.unconfirmed(...args),
      asking: (instance) => store.asking(instance),
      owed: () => store.owed(),
      prune: (...args) => store.prune(...args),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  }
}
