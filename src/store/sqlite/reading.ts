import type { AlertPage } from "../../model/alert.ts";
import type { Memory } from "../../model/memory.ts";
import type { Batch, BatchId, Delivery, TakeOptions } from "../../model/outbox.ts";
import { judgedOf } from "../names.ts";
import type { MemoryRows } from "./memory.ts";
import type { PartRows } from "./parts.ts";
import type { PostRows } from "./posts.ts";
import { type BatchRow, parseAlert, parseDelivery, parseNote, parseShow } from "./rows.ts";
import type { Statements } from "./statements.ts";
import type { ToldRows } from "./told.ts";

/** Reads what leaves, with what is known of it now, from SQLite. Every call is part of a transaction. */
export class ReadingRows {
  readonly #sql: Statements;
  readonly #memory: MemoryRows;
  readonly #parts: PartRows;
  readonly #posts: PostRows;
  readonly #told: ToldRows;

  constructor(
    sql: Statements,
    rows: { readonly memory: MemoryRows; readonly parts: PartRows; readonly posts: PostRows; readonly told: ToldRows },
  ) {
    this.#sql = sql;
    this.#memory = rows.memory;
    this.#parts = rows.parts;
    this.#posts = rows.posts;
    this.#told = rows.told;
  }

  batch(row: BatchRow, now: number, { follows: isFollowed = false }: TakeOptions): Batch {
    const part = this.#parts.slice(row);
    const rows = part ? this.#sql.inSlice.all(part.delivery) : this.#sql.inBatch.all(row.id);
    const entries = rows.map((entry) => {
      const head = parseAlert(entry.alert);
      const alert = part ? this.#parts.within(head, part.slice.from, part.slice.to) : head;
      const delivery = parseDelivery(entry.delivery);
      const judged = judgedOf(alert, delivery);
      const removed = part?.slice.removed ?? [];
      return { delivery, alert, memory: this.#memory.of({ ...judged, items: [...judged.items, ...removed] }) };
    });
    // What is different was found out when the delivery was cut.
    const told = part && !part.slice.last ? [] : this.#told.of(entries);
    const note = parseNote(row.note);
    const followed = entries.filter(({ delivery }) => isFollowed || delivery.withdraws);
    const follows = followed.length > 0 ? this.#posts.follows(row.destination, followed) : [];
    return {
      id: row.id as BatchId,
      destination: row.destination,
      ...(row.part !== null && row.parts !== null && { part: { n: row.part, of: row.parts } }),
      ...(part && { slice: part.slice }),
      attempts: row.attempts,
      firstAttemptAt: row.first_attempt_at ?? now,
      show: parseShow(row.show),
      ...(note && { note }),
      entries,
      ...(told.length > 0 && { told }),
      ...(follows.length > 0 && { follows }),
    };
  }

  /** The page of a delivery's alert in which the place is. */
  page(delivery: Delivery, from: number): { page: AlertPage; memory: Memory } | undefined {
    const body = this.#sql.alertBody.get(delivery.alert)?.body;
    const alert = body === undefined ? undefined : parseAlert(body);
    const page = alert && this.#parts.page(alert, from);
    if (!alert || !page) {
      return undefined;
    }
    const { items, loose, objects } = page;
    const around = { ...alert, items, objects: [...objects, ...loose] };
    return { page, memory: this.#memory.of(judgedOf(around, delivery)) };
  }
}
