import type { AskingState, Cursor, Known, Undecided } from "../../model/memory.ts";
import type { Effects } from "../../model/outbox.ts";
import { without } from "../undecided.ts";
import type { Database } from "./driver.ts";
import { parseBody } from "./rows.ts";

interface Row {
  /** The event by now: what waited under a number may wait under a UUID. */
  readonly event_key: string;
  readonly body: string;
}

/** What waits for knowledge, in SQLite, how far each instance was asked what it published, and how that goes. Every call is part of a transaction. */
export class UndecidedRows {
  readonly #sql;

  constructor(db: Database) {
    this.#sql = {
      add: db.prepare("INSERT OR IGNORE INTO undecided (id, instance, event_key, since, body) VALUES (?, ?, ?, ?, ?)"),
      get: db.prepare<Row>("SELECT event_key, body FROM undecided WHERE id = ?"),
      keep: db.prepare("UPDATE undecided SET body = ? WHERE id = ?"),
      drop: db.prepare("DELETE FROM undecided WHERE id = ?"),
      rename: db.prepare("UPDATE undecided SET event_key = ? WHERE instance = ? AND event_key = ?"),
      ofEvent: db.prepare<Row>(
        "SELECT event_key, body FROM undecided WHERE instance = ? AND event_key = ? ORDER BY seq",
      ),
      quietest: db.prepare<{ readonly event_key: string; readonly last_at: number }>(`
        SELECT event_key, max(since) AS last_at FROM undecided
        WHERE instance = ? AND event_key NOT IN (SELECT value FROM json_each(?))
        GROUP BY event_key ORDER BY last_at, event_key LIMIT 1`),
      cursor: db.prepare<{ readonly published_at: number; readonly first_at: number | null }>(
        "SELECT published_at, first_at FROM cursors WHERE instance = ?",
      ),
      putCursor: db.prepare(`
        INSERT INTO cursors (instance, published_at, first_at) VALUES (?1, ?2, ?2)
        ON CONFLICT (instance) DO UPDATE SET published_at = excluded.published_at`),
      asking: db.prepare<Row>("SELECT body FROM asking WHERE instance = ?"),
      putAsking: db.prepare("INSERT OR REPLACE INTO asking (instance, body) VALUES (?, ?)"),
    };
  }

  /** What is undecided about an event. */
  load(instance: string, eventKey: string): Known["undecided"] {
    return this.#of(instance, eventKey).map(({ since: _, ...one }) => one);
  }

  /** What waits under one name waits under another. */
  rename(instance: string, from: string, to: string): void {
    this.#sql.rename.run(to, instance, from);
  }

  apply({ undecided, decided, cursors, asking = [] }: Effects): void {
    for (const one of undecided) {
      this.#sql.add.run(one.id, one.instance, one.eventKey, one.since, JSON.stringify(one));
    }
    for (const { id, destinations } of decided) {
      const row = this.#sql.get.get(id);
      const left = row && without(parse(row), destinations);
      if (left) {
        this.#sql.keep.run(JSON.stringify(left), id);
      } else {
        this.#sql.drop.run(id);
      }
    }
    for (const { instance, publishedAt } of cursors) {
      this.#sql.putCursor.run(instance, publishedAt);
    }
    for (const state of asking) {
      this.#sql.putAsking.run(state.instance, JSON.stringify(state));
    }
  }

  next(instance: string, quietSince: number, except: readonly string[]) {
    const row = this.#sql.quietest.get(instance, JSON.stringify(except));
    if (!row) {
      return undefined;
    }
    if (row.last_at > quietSince) {
      return { lastAt: row.last_at };
    }
    return { eventKey: row.event_key, undecided: this.#of(instance, row.event_key) };
  }

  cursor(instance: string): Cursor | undefined {
    const row = this.#sql.cursor.get(instance);
    return row && { publishedAt: row.published_at, ...(row.first_at !== null && { firstAt: row.first_at }) };
  }

  asking(instance: string): AskingState | undefined {
    const row = this.#sql.asking.get(instance);
    return row && parseBody(row.body);
  }

  #of(instance: string, eventKey: string): readonly Undecided[] {
    return this.#sql.ofEvent.all(instance, eventKey).map(parse);
  }
}

function parse({ event_key: eventKey, body }: Row): Undecided {
  return { ...parseBody<Undecided>(body), eventKey };
}
