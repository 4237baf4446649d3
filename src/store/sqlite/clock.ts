import { ClockWatch, type StoreClock } from "../clock-watch.ts";
import type { BatchRows } from "./batches.ts";
import { setBackFloods } from "./floods.ts";
import type { StateFile } from "./state-file.ts";
import type { Statements } from "./statements.ts";

/** What is owed leaves, and grows old, as by a clock that is never set. */
export class StoreTime {
  readonly #file: StateFile;
  readonly #sql: Statements;
  readonly #batches: BatchRows;
  readonly #clock: StoreClock | undefined;
  readonly #watch: ClockWatch;

  constructor(
    store: { readonly file: StateFile; readonly sql: Statements; readonly batches: BatchRows },
    clock: StoreClock | undefined,
  ) {
    this.#file = store.file;
    this.#sql = store.sql;
    this.#batches = store.batches;
    this.#clock = clock;
    this.#watch = new ClockWatch(store.sql.latest.get()?.at ?? Number.NEGATIVE_INFINITY, clock);
  }

  /** Moves what is stored where the clock was set since it was looked at last. */
  look(): void {
    if (this.#clock) {
      this.keep(this.#clock.now());
    }
  }

  /** The same, by what a caller says that it is. */
  keep(told: number): void {
    const { now, back, ahead } = this.#watch.look(told);
    if (back > 0) {
      this.#file.transaction(() => {
        this.#sql.setBack.map((statement) => statement.run(back));
        setBackFloods(this.#sql, back);
      });
    }
    if (ahead > 0) {
      this.#file.transaction(() => this.#sql.setAhead.map((statement) => statement.run(ahead, now)));
    }
    this.#batches.shift((at) => Math.min(at - back + ahead, now));
  }
}
