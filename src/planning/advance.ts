import { isMarking } from "../guard/marking.ts";
import { withoutMembers } from "../guard/reach.ts";
import type { EventMemory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { EventView, Tag } from "../model/misp.ts";

/** Memory after a message. `stale`: the message is older than what memory holds, and changed nothing. */
export interface Advanced {
  readonly event: EventMemory;
  readonly stale: boolean;
}

const NOTHING = { event: {}, attached: [], everPublished: false, deleted: false } as const;

/**
 * What is known of an event once `message` has been seen. Memory only moves forward by `Event.timestamp`; a marking
 * tightens at once and is loosened only by a complete list that is newer than it. Returns `before` itself when nothing
 * changes. The message must be about an event.
 */
export function advanceEvent(before: EventMemory | undefined, message: Message): Advanced | undefined {
  const view = message.event;
  const key = view?.id ?? before?.key ?? view?.uuid;
  if (!view || key === undefined) {
    return undefined;
  }
  // Tag frames find an event only under its id: one that was known by its UUID alone becomes a row of its own.
  const memory: EventMemory =
    before?.key === key ? before : { ...NOTHING, instance: message.instance, ...before, key, revision: 0 };
  const after =
    message.tag?.on === "event"
      ? withTag(memory, message)
      : view.changedAt === undefined
        ? fillIn(memory, view)
        : replace(memory, message, view, view.changedAt);
  return { event: after ?? memory, stale: after === undefined };
}

/** A frame that tells the state of the event itself; undefined when it is older than what is known. */
function replace(memory: EventMemory, message: Message, view: EventView, changedAt: number): EventMemory | undefined {
  const knownAt = memory.event.changedAt;
  const { late } = message;
  if (late && late.changedAt < (memory.publishedAt ?? late.changedAt)) {
    return undefined;
  }
  if (knownAt !== undefined && changedAt < knownAt) {
    // A publication that was missed is told though its event has been edited since.
    return late && { ...memory, ...published(memory, message, memory.event, memory.event.tags), everPublished: true };
  }
  const isNewer = knownAt === undefined || changedAt > knownAt;
  const isPublication = message.kind === "event.published";
  const { tags, attached } = view.tags
    ? withList(memory, view.tags, changedAt, isNewer, isPublication)
    : { tags: memory.event.tags, attached: memory.attached };
  return {
    ...memory,
    event: { ...overlay(memory.event, withoutMembers(view)), ...(tags && { tags }) },
    attached,
    ...(isPublication && published(memory, message, view, tags)),
    everPublished: memory.everPublished || isPublication || isPublished(view),
    deleted: message.kind === "event.deleted" || (memory.deleted && !isNewer),
  };
}

/** By several endpoints and by reconcile a publication comes more than once; nobody publishes the same again so soon. */
const COPY_MS = 60_000;

/** Whether a publication is one that memory has counted, come by another way. */
export function isCopy(
  memory: EventMemory | undefined,
  message: Message,
): memory is EventMemory & { readonly countedAt: number } {
  if (message.kind !== "event.published" || memory?.countedAt === undefined) {
    return false;
  }
  if (memory.publishedAt === undefined || memory.publishedAt !== publishedAtOf(message)) {
    return false;
  }
  // Reconcile looks for what was never seen: it and the feed have crossed.
  return message.late !== undefined || Math.abs(message.receivedAt - memory.countedAt) < COPY_MS;
}

/** A complete list replaces what is older than it, and is united with what is not. */
function withList(
  memory: EventMemory,
  list: readonly Tag[],
  changedAt: number,
  isNewer: boolean,
  isPublication: boolean,
) {
  const attached = memory.attached.filter(({ seenAt }) => seenAt >= changedAt);
  const known = memory.event.tags ?? [];
  // A publication leaves out tags that are not exportable (MISP fetches the event as a sync partner would).
  const kept = isNewer ? known.filter((tag) => isPublication && tag.exportable === false) : known;
  const hidden = isPublication
    ? memory.attached.filter((tag) => tag.exportable === false).map(({ seenAt: _, ...tag }) => tag)
    : [];
  return { tags: unite(list, kept, hidden), attached };
}

/** A frame about a part of an event: it has no time of its own, and only fills gaps. */
function fillIn(memory: EventMemory, view: EventView): EventMemory {
  const { tags: _, ...rest } = withoutMembers(view);
  const gaps = Object.entries(rest).filter(([name]) => memory.event[name as keyof EventView] === undefined);
  const everPublished = memory.everPublished || isPublished(view);
  if (gaps.length === 0 && everPublished === memory.everPublished && memory.revision > 0) {
    return memory;
  }
  return { ...memory, event: { ...memory.event, ...Object.fromEntries(gaps) }, everPublished };
}

/** A tag was attached to the event, or detached from it. Detaching a marking waits for a list that confirms it. */
function withTag(memory: EventMemory, message: Message): EventMemory {
  const { on: _on, attributeId: _id, ...tag } = message.tag ?? { name: "" };
  const filled = fillIn(memory, message.event ?? {});
  const known = filled.event.tags;
  if (message.kind === "tag.detached") {
    if (!known || isMarking(tag.name)) {
      return filled;
    }
    return { ...filled, event: { ...filled.event, tags: known.filter(({ name }) => name !== tag.name) } };
  }
  const event = { ...filled.event, ...(known && { tags: unite(known, [tag]) }) };
  if (!isMarking(tag.name)) {
    return { ...filled, event };
  }
  const earlier = filled.attached.find(({ name }) => name === tag.name);
  const attached = { ...tag, seenAt: Math.max(seenAt(filled, message.receivedAt), earlier?.seenAt ?? 0) };
  return { ...filled, event, attached: [...filled.attached.filter((other) => other !== earlier), attached] };
}

/** Tag frames tell no time: what they say is as new as their arrival. */
export function seenAt(memory: EventMemory, receivedAt: number): number {
  return Math.max(memory.event.changedAt ?? 0, Math.floor(receivedAt / 1000) * 1000);
}

/** What is remembered of a publication. */
function published(
  memory: EventMemory,
  message: Message,
  { info, threatLevel }: EventView,
  tags: readonly Tag[] = [],
): Pick<EventMemory, "publishedAt" | "publicationAt" | "countedAt" | "published"> {
  const publishedAt = publishedAtOf(message);
  return {
    ...(publishedAt !== undefined && { publishedAt }),
    countedAt: isCopy(memory, message) ? memory.countedAt : message.receivedAt,
    publicationAt: message.late?.publishedAt ?? message.receivedAt,
    published: {
      ...(info !== undefined && { info }),
      ...(threatLevel !== undefined && { threatLevel }),
      tags: tags.map(({ name }) => name),
    },
  };
}

/** The event's `changedAt` when it was published: the event that a late publication tells may be newer. */
export function publishedAtOf({ late, event }: Message): number | undefined {
  return late?.changedAt ?? event?.changedAt;
}

function isPublished(view: EventView): boolean {
  return view.published === true || view.wasPublished === true;
}

/** What is newly said over what was known; a distribution replaces the sharing group that went with the old one. */
export function overlay(known: EventView, said: EventView): EventView {
  const { sharingGroup, ...rest } = known;
  // Only publications tell a group's UUID and name, other frames its id alone.
  const isSame = sharingGroup?.id !== undefined && sharingGroup.id === said.sharingGroup?.id;
  if (isSame) {
    return { ...rest, ...said, sharingGroup: { ...sharingGroup, ...said.sharingGroup } };
  }
  return said.distribution === undefined ? { ...known, ...said } : { ...rest, ...said };
}

function unite(...lists: readonly (readonly Tag[])[]): readonly Tag[] {
  return [...new Map(lists.flat().map((tag) => [tag.name, tag])).values()];
}
