import type { Collects } from "../../model/pacing.ts";
import { POST_MS } from "../../model/post.ts";
import { TOLD_PARTS_MS } from "../../model/told.ts";
import type { Database } from "./driver.ts";
import type {
  AlertRow,
  AliasRow,
  BatchRow,
  BodyRow,
  EventRow,
  GroupRow,
  PartRow,
  SettledRow,
  ToldRow,
} from "./rows.ts";

/** How many rows of one table `prune` removes in one transaction. */
export const PRUNE_ROWS = 500;

/** It tells something, and does not remind of what was told. */
const IS_NEWS = "coalesce(reminder, 0) = 0";

/**
 * How much each destination is owed, counted once, by indexes alone, and then kept by whatever changes it, also when that is rolled back. They
 * are of this connection alone, so that a file that was killed has none that could be wrong.
 */
const COUNTERS = `
  PRAGMA temp_store = MEMORY;
  CREATE TEMP TABLE owed_counts (destination TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO owed_counts
    SELECT d.destination, count(*) - coalesce(r.n, 0) FROM main.deliveries d LEFT JOIN (
      SELECT destination, count(*) AS n FROM main.deliveries WHERE reminder > 0 GROUP BY destination
    ) r ON r.destination = d.destination GROUP BY d.destination;
  CREATE TEMP TRIGGER owed_more AFTER INSERT ON main.deliveries BEGIN
    INSERT INTO owed_counts VALUES (NEW.destination, coalesce(NEW.reminder, 0) = 0)
      ON CONFLICT (destination) DO UPDATE SET n = n + excluded.n;
  END;
  CREATE TEMP TRIGGER owed_less AFTER DELETE ON main.deliveries BEGIN
    UPDATE owed_counts SET n = n - (coalesce(OLD.reminder, 0) = 0) WHERE destination = OLD.destination;
  END;`;

/** How many owed publications of one event are looked at; of what is in others only, a part is told by itself. */
const MAX_SHOWN = 20;
const BATCH =
  "b.id, b.destination, b.show, b.attempts, b.first_attempt_at, b.note, b.group_key, b.part, b.parts, b.delivery, b.body";

/**
 * Whether the batch `b` may leave: it is not on its way (?1: what is), no part that comes before it is left, and, where order
 * is kept (?3), nothing of its group is on its way (?2: their keys) and what became owed before about its events has left.
 */
const FREE = `b.id NOT IN (SELECT value FROM json_each(?1))
  AND (b.group_key IS NULL OR b.group_key NOT IN (SELECT value FROM json_each(?2)))
  AND NOT EXISTS (SELECT 1 FROM batches p WHERE p.delivery = b.delivery AND p.part < b.part)
  AND (?3 = 0 OR NOT EXISTS (
    SELECT 1 FROM deliveries d JOIN deliveries e INDEXED BY deliveries_leaving
      ON e.destination = d.destination AND e.event_uuid = d.event_uuid AND e.instance = d.instance
    WHERE d.batch = b.id AND e.batch IS NOT NULL AND e.event_uuid IS NOT NULL AND e.batch <> b.id AND e.seq < d.seq))`;

/** For what `formatRecord` makes of a line. */
export const ADD_RECORD =
  "INSERT INTO records (delivery, outcome, at, destination, event_uuid, reason, body) VALUES (?, ?, ?, ?, ?, ?, ?)";

/** Every statement of the store, prepared once; parameters are positional, in the order of the question marks. */
export function prepareStatements(db: Database) {
  db.exec(COUNTERS);
  return {
    // ---- memory
    eventByKey: db.prepare<EventRow>("SELECT key, revision, body FROM events WHERE instance = ? AND key = ?"),
    putEvent: db.prepare(`
      INSERT INTO events (instance, key, uuid, revision, touched_at, body) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (instance, key) DO UPDATE SET uuid = excluded.uuid, revision = excluded.revision,
        touched_at = excluded.touched_at, body = excluded.body`),
    dropEvent: db.prepare("DELETE FROM events WHERE instance = ? AND key = ?"),
    alias: db.prepare<AliasRow>("SELECT instance, id, event_key, unsure FROM aliases WHERE instance = ? AND id = ?"),
    putAlias: db.prepare(`
      INSERT INTO aliases (instance, id, event_key, unsure) VALUES (?, ?, ?, ?)
      ON CONFLICT (instance, id) DO UPDATE SET event_key = excluded.event_key, unsure = excluded.unsure`),
    // One question for all of them: there may be thousands, of which few or none are remembered.
    partsOfNames: db.prepare<PartRow>(`
      SELECT p.event_key, p.body FROM json_each(?3) n CROSS JOIN parts p
      ON p.instance = ?1 AND p.event_key = ?2 AND p.part = n.value ->> 0 AND p.id = n.value ->> 1`),
    partsNamed: db.prepare<PartRow>("SELECT event_key, body FROM parts WHERE instance = ? AND part = ? AND id = ?"),
    partsOfEvent: db.prepare<PartRow>("SELECT event_key, body FROM parts WHERE instance = ? AND event_key = ?"),
    putPart: db.prepare(`
      INSERT INTO parts (instance, event_key, part, id, touched_at, body) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (instance, event_key, part, id) DO UPDATE SET touched_at = excluded.touched_at, body = excluded.body`),
    forgetPart: db.prepare("DELETE FROM parts WHERE instance = ? AND event_key = ? AND part = ? AND id = ?"),
    forgetParts: db.prepare("DELETE FROM parts WHERE instance = ? AND event_key = ?"),
    forgetToldParts: db.prepare("DELETE FROM told_parts WHERE instance = ? AND event_uuid = ?"),
    listing: db.prepare<BodyRow>("SELECT body FROM listings WHERE instance = ? AND event_key = ?"),
    putListing: db.prepare(`
      INSERT INTO listings (instance, event_key, at, body) VALUES (?, ?, ?, ?)
      ON CONFLICT (instance, event_key) DO UPDATE SET at = excluded.at, body = excluded.body WHERE excluded.at >= at`),
    isOwed: db.prepare<{ readonly yes: 1 }>(
      "SELECT 1 AS yes FROM alerts WHERE instance = ? AND event_uuid = ? LIMIT 1",
    ),
    // What was planned last counts, also where a clock that was wrong then makes it seem newer or older than it is.
    told: db.prepare<ToldRow>(`
      SELECT destination, changed_at, version FROM (
        SELECT destination, changed_at, version,
          row_number() OVER (PARTITION BY destination ORDER BY seq DESC, changed_at DESC) AS place
        FROM (
          SELECT destination, changed_at, version, seq FROM told WHERE instance = ?1 AND event_uuid = ?2
          UNION ALL
          SELECT destination, changed_at, version, seq FROM deliveries
          WHERE instance = ?1 AND event_uuid = ?2 AND kind = 'event.published' AND changed_at IS NOT NULL AND ${IS_NEWS}
        )
      ) WHERE place = 1 ORDER BY destination`),
    putTold: db.prepare(`
      INSERT INTO told (instance, event_uuid, destination, changed_at, version, seq, touched_at) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (instance, event_uuid, destination) DO UPDATE SET
        changed_at = iif(excluded.seq > seq, excluded.changed_at, changed_at),
        version = iif(excluded.seq > seq, excluded.version, version),
        seq = max(seq, excluded.seq), touched_at = excluded.touched_at`),
    putToldFirst: db.prepare(`
      INSERT OR IGNORE INTO told (instance, event_uuid, destination, changed_at, version, seq, touched_at)
      VALUES (?, ?, ?, ?, ?, ?, ?)`),
    shownOwed: db.prepare<AlertRow & { readonly batch: string | null }>(`
      SELECT d.body AS delivery, a.body AS alert, d.batch FROM deliveries d JOIN alerts a ON a.id = d.alert
      WHERE d.instance = ? AND d.event_uuid = ? AND d.kind = 'event.published' AND d.changed_at >= ? AND ${IS_NEWS}
      ORDER BY d.seq DESC LIMIT ${MAX_SHOWN}`),
    shownTold: db.prepare<{
      readonly destination: string;
      readonly changed_at: number;
      readonly body: string | null;
    }>(`
      SELECT t.destination, t.changed_at, p.body FROM told t LEFT JOIN told_parts p
        ON p.instance = t.instance AND p.event_uuid = t.event_uuid AND p.destination = t.destination
      WHERE t.instance = ? AND t.event_uuid = ? AND t.changed_at >= ?`),
    toldParts: db.prepare<BodyRow>(
      "SELECT body FROM told_parts WHERE instance = ? AND event_uuid = ? AND destination = ?",
    ),
    putToldParts: db.prepare(`
      INSERT INTO told_parts (instance, event_uuid, destination, touched_at, whole, body) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (instance, event_uuid, destination)
      DO UPDATE SET touched_at = excluded.touched_at, whole = excluded.whole, body = excluded.body`),

    // ---- what is owed
    isSettledOrOwed: db.prepare<{ readonly yes: 1 }>(`
      SELECT 1 AS yes WHERE EXISTS (SELECT 1 FROM deliveries WHERE id = ?1)
        OR EXISTS (SELECT 1 FROM records WHERE delivery = ?1 AND outcome IN ('sent', 'unproven'))`),
    wasMuted: db.prepare<{ readonly yes: 1 }>(
      "SELECT 1 AS yes FROM records WHERE delivery = ? AND outcome = 'muted' LIMIT 1",
    ),
    around: db.prepare<{ readonly body: string; readonly batch: string | null; readonly dueAt: number | null }>(`
      SELECT d.body, d.batch, g.due_at AS dueAt FROM deliveries d
      LEFT JOIN delivery_groups g ON g.destination = d.destination AND g.key = d.group_key WHERE d.id = ?`),
    changeDelivery: db.prepare("UPDATE deliveries SET body = ?, high = ?, reminder = ? WHERE id = ?"),
    hastenGroup: db.prepare(`
      UPDATE delivery_groups SET high = 1
      WHERE (destination, key) = (SELECT destination, group_key FROM deliveries WHERE id = ?)`),
    hasAlert: db.prepare<{ readonly yes: 1 }>("SELECT 1 AS yes FROM alerts WHERE id = ?"),
    addAlert: db.prepare(
      "INSERT INTO alerts (id, instance, event_id, event_uuid, body, more) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    dropUnusedAlert: db.prepare(
      "DELETE FROM alerts WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE alert = ?1)",
    ),
    addDelivery: db.prepare(`
      INSERT INTO deliveries (id, alert, destination, group_key, high, created_at, instance, kind, event_uuid, changed_at,
        version, reminder, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    group: db.prepare<GroupRow>(
      "SELECT due_at AS dueAt, last_left_at AS lastLeftAt FROM delivery_groups WHERE destination = ? AND key = ?",
    ),
    joinGroup: db.prepare(`
      INSERT INTO delivery_groups (destination, key, show, high, due_at, collects) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (destination, key) DO UPDATE SET show = excluded.show, collects = excluded.collects,
        high = max(high, excluded.high), due_at = excluded.due_at`),
    floods: db.prepare<BodyRow>("SELECT body FROM floods WHERE destination = ?"),
    putFloods: db.prepare(`
      INSERT INTO floods (destination, body) VALUES (?, ?) ON CONFLICT (destination) DO UPDATE SET body = excluded.body`),
    allFloods: db.prepare<BodyRow & { readonly destination: string }>("SELECT destination, body FROM floods"),

    // Of each destination, by the key of the table: groups that are due may be very many.
    completeGroup: db.prepare(`
      UPDATE delivery_groups SET due_at = ?1
      WHERE destination IN (SELECT destination FROM owed_counts) AND key = ?2 AND due_at > ?1`),

    // ---- batches
    dueGroup: db.prepare<{
      readonly key: string;
      readonly show: string;
      readonly high: number;
      readonly collects: Collects | null;
    }>(`
      SELECT key, show, high, collects FROM delivery_groups
      WHERE destination = ?1 AND high = ?2 AND due_at <= ?3 AND due_at IS NOT NULL
        AND key NOT IN (SELECT value FROM json_each(?4))
      ORDER BY due_at, key LIMIT 1`),
    waitingIn: db.prepare<{ readonly id: string; readonly bytes: number; readonly more: number }>(`
      SELECT d.id, length(a.body) AS bytes, a.more FROM deliveries d JOIN alerts a ON a.id = d.alert
      WHERE d.destination = ? AND d.group_key = ? AND d.batch IS NULL ORDER BY d.seq LIMIT ?`),
    subjectsIn: db.prepare<{ readonly n: number }>(`
      SELECT count(DISTINCT coalesce(event_uuid, id)) AS n FROM deliveries
      WHERE destination = ? AND group_key = ? AND batch IS NULL`),
    leftOver: db.prepare<{ readonly high: number | null }>(
      "SELECT max(high) AS high FROM deliveries WHERE destination = ? AND group_key = ? AND batch IS NULL",
    ),
    leaveGroup: db.prepare(
      "UPDATE delivery_groups SET last_left_at = ?, due_at = ?, high = ? WHERE destination = ? AND key = ?",
    ),
    addBatch: db.prepare(
      "INSERT INTO batches (id, destination, show, high, next_at, attempts, group_key) VALUES (?, ?, ?, ?, ?, 0, ?)",
    ),
    noteBatch: db.prepare("UPDATE batches SET note = ? WHERE id = ?"),
    joinBatch: db.prepare("UPDATE deliveries SET batch = ? WHERE id = ?"),
    dueBatches: db.prepare<BatchRow>(`
      SELECT ${BATCH} FROM batches b
      WHERE destination = ?4 AND next_at <= ?5 AND high = ?6 AND ${FREE} ORDER BY next_at, part, b.rowid LIMIT ?7`),
    batch: db.prepare<BatchRow>(`SELECT ${BATCH} FROM batches b WHERE id = ?`),
    isFree: db.prepare<{ readonly yes: 1 }>(`SELECT 1 AS yes FROM batches b WHERE id = ?4 AND ${FREE}`),
    inBatch: db.prepare<AlertRow>(`
      SELECT d.body AS delivery, a.body AS alert FROM deliveries d JOIN alerts a ON a.id = d.alert
      WHERE d.batch = ? ORDER BY d.seq`),
    inSlice: db.prepare<AlertRow>(
      "SELECT d.body AS delivery, a.body AS alert FROM deliveries d JOIN alerts a ON a.id = d.alert WHERE d.id = ?",
    ),
    alertBody: db.prepare<BodyRow>("SELECT body FROM alerts WHERE id = ?"),
    nextDue: db.prepare<{ readonly dueAt: number | null }>(`
      SELECT min(at) AS dueAt FROM (
        SELECT min(next_at) AS at FROM batches b WHERE destination = ?4 AND high = 0 AND ${FREE}
        UNION ALL SELECT min(next_at) FROM batches b WHERE destination = ?4 AND high = 1 AND ${FREE}
        UNION ALL SELECT min(due_at) FROM delivery_groups WHERE destination = ?4 AND high = 0 AND due_at IS NOT NULL
          AND key NOT IN (SELECT value FROM json_each(?2))
        UNION ALL SELECT min(due_at) FROM delivery_groups WHERE destination = ?4 AND high = 1 AND due_at IS NOT NULL
          AND key NOT IN (SELECT value FROM json_each(?2))
      )`),
    nextUrgent: db.prepare<{ readonly dueAt: number | null }>(`
      SELECT min(at) AS dueAt FROM (
        SELECT min(next_at) AS at FROM batches b WHERE destination = ?4 AND high = 1 AND ${FREE}
        UNION ALL SELECT min(due_at) FROM delivery_groups WHERE destination = ?4 AND high = 1 AND due_at IS NOT NULL
          AND key NOT IN (SELECT value FROM json_each(?2))
      )`),
    settled: db.prepare<SettledRow>(`
      DELETE FROM deliveries WHERE id = ? AND batch = ?
      RETURNING alert, seq, version, reminder, created_at, iif(reminder IS NULL, NULL, body) AS body`),
    regroup: db.prepare<{ readonly destination: string; readonly high: number }>(
      "UPDATE deliveries SET batch = NULL, group_key = ? WHERE id = ? AND batch = ? RETURNING destination, high",
    ),
    retryBatch: db.prepare(`
      UPDATE batches SET next_at = coalesce(?, next_at), attempts = ?, first_attempt_at = ?, reason = coalesce(?, reason)
      WHERE id = ?`),
    dropEmptyBatch: db.prepare(
      "DELETE FROM batches WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE batch = ?1)",
    ),

    // ---- a clock that was set back
    // What waits was owed after its group left last, and the newest of it was owed last: a million rows are not looked at.
    latest: db.prepare<{ readonly at: number | null }>(`
      SELECT max(at) AS at FROM (
        SELECT max(last_left_at) AS at FROM delivery_groups WHERE due_at IS NULL
        UNION ALL SELECT max(first_attempt_at) FROM batches
        UNION ALL SELECT max(since) FROM undecided
        UNION ALL SELECT max(since) FROM unconfirmed
        UNION ALL SELECT created_at FROM deliveries WHERE seq = (SELECT max(seq) FROM deliveries)
        UNION ALL SELECT max(since) FROM holds
        UNION ALL SELECT max(ageless_from) FROM holds
      )`),
    // All that `latest` looks at: what stayed behind would be taken for a clock set back at every start.
    setBack: [
      "UPDATE batches SET next_at = next_at - ?1, first_attempt_at = first_attempt_at - ?1",
      "UPDATE delivery_groups SET due_at = due_at - ?1, last_left_at = last_left_at - ?1",
      "UPDATE undecided SET since = since - ?1, body = json_set(body, '$.since', since - ?1)",
      "UPDATE unconfirmed SET since = since - ?1, body = json_set(body, '$.since', since - ?1)",
      // The body keeps what the clock said: readers are shown that, the same at every attempt.
      "UPDATE deliveries SET created_at = created_at - ?1",
      "UPDATE holds SET since = since - ?1, ageless_from = ageless_from - ?1, until = until - ?1",
      "UPDATE silences SET until = until - ?1",
      "UPDATE acknowledged SET at = at - ?1",
      "UPDATE posts SET due_at = due_at - ?1, edited_at = edited_at - ?1, since = since - ?1",
    ].map((sql) => db.prepare(sql)),

    // ---- a clock that was set ahead, or a machine that slept: what is due is due, but nothing has grown older
    setAhead: [
      "UPDATE batches SET first_attempt_at = min(first_attempt_at + ?1, ?2) WHERE first_attempt_at IS NOT NULL",
      `UPDATE undecided SET since = min(since + ?1, ?2), body = json_set(body, '$.since', min(since + ?1, ?2))`,
      `UPDATE holds SET ageless_from = min(ageless_from + ?1, ?2),
         since = CASE kind WHEN 'unnamed' THEN min(since + ?1, ?2) ELSE since END`,
    ].map((sql) => db.prepare(sql)),

    // ---- for people
    addRecord: db.prepare(ADD_RECORD),
    // The same event, destination and reason: its line is taken off, counted on, and comes back as the newest.
    takeRefusal: db.prepare<BodyRow>(`
      DELETE FROM records WHERE seq = (
        SELECT max(seq) FROM records WHERE event_uuid = ? AND destination = ? AND reason = ? AND outcome = 'refused')
      RETURNING body`),
    owed: db.prepare<{ readonly destination: string; readonly owed: number; readonly oldestAt: number }>(`
      SELECT destination, n AS owed,
        (SELECT min(created_at) FROM deliveries d WHERE d.destination = c.destination AND ${IS_NEWS}) AS oldestAt
      FROM owed_counts c WHERE n > 0 ORDER BY destination`),
    prune: PRUNE.map((sql) => db.prepare(sql)),
    pruneShown: PRUNE_SHOWN.map(([sql, keptMs]) => ({ sql: db.prepare(sql), keptMs })),
  };
}
export type Statements = ReturnType<typeof prepareStatements>;

/** Forgets what was told before an instant, at most so many rows of it; `to`: people alone, or whoever it was. */
export function dropToldParts(rows: number, to: "people" | "all" = "all"): string {
  const which = to === "people" ? "whole = 0 AND touched_at < ?" : "touched_at < ?";
  return `DELETE FROM told_parts WHERE (instance, event_uuid, destination) IN (
     SELECT instance, event_uuid, destination FROM told_parts WHERE ${which} ORDER BY touched_at LIMIT ${rows})`;
}

/** Forgets messages from before an instant. */
export const DROP_POSTS = `DELETE FROM posts WHERE seq IN (SELECT seq FROM posts WHERE at < ? ORDER BY at LIMIT ${PRUNE_ROWS})`;

/** No alert is about the event `e`: by its UUID, by its number, or, where that is all the alert has, by one that is its now. */
export const NOT_OWED = `
  NOT EXISTS (SELECT 1 FROM alerts a WHERE a.instance = e.instance AND a.event_uuid = e.key)
  AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.instance = e.instance AND a.event_id = e.key)
  AND NOT EXISTS (
    SELECT 1 FROM aliases l JOIN alerts a ON a.instance = l.instance AND a.event_id = l.id
    WHERE l.instance = e.instance AND l.event_key = e.key AND a.event_uuid IS NULL)`;

// What an owed alert is about stays. What is stricter of a part stays as long as its event does: without its row the part
// would count as no stricter than the event.
const PRUNE: readonly string[] = [
  dropToldParts(PRUNE_ROWS),
  `DELETE FROM records WHERE seq IN (SELECT seq FROM records WHERE at < ? LIMIT ${PRUNE_ROWS})`,
  `DELETE FROM damaged WHERE seq IN (SELECT seq FROM damaged WHERE at < ? AND origin <> 'check' LIMIT ${PRUNE_ROWS})`,
  `DELETE FROM told WHERE (instance, event_uuid, destination) IN (
     SELECT instance, event_uuid, destination FROM told t WHERE touched_at < ?
       AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.instance = t.instance AND a.event_uuid = t.event_uuid)
     LIMIT ${PRUNE_ROWS})`,
  `DELETE FROM follows WHERE (instance, event_uuid, destination) IN (
     SELECT instance, event_uuid, destination FROM follows WHERE touched_at < ? ORDER BY touched_at LIMIT ${PRUNE_ROWS})`,
  `DELETE FROM events WHERE rowid IN (
     SELECT e.rowid FROM events e WHERE touched_at < ? AND ${NOT_OWED} LIMIT ${PRUNE_ROWS})`,
  `DELETE FROM parts WHERE (instance, event_key, part, id) IN (
     SELECT p.instance, p.event_key, p.part, p.id FROM parts p WHERE touched_at < ?
       AND NOT EXISTS (SELECT 1 FROM events e WHERE e.instance = p.instance AND e.key = p.event_key)
       AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.instance = p.instance AND a.event_id = p.event_key)
       AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.instance = p.instance AND a.event_uuid = p.event_key)
     LIMIT ${PRUNE_ROWS})`,
  `DELETE FROM acknowledged WHERE (event_uuid, instance) IN (
     SELECT event_uuid, instance FROM acknowledged WHERE at < ? LIMIT ${PRUNE_ROWS})`,
  `DELETE FROM silences WHERE id IN (SELECT id FROM silences WHERE until < ? LIMIT ${PRUNE_ROWS})`,
  `DELETE FROM delivery_groups WHERE rowid IN (
     SELECT rowid FROM delivery_groups WHERE due_at IS NULL AND last_left_at < ? LIMIT ${PRUNE_ROWS})`,
];

/** Text from MISP that people were shown goes after so long at the latest. */
const PRUNE_SHOWN: readonly (readonly [sql: string, keptMs: number])[] = [
  [dropToldParts(PRUNE_ROWS, "people"), TOLD_PARTS_MS],
  [DROP_POSTS, POST_MS],
];
