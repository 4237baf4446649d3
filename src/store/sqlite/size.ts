import type { Undecided } from "../../model/memory.ts";
import type { RecordLine } from "../../model/outbox.ts";
import { recordOf } from "../../model/record.ts";
import type { Eviction, Size } from "../size.ts";
import type { Database } from "./driver.ts";
import type { LedgerContext } from "./ledger.ts";
import { type Removed, removeOwed } from "./removal.ts";
import { parseBody } from "./rows.ts";
import { dropToldParts, NOT_OWED } from "./statements.ts";

const RECORD_ROWS = 500;
const EVENT_ROWS = 50;
const OWED_ROWS = 100;
const UNDECIDED_ROWS = 100;
const PAGES_AT_ONCE = 1_000;
/** Pages that stay for what comes next. */
const SPARE_PAGES = 64;
const DAY_MS = 86_400_000;
/** What reconcile finds again, and the feed may repeat, is told again once it is forgotten: that costs more than its room. */
const RECENT_MS = 3_600_000;
/** Whatever the clock said when it was written. */
const ANY_TIME = Number.MAX_SAFE_INTEGER;

/** The size of a state file of SQLite. */
export class SqliteSize implements Size {
  readonly #context: LedgerContext;
  readonly #sql;

  constructor(context: LedgerContext) {
    this.#context = context;
    this.#sql = prepareSize(context.file.db);
  }

  async measure(): Promise<{ readonly used: number; readonly file: number }> {
    return this.#context.file.transaction(() => this.#measure());
  }

  async shed(maxBytes: number, now: number): Promise<Eviction | undefined> {
    return this.#context.file.transaction((): Eviction | undefined => {
      const excess = this.#measure().used - maxBytes;
      if (excess <= 0) {
        return undefined;
      }
      const old = this.#shedKnown(now - RECENT_MS, now - DAY_MS, now);
      if (old) {
        return old;
      }
      const undecided = this.#sql.oldestUndecided.all().map(({ body }): Undecided => parseBody(body));
      if (undecided.length > 0) {
        return { what: "undecided", undecided };
      }
      // Memory has not learned that these were published: reconcile finds them again.
      const unconfirmed = Number(this.#sql.dropUnconfirmed.run().changes);
      if (unconfirmed > 0) {
        return { what: "unconfirmed", rows: unconfirmed };
      }
      const lines = this.#shedOwed(excess, now);
      return lines.length > 0 ? { what: "owed", lines } : this.#shedKnown(ANY_TIME, ANY_TIME, now);
    });
  }

  async giveBack(): Promise<boolean> {
    return this.#context.file.transaction(() => {
      const { spare } = this.#pages();
      if (spare <= SPARE_PAGES) {
        return false;
      }
      this.#context.file.db.exec(`PRAGMA incremental_vacuum(${Math.min(PAGES_AT_ONCE, spare - SPARE_PAGES)})`);
      // A file that was made before it could shrink does not.
      return this.#pages().spare < spare;
    });
  }

  /** The record and memory from before then; it takes little room to know who was told. */
  #shedKnown(before: number, toldBefore: number, now: number): Eviction | undefined {
    // That something was lost is told for a day, though room is scarce.
    const records = Number(this.#sql.shedRecords.run(before, now - DAY_MS).changes);
    if (records > 0) {
      return { what: "records", rows: records };
    }
    const memory = this.#shedMemory(before, toldBefore, now);
    return memory > 0 ? { what: "memory", rows: memory } : undefined;
  }

  /** Events with all that is known of them, then what was shown and sighted, who was told of others, and groups in which nothing has waited for a day. */
  #shedMemory(before: number, toldBefore: number, now: number): number {
    let rows = 0;
    for (const { instance, key } of this.#sql.oldestEvents.all(before)) {
      rows += Number(this.#sql.dropEvent.run(instance, key).changes);
      // Never without its event: a marking that is forgotten alone would loosen.
      rows += Number(this.#sql.dropParts.run(instance, key).changes);
    }
    if (rows > 0) {
      return rows;
    }
    const parts = Number(this.#sql.dropToldParts.run(before).changes);
    if (parts > 0) {
      return parts;
    }
    const posts = Number(this.#sql.dropPosts.run(before).changes);
    if (posts > 0) {
      return posts;
    }
    const sightings = this.#context.sightings.prune(before);
    if (sightings > 0) {
      return sightings;
    }
    const told =
      Number(this.#sql.dropTold.run(toldBefore).changes) + Number(this.#sql.dropFollows.run(toldBefore).changes);
    return told > 0 ? told : Number(this.#sql.dropGroups.run(now - DAY_MS).changes);
  }

  #shedOwed(excess: number, now: number): readonly RecordLine[] {
    const inFlight = this.#context.batches.underWay();
    const destination = this.#sql.owesMost.get(inFlight)?.destination;
    if (destination === undefined) {
      return [];
    }
    const oldest = this.#sql.oldestOwed.all(inFlight, destination);
    let bytes = 0;
    const enough = oldest.findIndex((row) => {
      bytes += row.bytes;
      return bytes >= excess;
    });
    const rows = enough < 0 ? oldest : oldest.slice(0, enough + 1);
    return removeOwed(rows, this.#context, (delivery) =>
      recordOf(delivery, now, { outcome: "dead", reason: "state-full" }),
    );
  }

  #measure(): { readonly used: number; readonly file: number } {
    const { pages, spare, bytes } = this.#pages();
    return { used: (pages - spare) * bytes, file: pages * bytes };
  }

  #pages(): { readonly pages: number; readonly spare: number; readonly bytes: number } {
    return this.#sql.pages.get() ?? { pages: 0, spare: 0, bytes: 0 };
  }
}

function prepareSize(db: Database) {
  return {
    pages: db.prepare<{ readonly pages: number; readonly spare: number; readonly bytes: number }>(`
      SELECT page_count AS pages, freelist_count AS spare, page_size AS bytes
      FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()`),
    shedRecords: db.prepare(`
      DELETE FROM records WHERE seq IN (
        SELECT seq FROM records WHERE at < ?1 AND (outcome <> 'dead' OR at < ?2) ORDER BY seq LIMIT ${RECORD_ROWS})`),
    oldestEvents: db.prepare<{ readonly instance: string; readonly key: string }>(`
      SELECT instance, key FROM events e
      WHERE touched_at < ? AND ${NOT_OWED}
        AND NOT EXISTS (SELECT 1 FROM undecided u WHERE u.instance = e.instance AND u.event_key = e.key)
      ORDER BY touched_at LIMIT ${EVENT_ROWS}`),
    dropEvent: db.prepare("DELETE FROM events WHERE instance = ? AND key = ?"),
    dropParts: db.prepare("DELETE FROM parts WHERE instance = ? AND event_key = ?"),
    dropToldParts: db.prepare(dropToldParts(RECORD_ROWS)),
    // Whose events are remembered still matters as much as they do.
    dropTold: db.prepare(`
      DELETE FROM told WHERE (instance, event_uuid, destination) IN (
        SELECT instance, event_uuid, destination FROM told t
        WHERE touched_at < ? AND NOT EXISTS (SELECT 1 FROM events e WHERE e.instance = t.instance AND e.uuid = t.event_uuid)
        ORDER BY touched_at LIMIT ${RECORD_ROWS})`),
    dropFollows: db.prepare(`
      DELETE FROM follows WHERE (instance, event_uuid, destination) IN (
        SELECT instance, event_uuid, destination FROM follows f
        WHERE touched_at < ? AND NOT EXISTS (SELECT 1 FROM events e WHERE e.instance = f.instance AND e.uuid = f.event_uuid)
        ORDER BY touched_at LIMIT ${RECORD_ROWS})`),
    dropPosts: db.prepare(
      `DELETE FROM posts WHERE seq IN (SELECT seq FROM posts WHERE at < ? AND urgent = 0 ORDER BY at LIMIT ${EVENT_ROWS})`,
    ),
    dropGroups: db.prepare(`
      DELETE FROM delivery_groups WHERE rowid IN (
        SELECT rowid FROM delivery_groups WHERE due_at IS NULL AND last_left_at < ?
        ORDER BY last_left_at LIMIT ${RECORD_ROWS})`),
    dropUnconfirmed: db.prepare(
      `DELETE FROM unconfirmed WHERE seq IN (SELECT seq FROM unconfirmed ORDER BY seq LIMIT ${UNDECIDED_ROWS})`,
    ),
    oldestUndecided: db.prepare<{ readonly body: string }>(
      `SELECT body FROM undecided ORDER BY seq LIMIT ${UNDECIDED_ROWS}`,
    ),
    owesMost: db.prepare<{ readonly destination: string }>(`
      SELECT destination FROM deliveries WHERE batch IS NULL OR batch NOT IN (SELECT value FROM json_each(?))
      GROUP BY destination ORDER BY count(*) DESC, destination LIMIT 1`),
    oldestOwed: db.prepare<Removed & { readonly bytes: number }>(`
      SELECT d.id, d.alert, d.destination, d.group_key, d.batch, d.body, length(d.body) + length(a.body) + a.more AS bytes
      FROM deliveries d JOIN alerts a ON a.id = d.alert
      WHERE d.destination = ?2 AND (d.batch IS NULL OR d.batch NOT IN (SELECT value FROM json_each(?1)))
      ORDER BY d.created_at, d.seq LIMIT ${OWED_ROWS}`),
  };
}
