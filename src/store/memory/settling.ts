import type { RecordLine, Settlement } from "../../model/outbox.ts";
import { wasTold } from "../part-ends.ts";
import type { OwedParts } from "./parts.ts";
import type { MemoryPosts } from "./posts.ts";
import type { Records } from "./record.ts";
import type { Reminders } from "./reminders.ts";
import type { FormedBatch, Tables } from "./rows.ts";
import type { ToldEvents } from "./told.ts";
import type { Waiting } from "./waiting.ts";

/** Writes down what became of batches, in memory. */
export class MemorySettling {
  readonly #tables: Tables;
  readonly #waiting: Waiting;
  readonly #parts: OwedParts;
  readonly #posts: MemoryPosts;
  readonly #record: Records;
  readonly #reminders: Reminders;
  readonly #told: ToldEvents;

  constructor(
    tables: Tables,
    rows: {
      readonly waiting: Waiting;
      readonly parts: OwedParts;
      readonly posts: MemoryPosts;
      readonly record: Records;
      readonly reminders: Reminders;
      readonly told: ToldEvents;
    },
  ) {
    this.#tables = tables;
    this.#waiting = rows.waiting;
    this.#parts = rows.parts;
    this.#posts = rows.posts;
    this.#record = rows.record;
    this.#reminders = rows.reminders;
    this.#told = rows.told;
  }

  settle(settlement: Settlement, now: number): readonly RecordLine[] {
    const batch = this.#tables.batches.get(settlement.batch);
    if (!batch) {
      return [];
    }
    const lines = this.#settleRecords(batch, settlement, now);
    for (const { delivery, group } of settlement.regrouped ?? []) {
      this.#waiting.regroup(delivery, batch.id, group, now);
    }
    this.#told.keep(settlement.told ?? [], now);
    this.#posts.apply(settlement.followUp, batch, now);
    this.#posts.rechecks.ended(batch.id);
    // One without any delivery says that a flood is over.
    const isSaid = settlement.retryAt === undefined || batch.note === undefined;
    if (isSaid && ![...this.#tables.owed.values()].some((owed) => owed.batch === batch.id)) {
      this.#tables.batches.delete(batch.id);
      return lines;
    }
    const { takenAt, ...rest } = batch;
    this.#tables.batches.set(batch.id, {
      ...rest,
      nextAt: settlement.retryAt ?? batch.nextAt,
      ...(settlement.attempted && {
        attempts: batch.attempts + 1,
        firstAttemptAt: batch.firstAttemptAt ?? takenAt ?? now,
      }),
      ...(settlement.reason !== undefined && { reason: settlement.reason }),
    });
    return lines;
  }

  #settleRecords(batch: FormedBatch, settlement: Settlement, now: number): readonly RecordLine[] {
    if (batch.delivery === undefined) {
      return settlement.records.filter((record) => this.#settleOne(record, batch.id, wasTold(record), now));
    }
    const end = this.#parts.settle(batch, batch.delivery, settlement);
    return end && this.#settleOne(end.line, batch.id, end.isTold, now) ? [end.line] : [];
  }

  /** False: it was settled before. A settlement may be repeated when its answer was lost. */
  #settleOne(record: RecordLine, batch: string, isTold: boolean, now: number): boolean {
    const owed = this.#tables.owed.get(record.delivery);
    if (owed?.batch !== batch) {
      return false;
    }
    this.#tables.owed.delete(record.delivery);
    this.#parts.forget(owed);
    this.#record.add(record);
    this.#reminders.follow(owed, record, now);
    if (isTold) {
      this.#told.put(owed, now);
    }
    return true;
  }
}
