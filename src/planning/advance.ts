import { isMarking } from "../guard/marking.ts";
import type { Attribute, EventView, Tag } from "../misp.ts";
import type { AttributeMemory, EventMemory, Message } from "../model.ts";

/** Memory after a message. `stale`: the message is older than what memory holds, and changed nothing. */
export interface Advanced {
  readonly event: EventMemory;
  readonly stale: boolean;
}

/**
 * What is known of an event once `message` has been seen. Memory only moves forward by `Event.timestamp`; a marking
 * tightens at once and is loosened only by a complete list that is newer than it. Returns `before` itself when nothing
 * changes. The message must be about an event.
 */
export function advanceEvent(before: EventMemory | undefined, message: Message): Advanced | undefined {
  const view = message.event;
  const key = before?.key ?? view?.id ?? view?.uuid;
  if (!view || key === undefined) return undefined;
  const memory: EventMemory = before ?? {
    instance: message.instance,
    key,
    revision: 0,
    event: {},
    attached: [],
    everPublished: false,
    deleted: false,
  };
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
  if (knownAt !== undefined && changedAt < knownAt) return undefined;
  const isNewer = knownAt === undefined || changedAt > knownAt;
  const isPublication = message.kind === "event.published";
  const { tags, attached } = view.tags
    ? withList(memory, view.tags, changedAt, isNewer, isPublication)
    : { tags: memory.event.tags, attached: memory.attached };
  return {
    ...memory,
    event: { ...overlay(memory.event, withoutMembers(view)), ...(tags && { tags }) },
    attached,
    ...(isPublication && { publishedAt: changedAt }),
    everPublished: memory.everPublished || isPublication || isPublished(view),
    deleted: message.kind === "event.deleted" || (memory.deleted && !isNewer),
  };
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
  if (gaps.length === 0 && everPublished === memory.everPublished && memory.revision > 0) return memory;
  return { ...memory, event: { ...memory.event, ...Object.fromEntries(gaps) }, everPublished };
}

/** A tag was attached to the event, or detached from it. Detaching a marking waits for a list that confirms it. */
function withTag(memory: EventMemory, message: Message): EventMemory {
  const { on: _on, attributeId: _id, ...tag } = message.tag ?? { name: "" };
  const filled = fillIn(memory, message.event ?? {});
  const known = filled.event.tags;
  if (message.kind === "tag.detached") {
    if (!known || isMarking(tag.name)) return filled;
    return { ...filled, event: { ...filled.event, tags: known.filter(({ name }) => name !== tag.name) } };
  }
  return {
    ...filled,
    event: { ...filled.event, ...(known && { tags: unite(known, [tag]) }) },
    attached: isMarking(tag.name)
      ? [...filled.attached.filter(({ name }) => name !== tag.name), { ...tag, seenAt: seenAt(filled, message) }]
      : filled.attached,
  };
}

/** Tag frames tell no time: what they say is as new as their arrival. */
function seenAt(memory: EventMemory | undefined, message: Message): number {
  return Math.max(memory?.event.changedAt ?? 0, Math.floor(message.receivedAt / 1000) * 1000);
}

/** What a message changes about the markings of attributes. */
export interface AttributeChanges {
  readonly upsert: readonly AttributeMemory[];
  readonly forget: readonly string[];
}

/** `rows` are the known markings of the event's attributes by attribute id; `event` is the memory after the message. */
export function advanceAttributes(
  rows: ReadonlyMap<string, AttributeMemory>,
  event: EventMemory,
  message: Message,
): AttributeChanges {
  const tagged = message.tag?.attributeId;
  if (message.tag && tagged !== undefined) {
    if (message.kind !== "tag.attached" || !isMarking(message.tag.name)) return { upsert: [], forget: [] };
    const row = rows.get(tagged);
    const at = seenAt(event, message);
    const tags = [...new Set([...(row?.tags ?? []), message.tag.name])];
    return {
      upsert: [
        { instance: message.instance, id: tagged, eventKey: event.key, tags, eventChangedAt: at, changedAt: at },
      ],
      forget: [],
    };
  }
  const upsert: AttributeMemory[] = [];
  const forget: string[] = [];
  const isPublication = message.kind === "event.published";
  for (const attribute of message.attributes) {
    const { id, tags: list } = attribute;
    if (id === undefined || !list) continue;
    const row = rows.get(id);
    const labels = list.map(({ name }) => name).filter(isMarking);
    if (!row && labels.length === 0) continue;
    const isNewer =
      !row ||
      (isPublication ? (event.event.changedAt ?? 0) > row.eventChangedAt : (attribute.changedAt ?? 0) > row.changedAt);
    const tags = isNewer ? labels : [...new Set([...row.tags, ...labels])];
    if (tags.length === 0) forget.push(id);
    else if (!row || tags.length !== row.tags.length || tags.some((tag) => !row.tags.includes(tag)) || isNewer) {
      upsert.push({ instance: message.instance, id, eventKey: event.key, tags, ...times(attribute, event, row) });
    }
  }
  return { upsert, forget };
}

function times(attribute: Attribute, event: EventMemory, row: AttributeMemory | undefined) {
  return {
    eventChangedAt: Math.max(event.event.changedAt ?? 0, row?.eventChangedAt ?? 0),
    changedAt: Math.max(attribute.changedAt ?? 0, row?.changedAt ?? 0),
  };
}

function isPublished(view: EventView): boolean {
  return view.published === true || view.wasPublished === true;
}

/** What is newly said over what was known; a distribution replaces the sharing group that went with the old one. */
export function overlay(known: EventView, said: EventView): EventView {
  if (said.distribution === undefined || said.sharingGroup) return { ...known, ...said };
  const { sharingGroup: _, ...rest } = known;
  return { ...rest, ...said };
}

function withoutMembers({ sharingGroup, ...view }: EventView): EventView {
  if (!sharingGroup) return view;
  const { members: _, ...group } = sharingGroup;
  return { ...view, sharingGroup: group };
}

function unite(...lists: readonly (readonly Tag[])[]): readonly Tag[] {
  return [...new Map(lists.flat().map((tag) => [tag.name, tag])).values()];
}
