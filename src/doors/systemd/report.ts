import type { Clock } from "../../base/clock.ts";
import type { Liveness } from "../../base/liveness.ts";
import type { Log } from "../../base/log.ts";
import type { Store } from "../../model/outbox.ts";
import type { Supervisor } from "../../operations/supervisor.ts";
import type { Notifier } from "./notifier.ts";
import { formatStatusLine, mattersOf, type StatusLineState } from "./status-line.ts";

/** How the service is. */
export interface ServiceState extends StatusLineState {
  readonly store: Pick<Store, "owed">;
  readonly liveness: Pick<Liveness, "stuck">;
}

/** What the reports are about. */
export interface ReporterOptions {
  /** At this moment. */
  readonly look: () => ServiceState;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often a change that matters is looked for; looking costs nothing. */
const GLANCE_MS = 2_000;
/** How often the rest is told: a process is started for each. */
const STATUS_EVERY_MS = 30_000;

/** How often within the time of the watchdog it is told that we live: one or two may get lost on a machine that is busy. */
const PINGS = 4;

/** Tells systemd what the service does, and that it is alive. */
export class SystemdReporter implements Supervisor, Disposable {
  readonly #notifier: Notifier;
  readonly #reported: ReporterOptions;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  #told: string | undefined;
  #stuck = "";
  #running = false;

  /** Once `signal` has aborted, or this is disposed of, it is told that the service stops, and nothing more. */
  constructor(notifier: Notifier, reported: ReporterOptions, signal: AbortSignal) {
    this.#notifier = notifier;
    this.#reported = reported;
    this.#signal = AbortSignal.any([signal, this.#ended.signal]);
    this.#signal.addEventListener("abort", () => void this.#stopping(), { once: true });
  }

  running(): void {
    if (this.#signal.aborted) {
      return;
    }
    this.#running = true;
    void this.#tellStatus({ READY: 1, MAINPID: process.pid });
    void this.#keepStatus();
    const { watchdogMs } = this.#notifier;
    if (watchdogMs !== undefined) {
      void this.#keepAlive(watchdogMs / PINGS);
    }
  }

  reloading(): void {
    if (!this.#running || this.#signal.aborted) {
      return;
    }
    // The clock of systemd is the one that hrtime reads (CLOCK_MONOTONIC).
    const monotonic = String(process.hrtime.bigint() / 1000n);
    void this.#notifier.tell({ RELOADING: 1, MONOTONIC_USEC: monotonic, STATUS: "reading the configuration again" });
  }

  reloaded(): void {
    if (this.#running && !this.#signal.aborted) {
      void this.#tellStatus({ READY: 1 });
    }
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
  }

  #stopping(): Promise<void> {
    return this.#notifier.tell({ STOPPING: 1, STATUS: "stopping; what is owed is kept" });
  }

  async #keepStatus(): Promise<void> {
    const { clock, look } = this.#reported;
    let before = mattersOf(look());
    for (let waitedMs = 0; ; ) {
      await clock.sleep(GLANCE_MS, this.#signal);
      if (this.#signal.aborted) {
        return;
      }
      const matters = mattersOf(look());
      waitedMs += GLANCE_MS;
      if (matters === before && waitedMs < STATUS_EVERY_MS) {
        continue;
      }
      before = matters;
      waitedMs = 0;
      await this.#tellStatus();
    }
  }

  /** By sleeping, not by the time of day: that may be set back. */
  async #keepAlive(everyMs: number): Promise<void> {
    const { clock } = this.#reported;
    for (;;) {
      // systemd begins to watch once we are ready.
      await clock.sleep(everyMs, this.#signal);
      if (this.#signal.aborted) {
        return;
      }
      if (this.#isAlive()) {
        await this.#notifier.tell({ WATCHDOG: 1 });
      }
    }
  }

  #isAlive(): boolean {
    const { look, log } = this.#reported;
    const stuck = look().liveness.stuck();
    const names = stuck.join(", ");
    if (names !== this.#stuck) {
      if (names) {
        log.error({ stuck }, "Parts of the service do not go on; systemd is left to restart it");
      } else {
        log.info("All parts of the service go on again");
      }
    }
    this.#stuck = names;
    return names === "";
  }

  async #tellStatus(also: Readonly<Record<string, string | number>> = {}): Promise<void> {
    const { look } = this.#reported;
    const status = formatStatusLine(look(), await this.#owed());
    if (this.#signal.aborted) {
      return;
    }
    if (status === this.#told && Object.keys(also).length === 0) {
      return;
    }
    this.#told = status;
    await this.#notifier.tell({ ...also, STATUS: status });
  }

  async #owed(): Promise<number | undefined> {
    try {
      return (await this.#reported.look().store.owed()).reduce((sum, line) => sum + line.owed, 0);
    } catch {
      // Whoever writes to the store says what is wrong with it.
      return undefined;
    }
  }
}
