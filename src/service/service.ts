import { resolve } from "node:path";
import type { Writable } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import { configRejected, destinationSuspended, listKept, stateDamaged } from "../absorbing/herald.ts";
import { Notices } from "../absorbing/notices.ts";
import type { Observer } from "../absorbing/observer.ts";
import type { Parts, Running, Start } from "../app.ts";
import type { Clock } from "../base/clock.ts";
import { StoreError } from "../base/errors.ts";
import { inTurns } from "../base/in-turns.ts";
import { Liveness } from "../base/liveness.ts";
import type { Log } from "../base/log.ts";
import { ConfigError, type Problem, positionOf } from "../base/problem.ts";
import { VERSION } from "../base/version.ts";
import type { LoadedConfig } from "../config/load.ts";
import { type Holds, openHolds } from "../delivery/holds.ts";
import { PROBE_MS } from "../delivery/settle.ts";
import { openSilences, type Silences } from "../delivery/silences.ts";
import { NO_EFFECTS } from "../model/effects.ts";
import type { Ledger } from "../model/ledger.ts";
import type { Store } from "../model/outbox.ts";
import type { Daemon, ReloadResult } from "../operations/daemon.ts";
import { forgetUnnamed } from "../operations/named.ts";
import type { Supervisor } from "../operations/supervisor.ts";
import { Totals } from "../operations/totals.ts";
import type { Rules } from "../planning/plan.ts";
import type { LiveSource } from "../sources/source.ts";
import type { Damage, Found } from "../store/damage.ts";
import type { Size } from "../store/size.ts";
import type { Loaded, LoadedList } from "../watching/load.ts";
import { loadAway, Watches } from "../watching/watches.ts";
import { confirmingInstances } from "./asking.ts";
import { describeKept, listFilesOf, problemsOf } from "./lists.ts";
import { logProblems } from "./log-problems.ts";
import { needlessOf, openParts, openSources, preparingRules, startedMessages } from "./parts.ts";
import { Silencing } from "./silencing.ts";
import { dropUnnamed, noteUnnamed } from "./unnamed.ts";
import { keepInBounds } from "./upkeep.ts";

/** What a service is opened with; whoever opens these closes them. */
export interface ServiceOptions {
  /** Reads and checks the configuration; throws ConfigError. */
  readonly load: () => Promise<LoadedConfig>;
  /** Starts the flow. */
  readonly start: Start;
  readonly loaded: LoadedConfig;
  readonly store: Store & { readonly ledger: Ledger; readonly size: Size; readonly damage: Damage };
  readonly clock: Clock;
  readonly log: Log;
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Sees each attempt. */
  readonly attempted?: Observer["attempted"];
  /** Hears what the service does. */
  readonly supervisor?: Supervisor;
}

/** The configuration that was refused, until one is accepted. */
export interface Rejected {
  readonly at: number;
  readonly problems: readonly Problem[];
}

/** All that one configuration makes. */
interface Generation {
  readonly loaded: LoadedConfig;
  readonly sources: readonly LiveSource[];
  readonly parts: Parts & AsyncDisposable;
  readonly since: number;
}

/** The long-running service: one configuration after the other upon one store. Disposing of it closes its connections. */
export class Service implements AsyncDisposable {
  /** Knows of every loop whether it turns. */
  readonly liveness = new Liveness();
  readonly #options: ServiceOptions;
  readonly #startedAt: number;
  readonly #holds: Holds;
  readonly #silences: Silences;
  readonly #silencing = new Silencing();
  readonly #watches: Watches;
  readonly #totals = new Totals();
  readonly #notices = new Notices();
  readonly #observer: Observer;
  #generation: Generation;
  #rejected: Rejected | undefined;
  #running: Running | undefined;
  /** One reload after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #leaving = new Set<Promise<void>>();

  constructor(
    options: ServiceOptions,
    {
      holds,
      silences,
      watches,
      rules,
    }: {
      readonly holds: Holds;
      readonly silences: Silences;
      readonly watches?: Watches;
      /** Those of `loaded`, where they were compiled before. */
      readonly rules?: Rules;
    },
  ) {
    this.#options = options;
    this.#watches = watches ?? new Watches();
    this.#holds = holds;
    this.#silences = silences;
    this.#startedAt = options.clock.now();
    this.#observer = observing(this.#totals, options.attempted);
    this.#generation = this.#open(options.loaded, rules);
  }

  /** How the service is, and what people may change in it, under the configuration of this moment. */
  get daemon(): Daemon {
    const { store, clock, log } = this.#options;
    const { loaded, sources, parts, since } = this.#generation;
    const { config, file, digest } = loaded;
    return {
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt,
      config: { file: resolve(file), digest, since, ...(this.#rejected && { rejected: this.#rejected }) },
      stateFile: resolve(this.#options.loaded.config.state.path),
      instances: Object.keys(config.misp),
      destinations: new Map(Object.entries(config.destinations).map(([name, { type }]) => [name, type])),
      routes: config.routes.map(({ name }) => name),
      ...{
        sources,
        store,
        clock,
        log,
        holds: this.#holds,
        silences: this.#silences,
        totals: this.#totals,
        observer: this.#observer,
      },
      workers: parts.workers,
      budgets: new Map(parts.recalls.map(({ instance, budget }) => [instance, budget])),
      wakeups: parts.wakeups,
      unreadable: parts.unreadable,
      maxStateBytes: config.state.max_size,
      liveness: this.liveness,
      reload: (accept) => this.reload(accept),
    };
  }

  /** Runs until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, supervisor, start } = this.#options;
    this.#options.store.damage.watch((found) => this.#tellDamage(found));
    await this.#lookAfterNames();
    await this.#announceSuspended();
    await this.#probeSuspended();
    const ended = new AbortController();
    const bounds = () => {
      const { retention: retentionMs, max_size: maxBytes } = this.#generation.loaded.config.state;
      return { retentionMs, maxBytes };
    };
    const upkeep = this.liveness.watch("upkeep", (beat) =>
      keepInBounds({ ...this.#housekeeping, bounds, others: () => this.#lookAfterHeld() }, ended.signal, beat),
    );
    try {
      const { loaded, parts } = this.#generation;
      const opening = startedMessages(loaded.config, clock.now(), VERSION);
      this.#running = start({ ...parts, opening }, signal, () => supervisor?.running());
      await this.#running.ended;
    } finally {
      ended.abort();
      await upkeep;
    }
  }

  /**
   * Goes on under the configuration as it is now, once all of it is known to be good; throws ConfigError when it is not, and
   * then nothing changes. Nothing that is owed, grouped or held is touched.
   */
  reload(accept = false): Promise<ReloadResult> {
    const { supervisor } = this.#options;
    const mine = this.#turn.then(async () => {
      supervisor?.reloading();
      try {
        return await this.#reload(accept);
      } finally {
        supervisor?.reloaded();
      }
    });
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await Promise.all(this.#leaving);
    await this.#generation.parts[Symbol.asyncDispose]();
  }

  async #reload(accept: boolean): Promise<ReloadResult> {
    const { load, log } = this.#options;
    const before = this.#generation;
    let loaded: LoadedConfig;
    let lists: Loaded;
    try {
      loaded = await load();
      lists = await readLists(this.#watches, loaded, accept);
    } catch (error) {
      if (error instanceof ConfigError) {
        this.#reject(error);
      }
      throw error;
    }
    const next = this.#open(loaded, await inTurns(preparingRules(loaded.config, this.#watches)), before);
    // What cannot be opened changes nothing.
    this.#watches.use(lists);
    this.#generation = next;
    this.noteLists(lists.lists);
    this.#rejected = undefined;
    log.level = loaded.config.log.level;
    const left = (this.#running?.swap(next.parts) ?? Promise.resolve()).then(() => before.parts[Symbol.asyncDispose]());
    this.#leaving.add(left);
    void left.finally(() => this.#leaving.delete(left));
    for (const source of before.sources) {
      if (!next.sources.includes(source)) {
        void this.#totals.replaced(source, Promise.allSettled([left]));
      }
    }
    const restart = needRestart(this.#options.loaded, loaded);
    log.info(
      { digest: loaded.digest.slice(0, 12), routes: loaded.config.routes.length, ...differences(before, next) },
      "Configuration reloaded",
    );
    if (restart.length > 0) {
      log.warn({ keys: restart }, "The configuration has changes that need a restart");
    }
    logProblems(loaded.warnings, log);
    await this.#watches.tidy();
    try {
      await this.#lookAfterNames();
      await this.#probeSuspended();
      forgetUnnamed(this.daemon, await this.#options.store.owed());
    } catch (error) {
      // It is in force all the same; what is left of this is done again every minute.
      if (!(error instanceof StoreError)) {
        throw error;
      }
      log.warn({ err: error }, "The state file cannot be written: nobody has been probed");
    }
    return { digest: loaded.digest, warnings: [...loaded.warnings, ...problemsOf(lists.lists, loaded.file)], restart };
  }

  /** Says what is wrong with watch lists that were read. */
  noteLists(lists: readonly LoadedList[]): void {
    const { clock, log } = this.#options;
    logProblems(problemsOf(lists, this.#generation.loaded.file), log);
    for (const list of lists) {
      if ("kept" in list && list.kept) {
        this.#notices.say(listKept(list.name, describeKept(list.kept), clock.now()));
      } else if ("entries" in list) {
        log.info({ list: list.name, entries: list.entries }, "Read a watch list");
      }
    }
  }

  async #lookAfterLists(): Promise<void> {
    try {
      this.noteLists((await this.#watches.refresh()) ?? []);
    } catch (error) {
      // Such as more lines than the thread that reads them has memory for.
      const hint = "those read before stay in force; make them shorter, or give the process more memory";
      this.#options.log.error({ err: error, hint }, "Cannot read the watch lists again");
    }
  }

  #tellDamage({ rows, lines, indexes, unrepaired }: Found): void {
    const { clock, log } = this.#options;
    const hint = unrepaired
      ? "restart misp-herald, which mends it or says that it cannot; keep a copy of the file and look at the disk"
      : "look at the disk and its file system; misp-herald history --outcome dead lists what was lost";
    log.error({ rows, dead: lines.length, indexesRebuilt: indexes === true, hint }, "The state file is damaged");
    for (const line of lines) {
      this.#observer.settled(line);
    }
    this.#notices.say(stateDamaged({ rows, lost: lines.length, isMended: !unrepaired }, clock.now()));
  }

  async #lookAfterHeld(): Promise<void> {
    await this.#lookAfterNames();
    const { wakeups } = this.#generation.parts;
    await this.#silencing.look({ ...this.#housekeeping, silences: this.#silences, wakeups });
    await this.#lookAfterLists();
  }

  /** What the configuration does not name any more, and whose sightings its rules ask for. */
  async #lookAfterNames(): Promise<void> {
    await noteUnnamed(this.#housekeeping, new Set(Object.keys(this.#generation.loaded.config.destinations)));
    await dropUnnamed(this.#housekeeping);
    const { parts, loaded } = this.#generation;
    const counted = parts.rules.counts ? Object.keys(loaded.config.misp) : [];
    await this.#options.store.commit({ ...NO_EFFECTS, counted }, this.#options.clock.now());
  }

  /** What was to be said of a suspension when the process was killed; said again, it is the same message. */
  async #announceSuspended(): Promise<void> {
    const { destinations } = this.#generation.loaded.config;
    const owed = new Map((await this.#options.store.owed()).map((line) => [line.destination, line.owed]));
    for (const { destination, kind, since, note } of this.#holds.all) {
      if (kind !== "suspended" || !Object.hasOwn(destinations, destination)) {
        continue;
      }
      const state = { reason: note, owed: owed.get(destination) ?? 0, probeMs: PROBE_MS };
      this.#notices.say(destinationSuspended(destination, state, since));
    }
  }

  /** Whoever starts or reloads may just have mended what refused us. */
  async #probeSuspended(): Promise<void> {
    const { store, clock } = this.#options;
    const names = this.#holds.all.flatMap(({ destination, kind }) => (kind === "suspended" ? [destination] : []));
    if (names.length === 0) {
      return;
    }
    for await (const _ of store.ledger.hasten({ destinations: names, standing: "retrying" }, clock.now())) {
    }
    for (const name of names) {
      this.#holds.urge(name);
      this.#generation.parts.wakeups.destinations.get(name)?.wake();
    }
  }

  #reject({ issues }: ConfigError): void {
    const { clock, log } = this.#options;
    const errors = issues.filter(({ severity }) => severity === "error");
    const [first] = errors;
    const where = first && positionOf(first);
    this.#rejected = { at: clock.now(), problems: issues };
    log.error(
      { problems: errors.length, where, reason: first?.message, hint: "misp-herald check says all that is wrong" },
      "The new configuration is rejected; the one before stays in force",
    );
    this.#notices.say(configRejected({ problems: errors.length, ...(where !== undefined && { where }) }, clock.now()));
  }

  #open(loaded: LoadedConfig, compiled?: Rules, before?: Generation): Generation {
    const { store, clock, log, stdout } = this.#options;
    const gap = (instance: string) => this.#generation.parts.wakeups.instances.get(instance)?.reconcile.wake();
    const totals = this.#totals;
    const reconciled = (instance: string, late: number) => totals.reconciled(instance, late, clock.now());
    const unconfirmed = (instance: string, n: number) => totals.unconfirmed.add([instance], n);
    const told = { gap, reconciled, unconfirmed };
    const context = { log, clock, stdout, notices: this.#notices, observer: this.#observer, ...told };
    const old = before && { config: before.loaded.config, sources: before.sources, parts: before.parts };
    const sources = openSources(loaded.config, context, old);
    const opened = openParts(
      loaded.config,
      context,
      {
        ...{ store, sources, holds: this.#holds, silences: this.#silences, watch: this.#watches },
        ...(compiled && { rules: compiled }),
      },
      old,
    );
    const rules = { ...opened.rules, confirms: confirmingInstances(loaded.config) };
    const parts = { ...opened, rules, liveness: this.liveness };
    for (const source of sources) {
      source.spare(needlessOf(parts.rules));
    }
    return { loaded, sources, parts, since: clock.now() };
  }

  get #housekeeping() {
    const { store, clock, log } = this.#options;
    return { store, clock, log, holds: this.#holds, notices: this.#notices, observer: this.#observer };
  }
}

/** A service that is ready to run, with what the store remembers of holds. */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { store, clock, log } = options;
  const silences = await openSilences(store.ledger, clock.now(), log);
  const watches = new Watches(`${options.loaded.config.state.path}.lists`, loadAway);
  const lists = await readLists(watches, options.loaded, false);
  watches.use(lists);
  await watches.tidy();
  const rules = await inTurns(preparingRules(options.loaded.config, watches));
  const service = new Service(options, { holds: await openHolds(store.ledger), silences, watches, rules });
  service.noteLists(lists.lists);
  return service;
}

async function readLists(watches: Watches, loaded: LoadedConfig, accept: boolean): Promise<Loaded> {
  const read = await watches.read(listFilesOf(loaded), accept);
  const problems = problemsOf(read.lists, loaded.file);
  if (problems.some(({ severity }) => severity === "error")) {
    throw new ConfigError(problems);
  }
  return read;
}

/** Counts all that happens, and passes on each attempt. */
function observing(totals: Totals, attempted: Observer["attempted"] = () => {}): Observer {
  return {
    received: (frames) => totals.received(frames),
    planned: (plan, again) => totals.planned(plan, again),
    attempted(tried) {
      totals.attempted(tried);
      attempted(tried);
    },
    settled: (line) => totals.settled(line),
  };
}

/** What is opened once. */
function needRestart({ config: first }: LoadedConfig, { config: now }: LoadedConfig): readonly string[] {
  return [
    ...(first.state.path === now.state.path ? [] : ["state.path"]),
    ...(first.control === now.control ? [] : ["control"]),
    ...(isDeepStrictEqual(first.http, now.http) ? [] : ["http.listen"]),
  ];
}

function differences({ loaded: { config: before } }: Generation, { loaded: { config: now } }: Generation) {
  const names = (one: object, other: object) => Object.keys(one).filter((name) => !Object.hasOwn(other, name));
  const added = names(now.destinations, before.destinations);
  const removed = names(before.destinations, now.destinations);
  return { ...(added.length > 0 && { added }), ...(removed.length > 0 && { removed }) };
}
