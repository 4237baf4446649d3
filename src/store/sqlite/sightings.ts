import { type Keys, type Known, MAX_ALL_SIGHTINGS, MAX_SIGHTINGS, type SightingMemory } from "../../model/memory.ts";
import type { Effects } from "../../model/outbox.ts";
import type { Database } from "./driver.ts";

type Row = Pick<SightingMemory, "name" | "type" | "at">;

/** When attributes were sighted, in SQLite. Every call is part of a transaction. */
export class SightingRows {
  readonly #sql;
  readonly #most: number;

  /** `most`: how many are kept of all attributes together. */
  constructor(db: Database, most = MAX_ALL_SIGHTINGS) {
    this.#most = most;
    this.#sql = prepareSightings(db);
  }

  load({ sighted = [] }: Keys): Pick<Known, "sighted"> {
    const found = sighted.flatMap(({ instance, attribute }) => {
      const row = this.#sql.since.get(instance);
      const rows = row ? this.#sql.ofAttribute.all(instance, attribute) : [];
      return row
        ? [{ instance, attribute, since: row.at, sightings: rows.map((one) => ({ instance, attribute, ...one })) }]
        : [];
    });
    return found.length > 0 ? { sighted: found } : {};
  }

  apply({ sighted = [], unsighted = [], counted }: Effects, now: number): void {
    for (const { instance, attribute, name, type, at } of sighted) {
      this.#sql.start.run(instance, now);
      this.#sql.add.run(instance, attribute, name, type, at);
      this.#sql.keepLatest.run(instance, attribute, type);
    }
    for (const { instance, name } of unsighted) {
      this.#sql.drop.run(instance, name);
    }
    const last = sighted.length > 0 ? this.#sql.last.get()?.seq : undefined;
    if (last !== undefined && last > this.#most) {
      this.#sql.raiseToFirst.run(last - this.#most);
      this.#sql.dropFirst.run(last - this.#most);
    }
    if (counted) {
      this.#sql.stop.run(JSON.stringify(counted));
      for (const instance of counted) {
        this.#sql.start.run(instance, now);
      }
    }
  }

  /** Forgets what is older than `before`, and what is counted no more; gives how many rows that were. */
  prune(before: number): number {
    const old = this.#sql.dropOld.all(before);
    for (const { instance, at } of old) {
      this.#sql.raise.run(at + 1, instance);
    }
    return old.length + Number(this.#sql.dropUncounted.run().changes);
  }
}

/** How many rows go in one transaction. */
const ROWS = 500;

function prepareSightings(db: Database) {
  return {
    since: db.prepare<{ readonly at: number }>("SELECT at FROM sightings_since WHERE instance = ?"),
    start: db.prepare("INSERT OR IGNORE INTO sightings_since (instance, at) VALUES (?, ?)"),
    stop: db.prepare("DELETE FROM sightings_since WHERE instance NOT IN (SELECT value FROM json_each(?))"),
    raise: db.prepare("UPDATE sightings_since SET at = max(at, ?) WHERE instance = ?"),
    ofAttribute: db.prepare<Row>(
      "SELECT name, type, at FROM sightings WHERE instance = ? AND attribute = ? ORDER BY type, at, seq",
    ),
    add: db.prepare("INSERT OR IGNORE INTO sightings (instance, attribute, name, type, at) VALUES (?, ?, ?, ?, ?)"),
    drop: db.prepare("DELETE FROM sightings WHERE instance = ? AND name = ?"),
    keepLatest: db.prepare(`
      DELETE FROM sightings WHERE seq IN (
        SELECT seq FROM sightings WHERE instance = ? AND attribute = ? AND type = ?
        ORDER BY at DESC, seq DESC LIMIT -1 OFFSET ${MAX_SIGHTINGS})`),
    last: db.prepare<{ readonly seq: number }>("SELECT seq FROM sightings ORDER BY seq DESC LIMIT 1"),
    raiseToFirst: db.prepare(`
      UPDATE sightings_since SET at = max(at, coalesce(
        (SELECT max(s.at) + 1 FROM sightings s WHERE s.instance = sightings_since.instance AND s.seq <= ?), at))`),
    dropFirst: db.prepare("DELETE FROM sightings WHERE seq <= ?"),
    dropOld: db.prepare<{ readonly instance: string; readonly at: number }>(`
      DELETE FROM sightings WHERE seq IN (SELECT seq FROM sightings WHERE at < ? ORDER BY at LIMIT ${ROWS})
      RETURNING instance, at`),
    dropUncounted: db.prepare(`
      DELETE FROM sightings WHERE seq IN (
        SELECT seq FROM sightings WHERE instance NOT IN (SELECT instance FROM sightings_since) LIMIT ${ROWS})`),
  };
}
