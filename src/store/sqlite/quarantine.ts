import type { RecordLine } from "../../model/outbox.ts";
import type { Kind } from "../../model/vocabulary.ts";
import type { Found } from "../damage.ts";
import type { Cell, Database } from "./driver.ts";
import { formatRecord } from "./rows.ts";
import { ADD_RECORD } from "./statements.ts";

/** What is in `body` is no JSON object: the page was read, so that SQLite sees nothing wrong. */
const UNREADABLE = `CASE WHEN typeof(body) <> 'text' THEN 1 WHEN NOT json_valid(body) THEN 1
  ELSE json_type(body) <> 'object' END`;

/** Deliveries refer to alerts: they go first. */
const TABLES = [
  "deliveries",
  "alerts",
  "alert_pages",
  "cuts",
  "cuts_told",
  "events",
  "parts",
  "undecided",
  "unconfirmed",
  "records",
  "asking",
  "told_parts",
  "floods",
  "listings",
  "silences",
  "follows",
  "posts",
] as const;

interface Lost {
  readonly seq: number;
  readonly id: string;
  readonly destination: string;
  readonly instance: string;
  readonly kind: Kind;
  readonly event_uuid: string | null;
  readonly changed_at: number | null;
}

/**
 * Moves every row that cannot be read out of the way; part of a transaction. What was owed of it is dead. So is what is owed
 * about an event of which memory is lost: a marking that came after it was planned may be among that.
 */
export function setAside(db: Database, now: number): Found {
  const lines = dropLost(db, now);
  const rows = TABLES.reduce((sum, table) => sum + move(db, table, now), 0);
  for (const sql of TIDY) {
    db.prepare(sql).run();
  }
  return { rows, lines };
}

function dropLost(db: Database, now: number): readonly RecordLine[] {
  const lost = db.prepare<Lost>(`
    WITH forgotten AS (
      SELECT instance, key FROM events WHERE ${UNREADABLE}
      UNION SELECT instance, event_key FROM parts WHERE ${UNREADABLE}
    )
    SELECT d.seq, d.id, d.destination, d.instance, d.kind, d.event_uuid, d.changed_at FROM deliveries d
      LEFT JOIN alerts a ON a.id = d.alert
    WHERE a.id IS NULL OR d.seq IN (SELECT seq FROM deliveries WHERE ${UNREADABLE})
      OR a.id IN (SELECT id FROM alerts WHERE ${UNREADABLE} UNION SELECT alert FROM alert_pages WHERE ${UNREADABLE})
      OR d.id IN (SELECT delivery FROM cuts WHERE ${UNREADABLE} UNION SELECT delivery FROM cuts_told WHERE ${UNREADABLE})
      OR d.id IN (SELECT delivery FROM batches WHERE delivery IS NOT NULL AND ${UNREADABLE})
      OR EXISTS (SELECT 1 FROM forgotten f WHERE f.instance = a.instance
        AND (f.key IN (a.event_id, a.event_uuid) OR f.key = (
          SELECT l.event_key FROM aliases l WHERE l.instance = a.instance AND l.id = a.event_id)))`);
  const add = db.prepare(ADD_RECORD);
  const isReadable = db.prepare<{ readonly yes: number }>(
    `SELECT NOT (${UNREADABLE}) AS yes FROM deliveries WHERE seq = ?`,
  );
  const drop = db.prepare("DELETE FROM deliveries WHERE seq = ?");
  return lost.all().map((row) => {
    const line = lineOf(row, now);
    add.run(...formatRecord(line));
    if (isReadable.get(row.seq)?.yes === 1) {
      drop.run(row.seq);
    }
    return line;
  });
}

function lineOf({ id, destination, instance, kind, event_uuid, changed_at }: Lost, at: number): RecordLine {
  return {
    delivery: id as RecordLine["delivery"],
    at,
    destination,
    instance,
    kind,
    ...(event_uuid !== null && { eventUuid: event_uuid }),
    ...(changed_at !== null && { changedAt: changed_at }),
    routes: [],
    outcome: "dead",
    reason: "state-damaged",
  };
}

function move(db: Database, table: (typeof TABLES)[number], now: number): number {
  const parameters: readonly Cell[] = [now, table];
  db.prepare(
    `INSERT INTO damaged (at, origin, body) SELECT ?, ?, CAST(body AS BLOB) FROM ${table} WHERE ${UNREADABLE}`,
  ).run(...parameters);
  return Number(db.prepare(`DELETE FROM ${table} WHERE ${UNREADABLE}`).run().changes);
}

/** Nothing refers to a row that is gone, and a group in which nothing waits is never due, but for one that says that a flood is over. */
const TIDY = [
  "DELETE FROM alerts WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE alert = alerts.id)",
  "DELETE FROM batches WHERE delivery IS NULL AND NOT EXISTS (SELECT 1 FROM deliveries WHERE batch = batches.id)",
  `UPDATE delivery_groups SET high = 0, due_at = NULL WHERE due_at IS NOT NULL AND collects IS NOT 'flood' AND NOT EXISTS (
     SELECT 1 FROM deliveries d WHERE d.destination = delivery_groups.destination AND d.group_key = delivery_groups.key
       AND d.batch IS NULL)`,
];
