import type { Alert } from "../../model/alert.ts";
import type { ChangeableMessage, PendingChanges } from "../../model/ledger.ts";
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
import type { Acknowledgement } from "../../model/remind.ts";
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
import { type PostRow, preparePosts } from "./post-statements.ts";
import { parseBody, parseToldParts } from "./rows.ts";

/** Which events destinations were told of, and the messages that may still be changed, in SQLite; each call within a transaction. */
export class PostRows {
  readonly #sql: ReturnType<typeof preparePosts>;
  readonly #memoryOf: (alert: Alert) => Memory;
  /** What batches on their way do not know. */
  readonly rechecks = new Rechecks();

  constructor(db: Database, memoryOf: (alert: Alert) => Memory) {
    this.#sql = preparePosts(db);
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

  /** Somebody looks after an event: the messages about it say so. */
  acknowledge({ instance, eventUuid, at, by }: Acknowledgement): void {
    this.rechecks.note([{ instance, eventUuid }]);
    this.#sql.acknowledge.run(JSON.stringify({ by, at }), instance, eventUuid);
    this.#sql.lookAgain.run(at, instance, eventUuid);
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
        this.#sql.again.run(end.at, end.attempted ? 1 : 0, end.reason, row.revision === end.revision ? 1 : 0, end.id);
        return;
      case "shown": {
        if (row.revision !== end.revision) {
          this.#sql.stillDue.run(now, end.id);
          return;
        }
        this.#sql.shown.run(now, JSON.stringify(showIn(parseBody<Post>(row.body), end)), end.id);
        return;
      }
    }
  }

  pending(): readonly PendingChanges[] {
    return this.#sql.pending.all().map(({ destination, n, urgent, oldestAt }) => {
      const reason = this.#sql.pendingReason.get(destination)?.reason;
      return { destination, n, urgent, oldestAt, ...(reason !== undefined && { reason }) };
    });
  }

  about({ instance, eventUuid }: EventName): readonly ChangeableMessage[] {
    return this.#sql.messages.all(instance, eventUuid).map((row): ChangeableMessage => {
      const { destination, at, reply, due_at: dueAt, since, urgent, attempts, reason } = row;
      const isPending = dueAt !== null && since !== null;
      const failure = reason === null ? {} : { reason };
      return {
        ...{ destination, at, isReply: reply === 1 },
        ...(isPending && { pending: { since, dueAt, isUrgent: urgent === 1, attempts, ...failure } }),
      };
    });
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
