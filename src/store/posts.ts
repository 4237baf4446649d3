import type { EventName, EventProgress, FollowUp, Post, PostContent } from "../model/post.ts";
import { nameOf } from "./names.ts";

/** So many messages of one destination may be changed, and so many bytes of what they show are kept; beyond it the oldest go. */
export const MAX_POSTS = 20_000;
export const MAX_POST_BYTES = 32 * 2 ** 20;
/** A message that shows more is only replied to. */
export const MAX_CONTENT_BYTES = 128 * 2 ** 10;
/** What changes often is shown so often. */
export const REFRESH_MS = 30_000;

/** What is taken back of the events in a message, in the place of all that it shows of them; undefined: nothing. */
export function withdrawIn(post: Post, withdrawn: NonNullable<FollowUp["withdrawn"]>): Post | undefined {
  const about = new Map(withdrawn.map((one) => [eventNameOf(one), one.entry]));
  const [first] = withdrawn.filter((one) => post.events.some((event) => eventNameOf(event) === eventNameOf(one)));
  if (!first) {
    return undefined;
  }
  const { content } = post;
  if (!content) {
    // What it shows beside that was never kept, and goes as well.
    const bare = { createdAt: post.at, priority: "normal", mentions: [], show: 20 } as const;
    return { ...post, content: { ...bare, entries: [first.entry] } };
  }
  const seen = new Set<string>();
  const entries = content.entries.flatMap((entry) => {
    const name = nameOfEntry(entry);
    const stub = name === undefined ? undefined : about.get(name);
    if (name === undefined || !stub) {
      return [entry];
    }
    const isFirst = !seen.has(name);
    seen.add(name);
    return isFirst ? [stub] : [];
  });
  return { ...post, content: { ...content, entries } };
}

/** Without content that there is no room for. */
export function bounded(post: Post): Post {
  const { content, ...rest } = post;
  return content && JSON.stringify(content).length > MAX_CONTENT_BYTES ? rest : post;
}

/** The event that an entry of a message is about. */
export function eventOfEntry({ alert }: PostContent["entries"][number]): EventName | undefined {
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
