import type { RecordLine, Settlement } from "../../model/outbox.ts";
import { wasTold } from "../part-ends.ts";
import type { OwingRows } from "./owing.ts";
import type { PartRows } from "./parts.ts";
import type { PostRows } from "./posts.ts";
import type { RecordRows } from "./record.ts";
import type { ReminderRows } from "./reminders.ts";
import type { BatchRow } from "./rows.ts";
import type { Statements } from "./statements.ts";
import type { ToldRows } from "./told.ts";

/** Writes down what became of batches, in SQLite. Every call is part of a transaction. */
export class SettlingRows {
  readonly #sql: Statements;
  readonly #owing: OwingRows;
  readonly #parts: PartRows;
  readonly #posts: PostRows;
  readonly #record: RecordRows;
  readonly #reminders: ReminderRows;
  readonly #told: ToldRows;

  constructor(
    sql: Statements,
    rows: {
      readonly owing: OwingRows;
      readonly parts: PartRows;
      readonly posts: PostRows;
      readonly record: RecordRows;
      readonly reminders: ReminderRows;
      readonly told: ToldRows;
    },
  ) {
    this.#sql = sql;
    this.#owing = rows.owing;
    this.#parts = rows.parts;
    this.#posts = rows.posts;
    this.#record = rows.record;
    this.#reminders = rows.reminders;
    this.#told = rows.told;
  }

  /** `takenAt`: since when the batch is on its way. */
  settle(settlement: Settlement, takenAt: number | undefined, now: number): readonly RecordLine[] {
    const batch = this.#sql.batch.get(settlement.batch);
    if (!batch) {
      return [];
    }
    const lines = this.#settleRecords(batch, settlement, now);
    for (const { delivery, group } of settlement.regrouped ?? []) {
      this.#owing.regroup(delivery, settlement.batch, group, now);
    }
    this.#told.keep(settlement.told ?? [], now);
    this.#posts.apply(settlement.followUp, { id: settlement.batch, destination: batch.destination }, now);
    // One without any delivery says that a flood is over.
    const isSaid = settlement.retryAt === undefined || batch.note === null;
    if (isSaid && Number(this.#sql.dropEmptyBatch.run(batch.id).changes) > 0) {
      return lines;
    }
    const firstAttemptAt = batch.first_attempt_at ?? takenAt ?? now;
    this.#sql.retryBatch.run(
      settlement.retryAt ?? null,
      batch.attempts + (settlement.attempted ? 1 : 0),
      settlement.attempted ? firstAttemptAt : batch.first_attempt_at,
      settlement.reason ?? null,
      batch.id,
    );
    return lines;
  }

  #settleRecords(batch: BatchRow, settlement: Settlement, now: number): readonly RecordLine[] {
    if (batch.delivery === null) {
      return settlement.records.filter((record) => this.#settleOne(record, batch.id, wasTold(record), now));
    }
    const end = this.#parts.settle(batch, batch.delivery, settlement);
    return end && this.#settleOne(end.line, batch.id, end.isTold, now) ? [end.line] : [];
  }

  /** False: it was settled before. A settlement may be repeated when its answer was lost. */
  #settleOne(record: RecordLine, batch: string, isTold: boolean, now: number): boolean {
    const delivery = this.#sql.settled.get(record.delivery, batch);
    if (!delivery) {
      return false;
    }
    this.#record.add(record);
    this.#reminders.follow(delivery, record, now);
    this.#sql.dropUnusedAlert.run(delivery.alert);
    const { kind, instance, eventUuid, destination, changedAt } = record;
    if (isTold && kind === "event.published" && eventUuid !== undefined && changedAt !== undefined) {
      // A reminder tells nothing new, but to readers who were not told before.
      const put = (delivery.reminder ?? 0) > 0 ? this.#sql.putToldFirst : this.#sql.putTold;
      put.run(instance, eventUuid, destination, changedAt, delivery.version, delivery.seq, now);
    }
    return true;
  }
}
