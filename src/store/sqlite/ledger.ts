import { setImmediate } from "node:timers/promises";
import type { Alert } from "../../model/alert.ts";
import type {
  ChangeableMessage,
  Collected,
  Hold,
  Ledger,
  OwedFilter,
  OwedLine,
  PendingChanges,
  RecordFilter,
} from "../../model/ledger.ts";
import type { Memory } from "../../model/memory.ts";
import type { Batch, BatchId, DeliveryId, RecordLine } from "../../model/outbox.ts";
import type { EventName } from "../../model/progress.ts";
import { recordOf } from "../../model/record.ts";
import type { Acknowledgement } from "../../model/remind.ts";
import { type Silence, type SilenceState, silenceOf } from "../../model/silence.ts";
import { isRemindKey } from "../../pacing/remind.ts";
import { judgedOf } from "../names.ts";
import type { BatchRows } from "./batches.ts";
import type { LedgerStatements, OwedRow } from "./ledger-statements.ts";
import type { PostRows } from "./posts.ts";
import type { ReminderRows } from "./reminders.ts";
import { removeOwed } from "./removal.ts";
import { parseAlert, parseDelivery, parseHold, parseNote, parseRecord, parseShow } from "./rows.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import type { SightingRows } from "./sightings.ts";
import type { SilenceRows } from "./silences.ts";
import type { StateFile } from "./state-file.ts";
import type { Statements } from "./statements.ts";

/** What the ledger shares with the store of the same file. */
export interface LedgerContext {
  readonly file: StateFile;
  readonly sql: Statements;
  readonly ledger: LedgerStatements;
  readonly silences: SilenceRows;
  readonly sightings: SightingRows;
  readonly reminders: ReminderRows;
  readonly batches: Pick<BatchRows, "underWay">;
  readonly posts: Pick<PostRows, "pending" | "about" | "acknowledge">;
  /** Called within a transaction. */
  readonly memoryOf: (alert: Alert) => Memory;
  /** The alert as it can be looked at: of one in several pages the first. Called within a transaction. */
  readonly glimpseOf: (alert: Alert) => Alert;
  /** Called within a transaction. */
  readonly toldOf: (entries: Batch["entries"]) => NonNullable<Batch["told"]>;
  /** What is stored goes by the clock as it is set now. */
  readonly lookAtClock: () => void;
}

/** What people ask and decide, in SQLite: a page is a transaction, so that nothing waits for a long list. */
export class SqliteLedger implements Ledger {
  readonly #context: LedgerContext;
  readonly #sql: LedgerStatements;

  constructor(context: LedgerContext) {
    this.#context = context;
    this.#sql = context.ledger;
  }

  async probe(): Promise<void> {
    await this.#context.file.assertPresent();
    // SQLite writes the page of the header also when the number stays the same.
    this.#transaction(() => this.#context.file.db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`));
  }

  async *owed(filter: OwedFilter): AsyncGenerator<readonly OwedLine[]> {
    for await (const lines of this.#pages(filter, (rows) => rows.map(parseOwed))) {
      yield lines;
    }
  }

  async find(prefix: string): Promise<readonly DeliveryId[]> {
    if (!/^[\w-]*$/.test(prefix)) {
      return [];
    }
    // Every id is of letters and digits, and ~ sorts behind them.
    return this.#transaction(() => this.#sql.idsFrom.all(prefix, `${prefix}~`).map(({ id }) => id as DeliveryId));
  }

  async open(id: DeliveryId): Promise<{ readonly line: OwedLine; readonly batch: Batch } | undefined> {
    return this.#transaction(() => {
      const row = this.#sql.owedRow.get(this.#inFlight(), id);
      const body = row && this.#sql.alertBody.get(row.alert)?.body;
      const show = this.#sql.showOf.get(id)?.show;
      if (!row || body === undefined || show === undefined) {
        return undefined;
      }
      const line = parseOwed(row);
      const alert = this.#context.glimpseOf(parseAlert(body));
      const entry = { delivery: line.delivery, alert, memory: this.#context.memoryOf(judgedOf(alert, line.delivery)) };
      const told = this.#context.toldOf([entry]);
      const { destination, createdAt } = line.delivery;
      const note = row.batch === null ? undefined : parseNote(this.#context.sql.batch.get(row.batch)?.note ?? null);
      const batch: Batch = {
        id: (row.batch ?? id) as BatchId,
        destination,
        attempts: line.attempts,
        firstAttemptAt: line.firstAttemptAt ?? createdAt,
        show: parseShow(show),
        ...(note && { note }),
        entries: [entry],
        ...(told.length > 0 && { told }),
      };
      return { line, batch };
    });
  }

  async *hasten(filter: OwedFilter, now: number): AsyncGenerator<readonly OwedLine[]> {
    const pages = this.#pages(filter, (rows) => {
      const movable = rows.filter((row) => row.sending === 0 && (filter.ids || !isReminder(row)));
      for (const { batch, destination, group_key } of movable) {
        if (batch === null) {
          this.#sql.hastenGroup.run(now, destination, group_key);
        } else {
          this.#sql.hastenBatch.run(now, batch);
        }
      }
      return movable.map((row) => ({ ...parseOwed(row), dueAt: Math.min(row.due_at, now) }));
    });
    for await (const lines of pages) {
      yield lines;
    }
  }

  async *drop(
    filter: OwedFilter,
    end: Parameters<Ledger["drop"]>[1],
    now: number,
  ): AsyncGenerator<readonly RecordLine[]> {
    const pages = this.#pages(filter, (rows) => {
      const movable = rows.filter((row) => row.sending === 0);
      return removeOwed(movable, { sql: this.#context.sql, ledger: this.#sql }, (one) => recordOf(one, now, end));
    });
    for await (const lines of pages) {
      yield lines;
    }
  }

  async *records(filter: RecordFilter): AsyncGenerator<readonly RecordLine[]> {
    const { destination, eventUuid, outcome, since } = filter;
    let before = Number.MAX_SAFE_INTEGER;
    for (;;) {
      const page = this.#transaction(() => {
        const ofEvent = eventUuid !== undefined;
        const start = ofEvent
          ? this.#sql.recordsOfEventStart.get(eventUuid, before)?.seq
          : this.#sql.recordPageStart.get(before)?.seq;
        if (typeof start !== "number") {
          return undefined;
        }
        const wanted = [start, before, destination ?? null, outcome ?? null, since ?? null] as const;
        const rows = ofEvent ? this.#sql.recordsOfEvent.all(...wanted, eventUuid) : this.#sql.recordPage.all(...wanted);
        // The record is in the order of time, but for a clock that was set back.
        const ended = since !== undefined && !ofEvent && (this.#sql.newestOf.get(start, before)?.at ?? 0) < since;
        return { lines: rows.map(parseRecord), start, ended };
      });
      if (!page) {
        return;
      }
      if (page.lines.length > 0) {
        yield page.lines;
      }
      if (page.ended) {
        return;
      }
      before = page.start;
      await setImmediate();
    }
  }

  async undecided() {
    return this.#transaction(() => this.#sql.undecided.all().map((row) => ({ ...row })));
  }

  async unconfirmed() {
    return this.#transaction(() => this.#sql.unconfirmed.all().map((row) => ({ ...row })));
  }

  async toldAt(destination: string): Promise<number | undefined> {
    return this.#transaction(() => this.#sql.toldAt.get(destination)?.at ?? undefined);
  }

  async holds(): Promise<readonly Hold[]> {
    this.#context.lookAtClock();
    return this.#transaction(() => this.#sql.holds.all().map(parseHold));
  }

  async hold({ destination, kind, since, note, until }: Hold): Promise<void> {
    this.#transaction(() => this.#sql.hold.run(destination, kind, since, note, until ?? null));
  }

  async limit({ destination, kind, note, until }: Hold): Promise<void> {
    this.#transaction(() => this.#sql.limitHold.run(until ?? null, note, destination, kind));
  }

  async release(destination: string, kind: Hold["kind"], now: number): Promise<void> {
    this.#transaction(() => {
      const from = this.#sql.agelessFrom.get(destination)?.at;
      if (!this.#sql.release.get(destination, kind) || typeof from !== "number") {
        return;
      }
      this.#sql.rejuvenate.run(destination, now, from);
      // What holds it beside this one must not count the same time again.
      this.#sql.stillAgeless.run(now, destination);
    });
  }

  async nextDue(destination: string): Promise<number | undefined> {
    return this.#transaction(() => {
      const due = this.#context.sql.nextDue.get(this.#inFlight(), "[]", 0, destination);
      return due?.dueAt ?? undefined;
    });
  }

  async collected(): Promise<readonly Collected[]> {
    return this.#transaction(() => this.#sql.collected.all().map((row) => ({ ...row })));
  }

  async pendingChanges(): Promise<readonly PendingChanges[]> {
    this.#context.lookAtClock();
    return this.#transaction(() => this.#context.posts.pending());
  }

  async messages(event: EventName): Promise<readonly ChangeableMessage[]> {
    this.#context.lookAtClock();
    return this.#transaction(() => this.#context.posts.about(event));
  }

  async acknowledge(acknowledgement: Acknowledgement): Promise<readonly RecordLine[]> {
    return this.#transaction(() => {
      this.#context.posts.acknowledge(acknowledgement);
      return this.#context.reminders.acknowledge(acknowledgement);
    });
  }

  async acknowledged(eventUuid: string): Promise<readonly Acknowledgement[]> {
    return this.#transaction(() => this.#context.reminders.acknowledged(eventUuid));
  }

  async silences(since: number): Promise<readonly SilenceState[]> {
    this.#context.lookAtClock();
    return this.#transaction(() => this.#context.silences.after(since));
  }

  async silence(silence: Silence): Promise<void> {
    this.#transaction(() => this.#context.silences.put(silence));
  }

  /** What `work` makes of the rows that are meant, one transaction for each page of them. */
  async *#pages<T>(filter: OwedFilter, work: (rows: readonly OwedRow[]) => readonly T[]): AsyncGenerator<readonly T[]> {
    const { ids, destinations, eventUuid, before, standing } = filter;
    const names = destinations === undefined ? null : JSON.stringify(destinations);
    const rowsOf = (after: number, last: number) =>
      this.#sql.owedPage.all(this.#inFlight(), after, last, names, eventUuid ?? null, before ?? null, standing ?? null);
    if (ids !== undefined) {
      const done = this.#transaction(() => {
        const seqs = [...new Set(ids)].flatMap((id) => this.#sql.seqOf.get(id)?.seq ?? []).sort((a, b) => a - b);
        return work(seqs.flatMap((seq) => rowsOf(seq - 1, seq)));
      });
      if (done.length > 0) {
        yield done;
      }
      return;
    }
    let after = 0;
    for (;;) {
      const page = this.#transaction(() => {
        const last = this.#sql.owedPageEnd.get(after)?.seq;
        return typeof last === "number" ? { last, done: work(rowsOf(after, last)) } : undefined;
      });
      if (!page) {
        return;
      }
      if (page.done.length > 0) {
        yield page.done;
      }
      after = page.last;
      await setImmediate();
    }
  }

  #inFlight(): string {
    return this.#context.batches.underWay();
  }

  #transaction<T>(work: () => T): T {
    return this.#context.file.transaction(work);
  }
}

/** It waits to remind of what was told. */
function isReminder({ batch, group_key }: OwedRow): boolean {
  return batch === null && isRemindKey(group_key);
}

function parseOwed(row: OwedRow): OwedLine {
  const silence = row.batch === null ? silenceOf(row.group_key) : undefined;
  return {
    delivery: parseDelivery(row.body),
    standing: row.batch === null ? "waiting" : row.sending === 1 ? "sending" : "retrying",
    group: row.group_key,
    dueAt: row.due_at,
    attempts: row.attempts ?? 0,
    ...(row.first_attempt_at !== null && { firstAttemptAt: row.first_attempt_at }),
    ...(row.reason !== null && { reason: row.reason }),
    ...(silence !== undefined && { silence }),
    ...(row.batch === null && row.collects !== null && { collects: row.collects }),
  };
}
