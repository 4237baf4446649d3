import type { EventMemory } from "../../model/memory.ts";
import { uniteEvents } from "../../model/unite.ts";
import type { Database } from "./driver.ts";
import { type EventRow, formatEvent, parseEvent } from "./rows.ts";

interface Twin extends EventRow {
  readonly touched_at: number;
}

/**
 * Makes one row of those that a state file has about one event, as strict as the strictest; part of a transaction. One that
 * was deleted has nothing to say about one that was made again.
 */
export function uniteTwins(db: Database): void {
  const pairs = db.prepare<{ readonly instance: string; readonly uuid: string }>(
    "SELECT instance, uuid FROM events WHERE uuid IS NOT NULL GROUP BY instance, uuid HAVING count(*) > 1",
  );
  const rowsOf = db.prepare<Twin>(
    "SELECT key, revision, touched_at, body FROM events WHERE instance = ? AND uuid = ? ORDER BY touched_at DESC, key",
  );
  const drop = db.prepare("DELETE FROM events WHERE instance = ? AND key = ?");
  const put = db.prepare(
    "INSERT INTO events (instance, key, uuid, revision, touched_at, body) VALUES (?, ?, ?, ?, ?, ?)",
  );
  for (const { instance, uuid } of pairs.all()) {
    const rows = rowsOf.all(instance, uuid).filter(isReadable);
    const [newest, ...others] = aliveFirst(rows.map(parseEvent));
    if (!newest || others.length === 0) {
      continue;
    }
    const united = others
      .filter(({ deleted }) => deleted === newest.deleted)
      .reduce((sum, other) => uniteEvents(sum, other), newest);
    const revision = Math.max(...rows.map((row) => row.revision));
    const touchedAt = Math.max(...rows.map((row) => row.touched_at));
    for (const { key } of rows) {
      drop.run(instance, key);
    }
    put.run(...formatEvent({ ...united, key: newest.key }, revision, touchedAt));
  }
}

/** One that is damaged is left as it is: it is set aside when that is found out. */
function isReadable(row: Twin): boolean {
  try {
    parseEvent(row);
    return true;
  } catch {
    return false;
  }
}

/** The newest of those that are not deleted first, as far as frames told their time. */
function aliveFirst(rows: readonly EventMemory[]): readonly EventMemory[] {
  return [...rows].sort(
    (a, b) => Number(a.deleted) - Number(b.deleted) || (b.event.changedAt ?? 0) - (a.event.changedAt ?? 0),
  );
}
