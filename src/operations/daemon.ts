import type { Wakeups } from "../absorbing/absorb.ts";
import type { Observer } from "../absorbing/observer.ts";
import type { Clock } from "../base/clock.ts";
import type { Liveness } from "../base/liveness.ts";
import type { Log } from "../base/log.ts";
import type { LogLimiter } from "../base/log-limiter.ts";
import type { Problem } from "../base/problem.ts";
import type { DeliveryWorker } from "../delivery/deliver.ts";
import type { Holds } from "../delivery/holds.ts";
import type { Ledger } from "../model/ledger.ts";
import type { Store } from "../model/outbox.ts";
import type { Gate } from "../recall/gate.ts";
import type { LiveSource } from "../sources/source.ts";
import type { Size } from "../store/sqlite/size.ts";
import type { Totals } from "./totals.ts";

/** What came of reading the configuration again. */
export interface ReloadResult {
  readonly digest: string;
  readonly warnings: readonly Problem[];
  /** Keys of the configuration that have changed, and count only after a restart. */
  readonly restart: readonly string[];
}

/** The running service, as far as people may ask it. */
export interface Daemon {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  /** `since`: when it came into force; `rejected`: a newer one was refused. */
  readonly config: {
    readonly file: string;
    readonly digest: string;
    readonly since: number;
    readonly rejected?: { readonly at: number; readonly problems: readonly Problem[] };
  };
  readonly stateFile: string;
  readonly instances: readonly string[];
  /** The type of each configured destination. */
  readonly destinations: ReadonlyMap<string, string>;
  readonly routes: readonly string[];
  readonly sources: readonly LiveSource[];
  readonly workers: readonly DeliveryWorker[];
  /** By instance that is asked, what stands before every question to it. */
  readonly gates: ReadonlyMap<string, Pick<Gate, "refusal">>;
  readonly wakeups: Wakeups;
  readonly store: Store & { readonly ledger: Ledger; readonly size: Size };
  /** `state.max_size` in force. */
  readonly maxStateBytes: number;
  readonly liveness: Liveness;
  readonly holds: Holds;
  readonly totals: Totals;
  readonly unreadable: LogLimiter;
  readonly clock: Clock;
  readonly log: Log;
  /** Sees what is settled by a command. */
  readonly observer: Pick<Observer, "settled">;
  /** Reads the configuration again; throws ConfigError, and then goes on with the one before. */
  readonly reload: () => Promise<ReloadResult>;
}
