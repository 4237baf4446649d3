import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { absorb, openWakeups } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { Wakeup } from "../../src/base/wakeup.ts";
import { deliver } from "../../src/delivery/deliver.ts";
import { Holds } from "../../src/delivery/holds.ts";
import { openDeliveryState } from "../../src/delivery/settle.ts";
import { DestinationEntry } from "../../src/destinations/index.ts";
import type { Ledger } from "../../src/model/ledger.ts";
import type { Message } from "../../src/model/message.ts";
import type { RecordLine, Store } from "../../src/model/outbox.ts";
import type { Rules } from "../../src/planning/plan.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { captureLog } from "../support/captured-log.ts";
import { MINUTE, T0 } from "../support/messages.ts";
import { SteppedClock } from "./worker.ts";

type Options = Readonly<Record<string, unknown>>;

/** One destination as it is configured, a state file, and time that passes only here. */
export class Scene {
  readonly records: RecordLine[] = [];
  readonly #path: string;
  #options: Options;
  readonly #routes: Rules["routes"];
  #store: Store & { readonly ledger: Ledger };
  at = T0;

  private constructor(
    path: string,
    store: Store & { readonly ledger: Ledger },
    options: Options,
    routes: Rules["routes"],
  ) {
    this.#path = path;
    this.#store = store;
    this.#options = options;
    this.#routes = routes;
  }

  /** By default a route tells `soc` of everything that is published, added or sighted, at once. */
  static async open(options: Options, routes?: readonly object[]): Promise<Scene> {
    const directory = await mkdtemp(join(tmpdir(), "herald-scene-"));
    const path = join(directory, "state.db");
    const all = routes ?? [
      {
        name: "all",
        kinds: ["event.published", "attribute.added", "sighting.added"],
        notify: "soc",
        group: { interval: "0s" },
      },
    ];
    const compiled = compileRoutes(all.map((route) => RouteOptions.parse(route)));
    const scene = new Scene(path, await openSqliteStore({ path }), options, compiled);
    onTestFinished(async () => {
      await scene.#store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    });
    return scene;
  }

  get store(): Store {
    return this.#store;
  }

  get ledger(): Ledger {
    return this.#store.ledger;
  }

  /** Plans these, delivers what is due within ten minutes, and changes what is to be changed. */
  async tell(...messages: readonly Message[]): Promise<void> {
    await this.plan(...messages);
    await this.run();
  }

  /** Plans these. */
  async plan(...messages: readonly Message[]): Promise<void> {
    for (const said of messages) {
      const message = { ...said, receivedAt: this.at };
      const configured = this.#configured();
      const rules = { routes: this.#routes, destinations: new Map([["soc", configured]]) };
      const clock = new SteppedClock(Number.POSITIVE_INFINITY, () => {});
      clock.at = this.at;
      await absorb([message], { store: this.#store, rules, clock, wakeups: openWakeups(), observer: UNOBSERVED });
    }
  }

  async run(ms = 10 * MINUTE): Promise<void> {
    const configured = this.#configured();
    const stop = new AbortController();
    const clock = new SteppedClock(this.at + ms, () => stop.abort());
    clock.at = this.at;
    const { log } = captureLog();
    const destination = configured.open({ name: "soc", log, now: () => clock.now(), stdout: process.stdout });
    await deliver(
      {
        store: this.#store,
        destination,
        breaker: new Holds(this.#store.ledger).breaker("soc"),
        state: openDeliveryState(clock.now()),
        sending: {
          guard: configured.guard,
          routes: this.#routes,
          links: new Map([["cert", new URL("https://misp.example.org")]]),
          program: configured.program ?? false,
          updates: configured.updates,
          withdraw: configured.withdraw,
        },
        maxAgeMs: 86_400_000,
        wakeup: new Wakeup(),
        clock,
        log,
        observer: { settled: (line) => void this.records.push(line), attempted: () => {} },
      },
      stop.signal,
      new AbortController().signal,
    );
    this.at = clock.at;
    await destination[Symbol.asyncDispose]();
  }

  /** From now on the destination is configured so, too. */
  reload(options: Options): void {
    this.#options = { ...this.#options, ...options };
  }

  /** As after a process that was killed: another opens the file. */
  async restart(): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
    this.#store = await openSqliteStore({ path: this.#path });
  }

  /** All of the state file, as text, but for what is compared with the next publication. */
  async dump(): Promise<string> {
    await this.#store[Symbol.asyncDispose]();
    const { openDatabase } = await import("../../src/store/sqlite/driver.ts");
    const db = await openDatabase(this.#path);
    const tables = db.prepare<{ readonly name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    const kept = tables.filter(({ name }) => name !== "told_parts");
    const text = kept.map(({ name }) => JSON.stringify(db.prepare(`SELECT * FROM "${name}"`).all())).join("\n");
    db.close();
    this.#store = await openSqliteStore({ path: this.#path });
    return text;
  }

  #configured() {
    return DestinationEntry.parse({ guard: { max_tlp: "amber" }, ...this.#options });
  }
}
