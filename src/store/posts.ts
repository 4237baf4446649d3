import type { Alert } from "../model/alert.ts";
import type { Memory } from "../model/memory.ts";
import type { Store } from "../model/outbox.ts";
import type {
  EventName,
  EventProgress,
  Follow,
  FollowUp,
  OpenPost,
  Post,
  PostContent,
  PostEnd,
} from "../model/post.ts";
import { nameOf } from "./names.ts";

/** So many messages of one destination may be changed, and so many bytes of what they show are kept; beyond it the oldest go. */
export const MAX_POSTS = 20_000;
export const MAX_POST_BYTES = 32 * 2 ** 20;
/** A message that shows more is only replied to. */
export const MAX_CONTENT_BYTES = 128 * 2 ** 10;
/** What changes often is shown so often. */
export const REFRESH_MS = 30_000;

/** An event is taken back: that stands in a message for all that it shows of it; undefined: the message is not about it. */
export function withdrawIn(
  post: Post,
  { entry: stub, ...event }: NonNullable<FollowUp["withdrawn"]>[number],
): Post | undefined {
  const name = eventNameOf(event);
  if (!post.events.some((one) => eventNameOf(one) === name)) {
    return undefined;
  }
  const { content } = post;
  if (!content) {
    // What it shows beside that was never kept, and goes as well.
    const bare = { createdAt: post.at, priority: "normal", mentions: [], show: 20 } as const;
    return { ...post, content: { ...bare, entries: [stub] } };
  }
  const names = content.entries.map(nameOfEntry);
  const first = names.indexOf(name);
  const entries = content.entries.flatMap((entry, index) => {
    if (names[index] !== name) {
      return [entry];
    }
    return index === first ? [stub] : [];
  });
  return { ...post, content: { ...content, entries } };
}

/** A message that was changed, or left as it is. */
export function showIn(post: Post, { content, shown }: Extract<PostEnd, { readonly kind: "shown" }>): Post {
  return bounded({ ...post, ...(content && { content }), ...(shown !== undefined && { shown }) });
}

/** A message with what is known now of what it shows. */
export function openPost(
  { post, revision, attempts }: Pick<OpenPost, "post" | "revision" | "attempts">,
  memoryOf: (alert: Alert) => Memory,
  progressOf: (event: EventName) => EventProgress | undefined,
): OpenPost {
  const entries = post.content?.entries ?? [];
  return {
    ...{ post, revision, attempts },
    memories: entries.map(({ alert }) => memoryOf(alert)),
    progresses: entries.map((entry) => {
      const event = eventOfEntry(entry);
      return event && progressOf(event);
    }),
  };
}

/** What a destination was told of an event, and the message that others follow. */
export function followOf({ instance, eventUuid }: EventName, progress: EventProgress, root: Post | undefined): Follow {
  return {
    ...{ instance, eventUuid, progress },
    ...(root && { root: { id: root.id, ref: root.ref, events: root.events, at: root.at } }),
  };
}

/** Without content that there is no room for. */
export function bounded(post: Post): Post {
  const { content, ...rest } = post;
  return content && Buffer.byteLength(JSON.stringify(content)) > MAX_CONTENT_BYTES ? rest : post;
}

function eventOfEntry({ alert }: PostContent["entries"][number]): EventName | undefined {
  const eventUuid = alert.event?.uuid;
  return eventUuid === undefined ? undefined : { instance: alert.instance, eventUuid };
}

function nameOfEntry(entry: PostContent["entries"][number]): string | undefined {
  const event = eventOfEntry(entry);
  return event && eventNameOf(event);
}

/** One text for an event. */
export function eventNameOf({ instance, eventUuid }: EventName): string {
  return nameOf(instance, eventUuid);
}

/** What is known of an event that was told and nothing more. */
export function noted(firstAt: number): EventProgress {
  return { firstAt, updates: 0, sightings: 0 };
}

/** What a commit says that has stored all. */
export function committedWith(recheck: readonly string[]): Awaited<ReturnType<Store["commit"]>> {
  return recheck.length > 0 ? { recheck } : "committed";
}
