import type { PendingChanges } from "../../model/ledger.ts";
import type { Database } from "./driver.ts";
import type { BodyRow } from "./rows.ts";
import { DROP_POSTS } from "./statements.ts";

/** A message with what it shows. */
export interface PostRow extends BodyRow {
  readonly id: string;
  readonly revision: number;
  readonly attempts: number;
}

interface MessageRow {
  readonly destination: string;
  readonly at: number;
  readonly reply: number;
  readonly due_at: number | null;
  readonly since: number | null;
  readonly urgent: number;
  readonly attempts: number;
  readonly reason: string | null;
}

/** How many messages of each destination are kept, and how large they are; as `owed_counts`. */
const COUNTERS = `
  CREATE TEMP TABLE post_counts (destination TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL, bytes INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
  INSERT INTO post_counts SELECT destination, count(*), sum(octet_length(body)) FROM main.posts GROUP BY destination;
  CREATE TEMP TRIGGER posts_more AFTER INSERT ON main.posts BEGIN
    INSERT INTO post_counts VALUES (NEW.destination, 1, octet_length(NEW.body))
      ON CONFLICT (destination) DO UPDATE SET n = n + 1, bytes = bytes + excluded.bytes;
  END;
  CREATE TEMP TRIGGER posts_other AFTER UPDATE OF body ON main.posts BEGIN
    UPDATE post_counts SET bytes = bytes + octet_length(NEW.body) - octet_length(OLD.body) WHERE destination = NEW.destination;
  END;
  CREATE TEMP TRIGGER posts_less AFTER DELETE ON main.posts BEGIN
    UPDATE post_counts SET n = n - 1, bytes = bytes - octet_length(OLD.body) WHERE destination = OLD.destination;
  END;`;

/** Later than any time. */
const LATEST = Number.MAX_SAFE_INTEGER;
const POST = "id, revision, attempts, body";

/** What is asked of, and done to, messages that may still be changed; `db` counts them from then on. */
export function preparePosts(db: Database) {
  db.exec(COUNTERS);
  return {
    reached: db.prepare<{ readonly destination: string; readonly parts: string | null }>(`
      SELECT r.destination, p.body AS parts FROM (
        SELECT destination FROM told WHERE instance = ?1 AND event_uuid = ?2
        UNION SELECT destination FROM follows WHERE instance = ?1 AND event_uuid = ?2
      ) r LEFT JOIN told_parts p ON p.instance = ?1 AND p.event_uuid = ?2 AND p.destination = r.destination
      ORDER BY r.destination`),
    follow: db.prepare<{ readonly at: number; readonly progress: string | null; readonly post: string | null }>(`
      SELECT w.at, f.body AS progress, p.body AS post FROM (
        SELECT touched_at AS at FROM follows WHERE instance = ?1 AND event_uuid = ?2 AND destination = ?3
        UNION ALL SELECT touched_at FROM told WHERE instance = ?1 AND event_uuid = ?2 AND destination = ?3
      ) w LEFT JOIN follows f ON f.instance = ?1 AND f.event_uuid = ?2 AND f.destination = ?3
      LEFT JOIN posts p ON p.id = f.root ORDER BY w.at LIMIT 1`),
    note: db.prepare(`
      INSERT INTO follows (instance, event_uuid, destination, touched_at, body) VALUES (?1, ?2, ?3, ?4, ?5)
      ON CONFLICT (instance, event_uuid, destination) DO UPDATE SET
        touched_at = excluded.touched_at, body = iif(?6 = 1, excluded.body, body)`),
    refresh: db.prepare(`
      UPDATE posts SET revision = revision + 1, since = coalesce(since, ?1),
        due_at = min(coalesce(due_at, ${LATEST}), max(?1, coalesce(edited_at + ?2, ?1)))
      WHERE id IN (SELECT post FROM post_events WHERE instance = ?3 AND event_uuid = ?4 AND destination = ?5)
        AND id <> ?6 AND reply = 0`),
    acknowledge: db.prepare(`
      UPDATE follows SET body = json_set(body, '$.acknowledged', json(?1)) WHERE instance = ?2 AND event_uuid = ?3`),
    lookAgain: db.prepare(`
      UPDATE posts SET revision = revision + 1, since = coalesce(since, ?1), due_at = min(coalesce(due_at, ?1), ?1)
      WHERE id IN (SELECT post FROM post_events WHERE instance = ?2 AND event_uuid = ?3)`),
    recheck: db.prepare<{ readonly destination: string }>(`
      UPDATE posts SET revision = revision + 1, urgent = 1, since = coalesce(since, ?1), due_at = min(coalesce(due_at, ?1), ?1)
      WHERE id IN (SELECT post FROM post_events WHERE instance = ?2 AND event_uuid = ?3) RETURNING destination`),
    put: db.prepare(`
      INSERT INTO posts (id, destination, at, reply, body, due_at, since, urgent)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6 IS NOT NULL)
      ON CONFLICT (id) DO UPDATE SET body = excluded.body, revision = revision + 1`),
    putEvent: db.prepare(
      "INSERT OR IGNORE INTO post_events (instance, event_uuid, destination, post) VALUES (?, ?, ?, ?)",
    ),
    root: db.prepare(`
      UPDATE follows SET root = ?1 WHERE instance = ?2 AND event_uuid = ?3 AND destination = ?4
        AND (?5 = 1 OR NOT EXISTS (
          SELECT 1 FROM posts p WHERE p.id = follows.root
            AND (SELECT count(*) FROM post_events e WHERE e.post = p.id) = 1))`),
    about: db.prepare<PostRow>(`
      SELECT ${POST} FROM posts
      WHERE id IN (SELECT post FROM post_events WHERE instance = ? AND event_uuid = ? AND destination = ?)`),
    withdraw: db.prepare(`
      UPDATE posts SET due_at = ?1, since = coalesce(since, ?1), urgent = 1, attempts = 0, revision = revision + 1, body = ?2
      WHERE id = ?3`),
    forget: ["follows", "told", "told_parts"].map((table) =>
      db.prepare(`DELETE FROM ${table} WHERE instance = ? AND event_uuid = ? AND destination = ?`),
    ),
    due: db.prepare<PostRow & { readonly due_at: number }>(`
      SELECT ${POST}, due_at FROM posts
      WHERE destination = ?1 AND due_at IS NOT NULL AND urgent >= ?2 ORDER BY due_at, seq LIMIT 1`),
    post: db.prepare<PostRow>(`SELECT ${POST} FROM posts WHERE id = ?`),
    // What has changed meanwhile does not wait for that.
    again: db.prepare(`
      UPDATE posts SET due_at = iif(?4 = 1, ?1, due_at), attempts = attempts + ?2, reason = ?3 WHERE id = ?5`),
    stillDue: db.prepare("UPDATE posts SET due_at = ?1 WHERE id = ?2"),
    shown: db.prepare(`
      UPDATE posts SET due_at = NULL, since = NULL, reason = NULL, urgent = 0, attempts = 0, edited_at = ?1, body = ?2
      WHERE id = ?3`),
    drop: db.prepare("DELETE FROM posts WHERE id = ?"),
    expire: db.prepare(DROP_POSTS),
    counted: db.prepare<{ readonly n: number; readonly bytes: number }>(
      "SELECT n, bytes FROM post_counts WHERE destination = ?",
    ),
    // What readers may not see any more is still to be taken from them.
    dropOldest: db.prepare(`
      DELETE FROM posts WHERE seq IN (SELECT seq FROM posts WHERE destination = ? AND urgent = 0 ORDER BY seq LIMIT 1)`),
    pending: db.prepare<Omit<PendingChanges, "reason">>(`
      SELECT destination, count(*) AS n, sum(urgent) AS urgent, min(since) AS oldestAt
      FROM posts WHERE due_at IS NOT NULL GROUP BY destination ORDER BY destination`),
    // What was tried last is tried last again.
    pendingReason: db.prepare<{ readonly reason: string }>(`
      SELECT reason FROM posts WHERE destination = ? AND due_at IS NOT NULL AND reason IS NOT NULL
      ORDER BY due_at DESC, seq DESC LIMIT 1`),
    messages: db.prepare<MessageRow>(`
      SELECT destination, at, reply, due_at, since, urgent, attempts, reason FROM posts
      WHERE id IN (SELECT post FROM post_events WHERE instance = ? AND event_uuid = ?) ORDER BY destination, seq`),
  };
}
