import type { Wakeups } from "../absorbing/absorb.ts";
import type { Observer } from "../absorbing/observer.ts";
import type { Clock } from "../base/clock.ts";
import type { Liveness } from "../base/liveness.ts";
import type { Log } from "../base/log.ts";
import type { LogLimiter } from "../base/log-limiter.ts";
import type { Problem } from "../base/problem.ts";
import type { DeliveryWorker } from "../delivery/deliver.ts";
import type { Holds } from "../delivery/holds.ts";
import type { Silences } from "../delivery/silences.ts";
import type { Ledger } from "../model/ledger.ts";
import type { Store } from "../model/outbox.ts";
import type { Budget } from "../recall/budget.ts";
import type { LiveSource } from "../sources/source.ts";
import type { Damage } from "../store/damage.ts";
import type { Size } from "../store/size.ts";
import type { Totals } from "./totals.ts";

/** What came of reading the configuration again. */
export interface ReloadResult {
  readonly digest: string;
  readonly warnings: readonly Problem[];
  /** Keys of the configuration that have changed, and count only after a restart. */
  readonly restart: readonly string[];
}

/** Which process answers. */
export interface ProcessIdentity {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
}

/** What it runs under. */
export interface ActiveConfig {
  /** `since`: when it came into force; `rejected`: a newer one was refused. */
  readonly config: {
    readonly file: string;
    readonly digest: string;
    readonly since: number;
    readonly rejected?: { readonly at: number; readonly problems: readonly Problem[] };
  };
  readonly instances: readonly string[];
  /** The type of each configured destination. */
  readonly destinations: ReadonlyMap<string, string>;
  readonly routes: readonly string[];
}

/** What it hears, and what it asks MISP. */
export interface Feeds {
  readonly sources: readonly LiveSource[];
  /** Frames that could not be read. */
  readonly unreadable: LogLimiter;
  /** What may be asked, by instance. */
  readonly budgets: ReadonlyMap<string, Pick<Budget, "refusal">>;
}

/** Where it keeps what is owed and known. */
export interface StateAccess {
  readonly store: Store & { readonly ledger: Ledger; readonly size: Size; readonly damage: Damage };
  readonly stateFile: string;
  /** `state.max_size` in force. */
  readonly maxStateBytes: number;
}

/** What delivers, and how people hold or hurry it. */
export interface Deliveries {
  readonly workers: readonly DeliveryWorker[];
  readonly holds: Holds;
  readonly silences: Silences;
  readonly wakeups: Wakeups;
  /** Sees what is settled by a command. */
  readonly observer: Pick<Observer, "settled">;
}

/** What it counts, and whether it goes on. */
export interface Vitals {
  readonly totals: Totals;
  readonly liveness: Liveness;
}

/** What an operation works with beside the service. */
export interface OperationContext {
  readonly clock: Clock;
  readonly log: Log;
}

/** What may be done to the service as a whole. */
export interface Actions {
  /** Reads the configuration again, and with `accept` watch lists however they shrank; throws ConfigError, and then goes on with the one before. */
  readonly reload: (accept?: boolean) => Promise<ReloadResult>;
}

/** The running service, as far as people may ask it. Each operation takes only the part that it needs. */
export interface Daemon
  extends ProcessIdentity,
    ActiveConfig,
    Feeds,
    StateAccess,
    Deliveries,
    Vitals,
    OperationContext,
    Actions {}
