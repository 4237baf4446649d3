import type { Delivery, RecordLine } from "../../model/outbox.ts";
import { acknowledgedBy, recordOf } from "../../model/record.ts";
import type { Acknowledgement } from "../../model/remind.ts";
import { reminderOfNewer, remindersAfter } from "../../pacing/remind.ts";
import type { BatchRows } from "./batches.ts";
import type { Database } from "./driver.ts";
import type { LedgerStatements } from "./ledger-statements.ts";
import type { OwingRows } from "./owing.ts";
import { type Removed, removeOwed } from "./removal.ts";
import { formatDelivery, parseDelivery, type SettledRow } from "./rows.ts";
import type { Statements } from "./statements.ts";

/** What reminders share with the store of the same file. */
export interface ReminderContext {
  readonly sql: Statements;
  readonly ledger: LedgerStatements;
  readonly batches: Pick<BatchRows, "isUnderWay">;
  readonly owing: Pick<OwingRows, "owe">;
}

/** Reminders, and who has acknowledged what, in SQLite. Every call is part of a transaction. */
export class ReminderRows {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #context: ReminderContext;

  constructor(db: Database, context: ReminderContext) {
    this.#sql = prepare(db);
    this.#context = context;
  }

  /** Owes what follows a delivery that is over. */
  follow({ body, created_at: createdAt }: SettledRow, line: RecordLine, now: number): void {
    if (body === null) {
      return;
    }
    const delivery = parseDelivery(body);
    const { instance, eventUuid = "", destination } = delivery;
    const at = this.#sql.acknowledgedAt.get(eventUuid, instance)?.at;
    if (at !== undefined && at >= createdAt) {
      return;
    }
    const waiting = delivery.reminder ? undefined : this.#sql.waiting.get(eventUuid, instance, destination);
    for (const next of remindersAfter(delivery, line, now)) {
      if (!waiting) {
        this.#context.owing.owe(next, now);
      } else if (waiting.batch === null) {
        this.#replace(waiting, reminderOfNewer(delivery, parseDelivery(waiting.body), now));
      }
    }
  }

  /** Gives the lines of the reminders that this settles. */
  acknowledge({ instance, eventUuid, at, by }: Acknowledgement): readonly RecordLine[] {
    this.#sql.acknowledge.run(eventUuid, instance, at, by);
    const { sql, ledger, batches } = this.#context;
    const rows = this.#sql.ofEvent.all(eventUuid, instance);
    const movable = rows.filter(({ batch }) => batch === null || !batches.isUnderWay(batch));
    return removeOwed(movable, { sql, ledger }, (one) => recordOf(one, at, acknowledgedBy(by)));
  }

  acknowledged(eventUuid: string): readonly Acknowledgement[] {
    return this.#sql.acknowledged.all(eventUuid).map(({ event_uuid, ...row }) => ({ ...row, eventUuid: event_uuid }));
  }

  /** What waits keeps its time. */
  #replace({ id, alert, group_key: key }: Removed, newer: Delivery): void {
    const { sql, ledger } = this.#context;
    ledger.dropDelivery.run(id);
    sql.addDelivery.run(...formatDelivery(newer, key));
    sql.dropUnusedAlert.run(alert);
  }
}

function prepare(db: Database) {
  const columns = "id, alert, destination, group_key, batch, body";
  return {
    waiting: db.prepare<Removed>(`
      SELECT ${columns} FROM deliveries
      WHERE event_uuid = ? AND instance = ? AND destination = ? AND reminder > 0 ORDER BY seq DESC LIMIT 1`),
    ofEvent: db.prepare<Removed>(`
      SELECT ${columns} FROM deliveries WHERE event_uuid = ? AND instance = ? AND reminder > 0 ORDER BY seq`),
    acknowledge: db.prepare(`
      INSERT INTO acknowledged (event_uuid, instance, at, by) VALUES (?, ?, ?, ?)
      ON CONFLICT (event_uuid, instance) DO UPDATE SET at = excluded.at, by = excluded.by`),
    acknowledgedAt: db.prepare<{ readonly at: number }>(
      "SELECT at FROM acknowledged WHERE event_uuid = ? AND instance = ?",
    ),
    acknowledged: db.prepare<Omit<Acknowledgement, "eventUuid"> & { readonly event_uuid: string }>(
      "SELECT event_uuid, instance, at, by FROM acknowledged WHERE event_uuid = ? ORDER BY instance",
    ),
  };
}
