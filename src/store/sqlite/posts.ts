import type { Alert } from "../../model/alert.ts";
import type { Memory, ReachedDestination } from "../../model/memory.ts";
import type { Batch, BatchId } from "../../model/outbox.ts";
import {
  type EventName,
  type EventProgress,
  type Follow,
  type FollowUp,
  type OpenPost,
  POST_MS,
  type Post,
  type PostEnd,
} from "../../model/post.ts";
import {
  bounded,
  eventNameOf,
  followOf,
  MAX_POST_BYTES,
  MAX_POSTS,
  noted,
  openPost,
  REFRESH_MS,
  showIn,
  withdrawIn,
} from "../posts.ts";
import { Rechecks } from "../rechecks.ts";
import type { Database } from "./driver.ts";
import { type BodyRow, parseBody, parseToldParts } from "./rows.ts";
import { DROP_POSTS } from "./statements.ts";

interface PostRow extends BodyRow {
  readonly id: string;
  readonly revision: number;
  readonly attempts: number;
}

/** Which events destinations were told of, and the messages that may still be changed, in SQLite; each call within a transaction. */
export class PostRows {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #memoryOf: (alert: Alert) => Memory;
  /** What batches on their way do not know. */
  readonly rechecks = new Rechecks();

  constructor(db: Database, memoryOf: (alert: Alert) => Memory) {
    this.#sql = prepare(db);
    this.#memoryOf = memoryOf;
  }

  /** Who was told anything of an event. */
  reached(instance: string, eventUuid: string, withParts: boolean): readonly ReachedDestination[] {
    return this.#sql.reached.all(instance, eventUuid).map(({ destination, parts }): ReachedDestination => {
      const known = withParts && parts !== null ? parseToldParts(parts).parts : undefined;
      return { instance, eventUuid, destination, ...(known && { parts: known }) };
    });
  }

  /** What a destination was told of these events. */
  follows(destination: string, entries: Batch["entries"]): readonly Follow[] {
    const events = new Map<string, EventName>();
    for (const { delivery } of entries) {
      const { instance, eventUuid } = delivery;
      if (eventUuid !== undefined) {
        events.set(eventNameOf({ instance, eventUuid }), { instance, eventUuid });
      }
    }
    return [...events.values()].flatMap((event): Follow | readonly [] => {
      const row = this.#sql.follow.get(event.instance, event.eventUuid, destination);
      if (!row) {
        return [];
      }
      const progress = row.progress === null ? noted(row.at) : parseBody<EventProgress>(row.progress);
      return followOf(event, progress, row.post === null ? undefined : parseBody<Post>(row.post));
    });
  }

  /** Notes what was told. */
  apply(followUp: FollowUp | undefined, { id, destination }: Pick<Batch, "id" | "destination">, now: number): void {
    if (!followUp) {
      return;
    }
    const { told, post, refresh, withdrawn = [], gone } = followUp;
    if (gone !== undefined) {
      this.#sql.drop.run(gone);
    }
    for (const { instance, eventUuid, progress } of told) {
      this.#sql.note.run(
        instance,
        eventUuid,
        destination,
        now,
        JSON.stringify(progress ?? noted(now)),
        progress ? 1 : 0,
      );
    }
    if (refresh) {
      for (const { instance, eventUuid } of told) {
        this.#sql.refresh.run(now, REFRESH_MS, instance, eventUuid, destination, post?.id ?? "");
      }
    }
    if (post) {
      this.#put(post, this.rechecks.isMissed(id, post.events) ? now : null);
    }
    for (const one of withdrawn) {
      this.#withdraw(one, destination, now);
    }
    this.#bound(destination);
  }

  /** These events are seen by fewer than before. Gives who has messages about them. */
  recheck(events: readonly EventName[], now: number): readonly string[] {
    this.rechecks.note(events);
    const rows = events.flatMap(({ instance, eventUuid }) => this.#sql.recheck.all(now, instance, eventUuid));
    return [...new Set(rows.map(({ destination }) => destination))];
  }

  take(destination: string, now: number, isUrgent: boolean): OpenPost | { readonly dueAt: number } | undefined {
    this.#sql.expire.run(now - POST_MS);
    const row = this.#sql.due.get(destination, isUrgent ? 1 : 0);
    if (!row) {
      return undefined;
    }
    return row.due_at > now ? { dueAt: row.due_at } : this.#open(row);
  }

  get(id: BatchId): OpenPost | undefined {
    const row = this.#sql.post.get(id);
    return row && this.#open(row);
  }

  settle(end: PostEnd, now: number): void {
    const row = this.#sql.post.get(end.id);
    if (!row) {
      return;
    }
    switch (end.kind) {
      case "over":
        // What was withdrawn meanwhile is still to be taken from it.
        if (row.revision === end.revision) {
          this.#sql.drop.run(end.id);
        }
        return;
      case "again":
        this.#sql.again.run(end.at, end.attempted ? 1 : 0, end.id);
        return;
      case "shown": {
        if (row.revision !== end.revision) {
          this.#sql.again.run(now, 0, end.id);
          return;
        }
        this.#sql.shown.run(now, JSON.stringify(showIn(parseBody<Post>(row.body), end)), end.id);
        return;
      }
    }
  }

  #open({ body, revision, attempts }: PostRow): OpenPost {
    const post = parseBody<Post>(body);
    return openPost({ post, revision, attempts }, this.#memoryOf, ({ instance, eventUuid }) => {
      const progress = this.#sql.follow.get(instance, eventUuid, post.destination)?.progress;
      return typeof progress === "string" ? parseBody<EventProgress>(progress) : undefined;
    });
  }

  #put(post: Post, dueAt: number | null): void {
    const kept = bounded(post);
    this.#sql.put.run(post.id, post.destination, post.at, post.isReply ? 1 : 0, JSON.stringify(kept), dueAt);
    for (const { instance, eventUuid } of post.events) {
      this.#sql.putEvent.run(instance, eventUuid, post.destination, post.id);
    }
    if (!post.isReply) {
      for (const { instance, eventUuid } of post.events) {
        // A digest is followed only where nothing about the event alone can be.
        this.#sql.root.run(post.id, instance, eventUuid, post.destination, post.events.length === 1 ? 1 : 0);
      }
    }
  }

  #withdraw(one: NonNullable<FollowUp["withdrawn"]>[number], destination: string, now: number): void {
    const { instance, eventUuid } = one;
    for (const { id, body } of this.#sql.about.all(instance, eventUuid, destination)) {
      const post = withdrawIn(parseBody<Post>(body), one);
      if (post) {
        this.#sql.withdraw.run(now, JSON.stringify(post), id);
      }
    }
    for (const forget of this.#sql.forget) {
      forget.run(instance, eventUuid, destination);
    }
  }

  #bound(destination: string): void {
    for (;;) {
      const { n = 0, bytes = 0 } = this.#sql.counted.get(destination) ?? {};
      if ((n <= MAX_POSTS && bytes <= MAX_POST_BYTES) || this.#sql.dropOldest.run(destination).changes === 0) {
        return;
      }
    }
  }
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

function prepare(db: Database) {
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
      UPDATE posts SET revision = revision + 1,
        due_at = min(coalesce(due_at, ${LATEST}), max(?1, coalesce(edited_at + ?2, ?1)))
      WHERE id IN (SELECT post FROM post_events WHERE instance = ?3 AND event_uuid = ?4 AND destination = ?5)
        AND id <> ?6 AND reply = 0`),
    recheck: db.prepare<{ readonly destination: string }>(`
      UPDATE posts SET revision = revision + 1, due_at = min(coalesce(due_at, ?1), ?1)
      WHERE id IN (SELECT post FROM post_events WHERE instance = ?2 AND event_uuid = ?3) RETURNING destination`),
    put: db.prepare(`
      INSERT INTO posts (id, destination, at, reply, body, due_at) VALUES (?, ?, ?, ?, ?, ?)
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
    withdraw: db.prepare(
      "UPDATE posts SET due_at = ?1, urgent = 1, attempts = 0, revision = revision + 1, body = ?2 WHERE id = ?3",
    ),
    forget: ["follows", "told", "told_parts"].map((table) =>
      db.prepare(`DELETE FROM ${table} WHERE instance = ? AND event_uuid = ? AND destination = ?`),
    ),
    due: db.prepare<PostRow & { readonly due_at: number }>(`
      SELECT ${POST}, due_at FROM posts
      WHERE destination = ?1 AND due_at IS NOT NULL AND urgent >= ?2 ORDER BY due_at, seq LIMIT 1`),
    post: db.prepare<PostRow>(`SELECT ${POST} FROM posts WHERE id = ?`),
    again: db.prepare("UPDATE posts SET due_at = ?1, attempts = attempts + ?2 WHERE id = ?3"),
    shown: db.prepare(
      "UPDATE posts SET due_at = NULL, urgent = 0, attempts = 0, edited_at = ?1, body = ?2 WHERE id = ?3",
    ),
    drop: db.prepare("DELETE FROM posts WHERE id = ?"),
    expire: db.prepare(DROP_POSTS),
    counted: db.prepare<{ readonly n: number; readonly bytes: number }>(
      "SELECT n, bytes FROM post_counts WHERE destination = ?",
    ),
    dropOldest: db.prepare(`
      DELETE FROM posts WHERE seq IN (SELECT seq FROM posts WHERE destination = ? ORDER BY seq LIMIT 1)`),
  };
}
