import type { RecordLine } from "../../model/outbox.ts";
import { type Silence, type SilenceState, silenceKey } from "../../model/silence.ts";
import type { Database } from "./driver.ts";
import { type BodyRow, parseBody } from "./rows.ts";

interface SilenceRow extends BodyRow {
  readonly id: string;
  readonly until: number;
  readonly muted: number;
}

/** The silences in SQLite, with what is behind them. */
export class SilenceRows {
  readonly #sql: ReturnType<typeof prepare>;

  constructor(db: Database) {
    this.#sql = prepare(db);
  }

  /** Those that end after `since`. */
  after(since: number): readonly SilenceState[] {
    return this.#sql.after.all(since).map(({ id, until, muted, body }) => ({
      ...parseBody<Silence>(body),
      until,
      muted,
      held: this.#sql.held.all(silenceKey(id)).map((row) => ({ ...row })),
    }));
  }

  put(silence: Silence): void {
    this.#sql.put.run(silence.id, silence.until, JSON.stringify(silence));
    this.#sql.moveHeld.run(silence.until, silenceKey(silence.id));
  }

  /** Counts what a line of the record says is muted. */
  count({ silence }: RecordLine): void {
    if (silence !== undefined) {
      this.#sql.count.run(silence);
    }
  }
}

function prepare(db: Database) {
  return {
    after: db.prepare<SilenceRow>("SELECT id, until, muted, body FROM silences WHERE until > ? ORDER BY until, id"),
    put: db.prepare(`
      INSERT INTO silences (id, until, body) VALUES (?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET until = excluded.until, body = excluded.body`),
    moveHeld: db.prepare("UPDATE delivery_groups SET due_at = ? WHERE key = ? AND due_at IS NOT NULL"),
    held: db.prepare<{ readonly destination: string; readonly n: number }>(`
      SELECT c.destination, count(*) AS n FROM owed_counts c
        JOIN deliveries d ON d.destination = c.destination AND d.group_key = ?1 AND d.batch IS NULL
      GROUP BY c.destination ORDER BY c.destination`),
    count: db.prepare("UPDATE silences SET muted = muted + 1 WHERE id = ?"),
  };
}
