import type { Alert } from "../../model/alert.ts";
import type { ChangeableMessage, PendingChanges } from "../../model/ledger.ts";
import type { Keys, Memory, ReachedDestination } from "../../model/memory.ts";
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
import { nameOf } from "../names.ts";
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
import type { Tables, Touched } from "./rows.ts";

interface Kept {
  readonly post: Post;
  readonly revision: number;
  readonly attempts: number;
  readonly dueAt?: number | undefined;
  readonly editedAt?: number;
  /** Since when it is to be changed. */
  readonly since?: number | undefined;
  readonly isUrgent?: boolean;
  /** Why the last attempt to change it failed. */
  readonly reason?: string;
}

type Row = EventName & { readonly destination: string; readonly progress: EventProgress; readonly root?: BatchId };

/** Which events destinations were told of, and the messages that may still be changed, in memory. */
export class MemoryPosts {
  readonly #tables: Pick<Tables, "told" | "toldParts">;
  readonly #memoryOf: (alert: Alert) => Memory;
  readonly #follows = new Map<string, Touched<Row>>();
  readonly #posts = new Map<BatchId, Kept>();
  /** What batches on their way do not know. */
  readonly rechecks = new Rechecks();

  constructor(tables: Pick<Tables, "told" | "toldParts">, memoryOf: (alert: Alert) => Memory) {
    this.#tables = tables;
    this.#memoryOf = memoryOf;
  }

  /** Who was told anything of these events. */
  reached(
    keys: Keys["events"],
    uuidOf: (key: Keys["events"][number]) => string | undefined,
  ): readonly ReachedDestination[] {
    const all = new Map<string, ReachedDestination>();
    for (const key of keys) {
      const eventUuid = key.reached && uuidOf(key);
      if (eventUuid === undefined) {
        continue;
      }
      const rows = [...this.#follows.values(), ...[...this.#tables.told.values()].map(({ told }) => told)];
      for (const { instance, destination, eventUuid: uuid } of rows) {
        if (instance === key.instance && uuid === eventUuid) {
          const name = nameOf(instance, eventUuid, destination);
          const parts = key.reached === "parts" ? this.#tables.toldParts.get(name)?.parts.parts : undefined;
          all.set(name, { ...all.get(name), instance, eventUuid, destination, ...(parts && { parts }) });
        }
      }
    }
    return [...all.values()].sort((a, b) => (a.destination < b.destination ? -1 : 1));
  }

  follows(destination: string, entries: Batch["entries"]): readonly Follow[] {
    const events = new Map(
      entries.flatMap(({ delivery: { instance, eventUuid } }) =>
        eventUuid === undefined ? [] : [[nameOf(instance, eventUuid, destination), { instance, eventUuid }] as const],
      ),
    );
    return [...events].flatMap(([name, event]): Follow | readonly [] => {
      const row = this.#follows.get(name);
      const at = row?.touchedAt ?? this.#tables.told.get(name)?.touchedAt;
      const root = row?.root === undefined ? undefined : this.#posts.get(row.root)?.post;
      if (at === undefined) {
        return [];
      }
      return followOf(event, row?.progress ?? noted(at), root);
    });
  }

  apply(followUp: FollowUp | undefined, { id, destination }: Pick<Batch, "id" | "destination">, now: number): void {
    if (!followUp) {
      return;
    }
    const { told, post, refresh, withdrawn = [], gone } = followUp;
    if (gone !== undefined) {
      this.#posts.delete(gone);
    }
    for (const { instance, eventUuid, progress } of told) {
      const name = nameOf(instance, eventUuid, destination);
      const before = this.#follows.get(name);
      const row = { ...before, instance, eventUuid, destination, touchedAt: now };
      this.#follows.set(name, { ...row, progress: progress ?? before?.progress ?? noted(now) });
    }
    if (refresh) {
      const later = ({ dueAt = Number.MAX_SAFE_INTEGER, editedAt }: Kept) =>
        Math.min(dueAt, Math.max(now, editedAt === undefined ? now : editedAt + REFRESH_MS));
      this.#touch(told, (kept) =>
        kept.post.destination === destination && kept.post.id !== post?.id && !kept.post.isReply
          ? { dueAt: later(kept), since: kept.since ?? now }
          : undefined,
      );
    }
    if (post) {
      this.#put(post, this.rechecks.isMissed(id, post.events) ? now : undefined);
    }
    for (const one of withdrawn) {
      this.#withdraw(one, destination, now);
    }
    this.#bound(destination);
  }

  acknowledge({ instance, eventUuid, at, by }: Acknowledgement): void {
    this.rechecks.note([{ instance, eventUuid }]);
    for (const [name, row] of this.#follows) {
      if (row.instance === instance && row.eventUuid === eventUuid) {
        this.#follows.set(name, { ...row, progress: { ...row.progress, acknowledged: { by, at } } });
      }
    }
    this.#touch([{ instance, eventUuid }], ({ dueAt = at, since = at }) => ({ dueAt: Math.min(dueAt, at), since }));
  }

  recheck(events: readonly EventName[], now: number): readonly string[] {
    this.rechecks.note(events);
    return this.#touch(events, ({ dueAt = now, since = now }) => ({
      ...{ dueAt: Math.min(dueAt, now), since, isUrgent: true },
    }));
  }

  take(destination: string, now: number, isUrgent: boolean): OpenPost | { readonly dueAt: number } | undefined {
    this.#drop(now - POST_MS);
    const [first] = [...this.#posts.values()]
      .filter((kept) => kept.post.destination === destination && kept.dueAt !== undefined)
      .filter((kept) => kept.isUrgent || !isUrgent)
      .sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
    if (first?.dueAt === undefined) {
      return undefined;
    }
    return first.dueAt > now ? { dueAt: first.dueAt } : this.#open(first);
  }

  get(id: BatchId): OpenPost | undefined {
    const kept = this.#posts.get(id);
    return kept && this.#open(kept);
  }

  settle(end: PostEnd, now: number): void {
    const kept = this.#posts.get(end.id);
    if (!kept) {
      return;
    }
    const isOld = kept.revision !== end.revision;
    if (end.kind === "again") {
      const attempts = kept.attempts + (end.attempted ? 1 : 0);
      // What has changed meanwhile does not wait for that.
      this.#posts.set(end.id, { ...kept, attempts, reason: end.reason, ...(!isOld && { dueAt: end.at }) });
    } else if (end.kind === "over") {
      if (!isOld) {
        this.#posts.delete(end.id);
      }
    } else if (isOld) {
      this.#posts.set(end.id, { ...kept, dueAt: now });
    } else {
      this.#posts.set(end.id, { post: showIn(kept.post, end), revision: kept.revision, attempts: 0, editedAt: now });
    }
  }

  prune(before: number, now: number): void {
    for (const [name, { touchedAt }] of this.#follows) {
      if (touchedAt < before) {
        this.#follows.delete(name);
      }
    }
    this.#drop(Math.max(before, now - POST_MS));
  }

  setBack(back: number): void {
    for (const [id, kept] of this.#posts) {
      const { dueAt, editedAt, since } = kept;
      this.#posts.set(id, {
        ...kept,
        ...(dueAt !== undefined && { dueAt: dueAt - back }),
        ...(editedAt !== undefined && { editedAt: editedAt - back }),
        ...(since !== undefined && { since: since - back }),
      });
    }
  }

  pending(): readonly PendingChanges[] {
    const due = [...this.#posts.values()].filter(({ dueAt }) => dueAt !== undefined);
    return [...new Set(due.map(({ post }) => post.destination))].sort().map((destination) => {
      const own = due.filter(({ post }) => post.destination === destination);
      const [failed] = own.filter(({ reason }) => reason !== undefined).sort((a, b) => (b.dueAt ?? 0) - (a.dueAt ?? 0));
      return {
        ...{ destination, n: own.length, urgent: own.filter(({ isUrgent }) => isUrgent).length },
        oldestAt: Math.min(...own.map(({ since, dueAt = 0 }) => since ?? dueAt)),
        ...(failed?.reason !== undefined && { reason: failed.reason }),
      };
    });
  }

  about(event: EventName): readonly ChangeableMessage[] {
    const name = eventNameOf(event);
    return [...this.#posts.values()]
      .filter(({ post }) => post.events.some((one) => eventNameOf(one) === name))
      .map(
        ({ post: { destination, at, isReply = false }, dueAt, since = dueAt, isUrgent = false, attempts, reason }) => ({
          ...{ destination, at, isReply },
          ...(dueAt !== undefined &&
            since !== undefined && {
              pending: { since, dueAt, isUrgent, attempts, ...(reason !== undefined && { reason }) },
            }),
        }),
      )
      .sort((a, b) => (a.destination < b.destination ? -1 : a.destination > b.destination ? 1 : a.at - b.at));
  }

  #open(kept: Kept): OpenPost {
    const { destination } = kept.post;
    return openPost(
      kept,
      this.#memoryOf,
      ({ instance, eventUuid }) => this.#follows.get(nameOf(instance, eventUuid, destination))?.progress,
    );
  }

  #put(post: Post, dueAt: number | undefined): void {
    const before = this.#posts.get(post.id);
    this.#posts.set(post.id, {
      ...(before ?? { attempts: 0, ...(dueAt !== undefined && { dueAt, since: dueAt, isUrgent: true }) }),
      post: bounded(post),
      revision: before ? before.revision + 1 : 0,
    });
    for (const { instance, eventUuid } of post.isReply ? [] : post.events) {
      const name = nameOf(instance, eventUuid, post.destination);
      const row = this.#follows.get(name);
      const root = row?.root === undefined ? undefined : this.#posts.get(row.root)?.post;
      if (row && (post.events.length === 1 || root?.events.length !== 1)) {
        this.#follows.set(name, { ...row, root: post.id });
      }
    }
  }

  #withdraw(one: NonNullable<FollowUp["withdrawn"]>[number], destination: string, now: number): void {
    for (const [id, kept] of this.#posts) {
      const post = kept.post.destination === destination ? withdrawIn(kept.post, one) : undefined;
      if (post) {
        this.#posts.set(id, {
          ...kept,
          ...{ post, dueAt: now, since: kept.since ?? now, isUrgent: true, attempts: 0, revision: kept.revision + 1 },
        });
      }
    }
    const name = nameOf(one.instance, one.eventUuid, destination);
    this.#follows.delete(name);
    this.#tables.told.delete(name);
    this.#tables.toldParts.delete(name);
  }

  /** Gives whose messages were touched. */
  #touch(events: readonly EventName[], change: (kept: Kept) => Partial<Kept> | undefined): readonly string[] {
    const names = new Set(events.map(eventNameOf));
    const touched = new Set<string>();
    for (const [id, kept] of this.#posts) {
      const changed = kept.post.events.some((event) => names.has(eventNameOf(event))) ? change(kept) : undefined;
      if (changed) {
        this.#posts.set(id, { ...kept, ...changed, revision: kept.revision + 1 });
        touched.add(kept.post.destination);
      }
    }
    return [...touched];
  }

  #bound(destination: string): void {
    const all = [...this.#posts.values()].filter(({ post }) => post.destination === destination);
    let bytes = all.reduce((sum, { post }) => sum + sizeOf(post), 0);
    let n = all.length;
    // What readers may not see any more is still to be taken from them.
    for (const { post } of all.filter(({ isUrgent }) => !isUrgent)) {
      if (n <= MAX_POSTS && bytes <= MAX_POST_BYTES) {
        return;
      }
      n -= 1;
      bytes -= sizeOf(post);
      this.#posts.delete(post.id);
    }
  }

  #drop(before: number): void {
    for (const [id, { post }] of this.#posts) {
      if (post.at < before) {
        this.#posts.delete(id);
      }
    }
  }
}

const sizes = new WeakMap<Post, number>();

function sizeOf(post: Post): number {
  const size = sizes.get(post) ?? Buffer.byteLength(JSON.stringify(post));
  sizes.set(post, size);
  return size;
}
