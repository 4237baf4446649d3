import type { Collected } from "../../model/ledger.ts";
import type { Collects } from "../../model/pacing.ts";
import type { Database } from "./driver.ts";
import type { BodyRow, HoldRow } from "./rows.ts";

/** How many rows are looked at in one transaction. */
export const PAGE_ROWS = 500;

export interface OwedRow extends BodyRow {
  readonly id: string;
  readonly alert: string;
  readonly destination: string;
  readonly group_key: string;
  readonly batch: string | null;
  readonly sending: number;
  readonly due_at: number;
  readonly attempts: number | null;
  readonly first_attempt_at: number | null;
  readonly reason: string | null;
  readonly collects: Collects | null;
}

// ?1 names the batches that are in flight.
const OWED_ROW = `
  SELECT d.id, d.alert, d.destination, d.group_key, d.batch, d.body, d.batch IN (SELECT value FROM json_each(?1)) IS TRUE AS sending,
    coalesce(b.next_at, g.due_at, d.created_at) AS due_at, b.attempts, b.first_attempt_at, b.reason, g.collects
  FROM deliveries d LEFT JOIN batches b ON b.id = d.batch
    LEFT JOIN delivery_groups g ON g.destination = d.destination AND g.key = d.group_key`;

/** The statements of what people ask and decide. A parameter that is NULL leaves its condition out. */
export function prepareLedger(db: Database) {
  return {
    owedPageEnd: db.prepare<{ readonly seq: number | null }>(
      `SELECT max(seq) AS seq FROM (SELECT seq FROM deliveries WHERE seq > ? ORDER BY seq LIMIT ${PAGE_ROWS})`,
    ),
    owedPage: db.prepare<OwedRow>(`${OWED_ROW}
      WHERE d.seq > ?2 AND d.seq <= ?3
        AND (?4 IS NULL OR d.destination IN (SELECT value FROM json_each(?4)))
        AND (?5 IS NULL OR d.event_uuid = ?5)
        AND (?6 IS NULL OR d.created_at < ?6)
        AND (?7 IS NULL OR ?7 = CASE WHEN d.batch IS NULL THEN 'waiting'
          WHEN d.batch IN (SELECT value FROM json_each(?1)) THEN 'sending' ELSE 'retrying' END)
      ORDER BY d.seq`),
    owedRow: db.prepare<OwedRow>(`${OWED_ROW} WHERE d.id = ?2`),
    seqOf: db.prepare<{ readonly seq: number }>("SELECT seq FROM deliveries WHERE id = ?"),
    idsFrom: db.prepare<{ readonly id: string }>(
      "SELECT id FROM deliveries WHERE id >= ? AND id < ? ORDER BY id LIMIT 2",
    ),
    alertBody: db.prepare<BodyRow>("SELECT body FROM alerts WHERE id = ?"),
    showOf: db.prepare<{ readonly show: string }>(`
      SELECT coalesce(b.show, g.show) AS show FROM deliveries d LEFT JOIN batches b ON b.id = d.batch
        LEFT JOIN delivery_groups g ON g.destination = d.destination AND g.key = d.group_key
      WHERE d.id = ?`),

    collected: db.prepare<Collected>(`
      SELECT g.destination, g.collects, min(g.due_at) AS dueAt, sum((
        SELECT count(*) FROM deliveries d WHERE d.destination = g.destination AND d.group_key = g.key AND d.batch IS NULL)) AS n
      FROM delivery_groups g WHERE g.collects IS NOT NULL AND g.collects <> 'silence' AND g.due_at IS NOT NULL
      GROUP BY g.destination, g.collects ORDER BY g.destination, g.collects`),
    hastenBatch: db.prepare("UPDATE batches SET next_at = min(next_at, ?) WHERE id = ?"),
    hastenGroup: db.prepare("UPDATE delivery_groups SET due_at = min(due_at, ?) WHERE destination = ? AND key = ?"),
    dropDelivery: db.prepare("DELETE FROM deliveries WHERE id = ?"),
    groupIsUrgent: db.prepare("UPDATE delivery_groups SET high = ? WHERE destination = ? AND key = ?"),
    // That of a flood stays due: it says that the flood is over.
    groupIsQuiet: db.prepare(`
      UPDATE delivery_groups SET high = 0, due_at = iif(collects = 'flood', due_at, NULL) WHERE destination = ? AND key = ?`),
    dropNewGroup: db.prepare(
      "DELETE FROM delivery_groups WHERE destination = ? AND key = ? AND due_at IS NULL AND last_left_at IS NULL",
    ),

    recordPageStart: db.prepare<{ readonly seq: number | null }>(
      `SELECT min(seq) AS seq FROM (SELECT seq FROM records WHERE seq < ? ORDER BY seq DESC LIMIT ${PAGE_ROWS})`,
    ),
    recordsOfEventStart: db.prepare<{ readonly seq: number | null }>(
      `SELECT min(seq) AS seq FROM
         (SELECT seq FROM records WHERE event_uuid = ? AND seq < ? ORDER BY seq DESC LIMIT ${PAGE_ROWS})`,
    ),
    newestOf: db.prepare<{ readonly at: number | null }>(
      "SELECT max(at) AS at FROM records WHERE seq >= ? AND seq < ?",
    ),
    recordPage: db.prepare<BodyRow>(`
      SELECT body FROM records WHERE seq >= ?1 AND seq < ?2
        AND (?3 IS NULL OR destination = ?3) AND (?4 IS NULL OR outcome = ?4) AND (?5 IS NULL OR at >= ?5)
      ORDER BY seq DESC`),
    recordsOfEvent: db.prepare<BodyRow>(`
      SELECT body FROM records WHERE event_uuid = ?6 AND seq >= ?1 AND seq < ?2
        AND (?3 IS NULL OR destination = ?3) AND (?4 IS NULL OR outcome = ?4) AND (?5 IS NULL OR at >= ?5)
      ORDER BY seq DESC`),
    unconfirmed: db.prepare<{ readonly instance: string; readonly messages: number; readonly oldestAt: number }>(
      "SELECT instance, count(*) AS messages, min(since) AS oldestAt FROM unconfirmed GROUP BY instance ORDER BY instance",
    ),
    undecided: db.prepare<{ readonly instance: string; readonly messages: number; readonly oldestAt: number }>(
      "SELECT instance, count(*) AS messages, min(since) AS oldestAt FROM undecided GROUP BY instance ORDER BY instance",
    ),
    // The condition is the one of the index, word for word: SQLite uses it only then.
    toldAt: db.prepare<{ readonly at: number | null }>(
      "SELECT max(at) AS at FROM records WHERE destination = ? AND outcome IN ('sent', 'unproven')",
    ),

    holds: db.prepare<HoldRow>("SELECT destination, kind, since, note, until FROM holds ORDER BY destination, kind"),
    hold: db.prepare(
      "INSERT OR IGNORE INTO holds (destination, kind, since, note, until, ageless_from) VALUES (?1, ?2, ?3, ?4, ?5, ?3)",
    ),
    limitHold: db.prepare("UPDATE holds SET until = ?, note = ? WHERE destination = ? AND kind = ?"),
    agelessFrom: db.prepare<{ readonly at: number | null }>(
      "SELECT min(ageless_from) AS at FROM holds WHERE destination = ?",
    ),
    release: db.prepare<{ readonly destination: string }>(
      "DELETE FROM holds WHERE destination = ? AND kind = ? RETURNING destination",
    ),
    stillAgeless: db.prepare("UPDATE holds SET ageless_from = ? WHERE destination = ?"),
    rejuvenate: db.prepare(`
      UPDATE batches SET first_attempt_at = first_attempt_at + max(0, ?2 - max(?3, first_attempt_at))
      WHERE destination = ?1 AND first_attempt_at IS NOT NULL`),
  };
}
export type LedgerStatements = ReturnType<typeof prepareLedger>;
