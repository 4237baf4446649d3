import type { RecordLine } from "../../model/outbox.ts";
import { addUp, countRefusals, isRepeatable } from "../refusals.ts";
import { formatRecord, parseRecord } from "./rows.ts";
import type { SilenceRows } from "./silences.ts";
import type { Statements } from "./statements.ts";

/** The record of what became of deliveries, in SQLite. Every call is part of a transaction. */
export class RecordRows {
  readonly #sql: Statements;
  readonly #silences: SilenceRows;

  constructor(sql: Statements, silences: SilenceRows) {
    this.#sql = sql;
    this.#silences = silences;
  }

  /** What planning has decided not to tell. */
  addAll(lines: readonly RecordLine[]): void {
    for (const line of countRefusals(lines)) {
      if (!this.#isKnown(line)) {
        this.add(line);
      }
    }
  }

  /** What is refused for the same reason as before is one line that counts. */
  add(record: RecordLine): void {
    const { eventUuid, destination, reason } = record;
    this.#silences.count(record);
    const before = isRepeatable(record) && this.#sql.takeRefusal.get(eventUuid ?? null, destination, reason ?? null);
    const line = before ? addUp(parseRecord(before), record) : record;
    this.#sql.addRecord.run(...formatRecord(line));
  }

  /** What comes again while it is muted is muted once, and what is owed has an end of its own. */
  #isKnown({ delivery, outcome }: RecordLine): boolean {
    return (
      outcome === "muted" && (this.#sql.isSettledOrOwed.get(delivery) ?? this.#sql.wasMuted.get(delivery)) !== undefined
    );
  }
}
