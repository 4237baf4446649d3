import { absorb, openWakeups, type Planner, type Wakeups } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { openLog } from "../../src/base/log.ts";
import { deliver } from "../../src/delivery/deliver.ts";
import { Holds, openHolds } from "../../src/delivery/holds.ts";
import { type DeliveryState, openDeliveryState } from "../../src/delivery/settle.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Ledger } from "../../src/model/ledger.ts";
import type { Message } from "../../src/model/message.ts";
import type { RecordLine, Store } from "../../src/model/outbox.ts";
import type { Outcome, Payload } from "../../src/model/payload.ts";
import type { Plan } from "../../src/planning/plan.ts";
import { confirm } from "../../src/recall/confirm.ts";
import { recall } from "../../src/recall/recall.ts";
import { reconcile } from "../../src/recall/reconcile.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openBudget } from "../recall/budgets.ts";
import { MINUTE, SECOND } from "../support/messages.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { HOURS_24, type MispSide } from "./misp-side.ts";

/** What a configuration says, as far as it matters here. */
export interface Settings {
  readonly destinations: Readonly<Record<string, object>>;
  readonly routes: readonly object[];
}

/** How MISP is asked: `keyless` cannot be at all, `never` not before something is told. */
export type Asking = "keyless" | "never" | "tell" | "hold";

/** What the other side of a destination does. */
export type Mood = "up" | "down" | "refusing" | "doubtful";

const OUTCOMES: Readonly<Record<Mood, Outcome>> = {
  up: { kind: "done" },
  down: { kind: "retry", reason: "http-503" },
  refusing: { kind: "destination_rejected", reason: "http-410" },
  doubtful: { kind: "ambiguous", reason: "timeout" },
};

/** What left, and how it ended. */
export interface Left {
  readonly destination: string;
  readonly payload: Payload;
  readonly outcome: Outcome["kind"];
}

type OpenStore = Store & { readonly ledger: Ledger };

/** Opens a store, and the same once more after a stop. */
export interface Shelf {
  open(): Promise<OpenStore>;
  reopen(before: OpenStore): Promise<OpenStore>;
}

/** The service's own loops around a store, with a MISP and destinations that do what a test wants, by one clock. */
export class Stage {
  readonly clock = new VirtualClock();
  readonly moods = new Map<string, Mood>();
  readonly left: Left[] = [];
  readonly records: RecordLine[] = [];
  readonly #shelf: Shelf;
  readonly #misp: MispSide;
  readonly #asking: Asking;
  /** Hears of each payload before it is known whether it arrives. */
  readonly #leaves: (destination: string, payload: Payload) => void;
  readonly #planned: (plan: Plan) => void;
  #settings: Settings;
  #store: OpenStore;
  #holds = new Holds();
  #states = new Map<string, DeliveryState>();
  #wakeups: Wakeups = openWakeups();
  #stop = new AbortController();
  #cut = new AbortController();
  #loops: readonly Promise<void>[] = [];

  constructor(
    opened: { readonly store: OpenStore; readonly shelf: Shelf; readonly misp: MispSide; readonly asking: Asking },
    settings: Settings,
    { leaves, planned }: { leaves(destination: string, payload: Payload): void; planned(plan: Plan): void },
  ) {
    this.#store = opened.store;
    this.#shelf = opened.shelf;
    this.#misp = opened.misp;
    this.#asking = opened.asking;
    this.#settings = settings;
    this.#leaves = leaves;
    this.#planned = planned;
    this.#begin();
  }

  get store(): OpenStore {
    return this.#store;
  }

  /** What arrives at once. */
  async hear(messages: readonly Message[]): Promise<void> {
    await absorb(messages, this.#planner());
    await this.clock.pass(0);
  }

  /** Another configuration is in force from now on. */
  async reload(settings: Settings): Promise<void> {
    await this.#end();
    this.#settings = settings;
    this.#begin();
    await this.clock.pass(0);
  }

  /** The process ends, and another one begins with what was stored, after so long. */
  async restart(downMs: number): Promise<void> {
    this.#cut.abort();
    await this.#end();
    await this.clock.pass(downMs);
    this.#store = await this.#shelf.reopen(this.#store);
    this.#holds = await openHolds(this.#store.ledger);
    this.#states = new Map();
    this.#cut = new AbortController();
    this.#begin();
    await this.clock.pass(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cut.abort();
    await this.#end();
    await this.#store[Symbol.asyncDispose]();
  }

  #planner(): Planner {
    const destinations = Object.entries(this.#settings.destinations).map(
      ([name, guard]) => [name, { guard: Guard.parse(guard), repeats: "changed" as const }] as const,
    );
    const isAsked = this.#asking !== "keyless";
    return {
      store: this.#store,
      clock: this.clock,
      wakeups: this.#wakeups,
      observer: {
        planned: (plan) => {
          this.records.push(...plan.effects.records);
          this.#planned(plan);
        },
      },
      rules: {
        routes: compileRoutes(this.#settings.routes.map((route) => RouteOptions.parse(route))),
        destinations: new Map(destinations),
        asks: new Set(isAsked ? ["cert"] : []),
        confirms: new Set(this.#asking === "tell" || this.#asking === "hold" ? ["cert"] : []),
      },
    };
  }

  #begin(): void {
    const { clock } = this;
    const stop = new AbortController();
    this.#stop = stop;
    this.#wakeups = openWakeups(Object.keys(this.#settings.destinations), ["cert"]);
    const planner = this.#planner();
    const log = openLog("silent");
    const loops: Promise<void>[] = [];
    for (const [name, guard] of Object.entries(this.#settings.destinations)) {
      const state = this.#states.get(name) ?? openDeliveryState(clock.now());
      this.#states.set(name, state);
      const worker = {
        destination: {
          name,
          send: async (payload: Payload) => {
            this.#leaves(name, payload);
            const outcome = OUTCOMES[this.moods.get(name) ?? "up"];
            this.left.push({ destination: name, payload, outcome: outcome.kind });
            return outcome;
          },
          preview: () => Promise.reject(new Error("Nobody looks at it")),
          async [Symbol.asyncDispose]() {},
        },
        breaker: this.#holds.breaker(name),
        state,
        sending: { guard: Guard.parse(guard), routes: planner.rules.routes, links: new Map() },
        maxAgeMs: HOURS_24,
        store: this.#store,
        wakeup: this.#wakeups.destinations.get(name) ?? failNever(),
        clock,
        log,
        observer: { ...UNOBSERVED, settled: (line: RecordLine) => void this.records.push(line) },
      };
      loops.push(deliver(worker, stop.signal, this.#cut.signal));
    }
    const budget = openBudget(clock);
    const misp = this.#misp;
    const asks = this.#asking === "tell" || this.#asking === "hold";
    loops.push(
      confirm(
        {
          instance: "cert",
          log,
          ...(asks && {
            asking: {
              budget,
              confirm: (asked) => misp.confirm(asked, clock.now()),
              ...(this.#asking === "tell" && { withinMs: 30 * SECOND }),
            },
          }),
        },
        planner,
        stop.signal,
      ),
    );
    if (this.#asking !== "keyless") {
      const wakeup = this.#wakeups.instances.get("cert")?.reconcile ?? failNever();
      const common = { instance: "cert", log, budget, patienceMs: 10 * MINUTE };
      const ask = (event: string, _signal: AbortSignal, withDeleted?: boolean) =>
        misp.ask(event, withDeleted ?? false, clock.now());
      const published = (since: number, page: number) => misp.published(since, page, clock.now());
      loops.push(
        recall({ ...common, ask, thread: NO_THREADS, settleMs: 5 * SECOND }, planner, stop.signal),
        reconcile({ ...common, ask, published, everyMs: 5 * MINUTE, maxAgeMs: HOURS_24, wakeup }, planner, stop.signal),
      );
    }
    this.#loops = loops;
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    await this.clock.pass(0);
    await Promise.all(this.#loops);
  }
}

/** Nobody discusses anything in this world. */
const NO_THREADS = async () => ({ kind: "retry" as const, reason: "http-404" });

function failNever(): never {
  throw new Error("No wakeup of that name");
}
