import { isMarking, markingOf } from "../guard/marking.ts";
import { narrowest, narrows, reachIn } from "../guard/narrow.ts";
import { withoutMembers } from "../guard/reach.ts";
import type { EventMemory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { EventView, Tag } from "../model/misp.ts";
import { uniteTags } from "../model/unite.ts";
import { kindOf } from "./changes.ts";
import { published } from "./publication.ts";
import { arrival, believed, isPlausible } from "./time.ts";

/** Memory after a message. `stale`: the message is older than what memory holds, and only what is stricter in it counts. */
export interface Advanced {
  readonly event: EventMemory;
  readonly stale: boolean;
}

const NOTHING = { event: {}, attached: [], everPublished: false, deleted: false } as const;

/**
 * What is known of an event once `message` has been seen. Words only move forward by `Event.timestamp`, where MISP's clock
 * is plausible; a marking or reach tightens at once, and is loosened only by a newer frame that lists all. Returns `before`
 * itself when nothing changes. The message must be about an event.
 */
export function advanceEvent(before: EventMemory | undefined, message: Message): Advanced | undefined {
  const view = message.event;
  const key = view?.uuid ?? before?.key ?? view?.id;
  if (!view || key === undefined) {
    return undefined;
  }
  const memory = before ? reborn(before, view) : { ...NOTHING, instance: message.instance, key, revision: 0 };
  if (message.tag?.on === "event") {
    return { event: withTag(memory, message), stale: false };
  }
  if (view.changedAt === undefined) {
    return { event: fillIn(memory, view, message), stale: false };
  }
  const stale = isOld(memory, message, view.changedAt);
  // A deletion says what the row was that is gone, maybe under a former number: it loosens nothing.
  const onlyTightens = stale || (message.kind === "event.deleted" && before !== undefined);
  const after = onlyTightens ? tighten(memory, message, view) : replace(memory, message, view, view.changedAt);
  return { event: takeBack(after, memory, message), stale };
}

/** An event that was deleted and comes back under a new number has nothing of what it was, but that it was told. */
function reborn(memory: EventMemory, view: EventView): EventMemory {
  const { id } = memory.event;
  if (!memory.deleted || id === undefined || view.id === undefined || id === view.id) {
    return memory;
  }
  const { instance, key, revision, publishedAt, publicationAt, countedAt, published, withdrawals } = memory;
  return {
    ...{ instance, key, revision, ...NOTHING },
    ...(withdrawals !== undefined && { withdrawals }),
    ...(publishedAt !== undefined && { publishedAt }),
    ...(publicationAt !== undefined && { publicationAt }),
    ...(countedAt !== undefined && { countedAt }),
    ...(published && { published }),
  };
}

/** Whether a frame about the event itself is older than what is known: by MISP's clock, where that is plausible. */
function isOld(memory: EventMemory, { late, receivedAt }: Message, changedAt: number): boolean {
  if (late) {
    // One that was missed is told though its event has been edited since.
    const { publishedAt = late.changedAt } = memory;
    return late.changedAt < publishedAt && isPlausible(publishedAt, receivedAt);
  }
  const knownAt = memory.event.changedAt;
  return knownAt !== undefined && changedAt < knownAt && isPlausible(knownAt, receivedAt);
}

/** What counts of a frame that is older than what is known: only what is stricter. */
function tighten(memory: EventMemory, { receivedAt }: Message, view: EventView): EventMemory {
  const names = [...(memory.event.tags ?? []), ...memory.attached].map(({ name }) => name);
  const known = markingOf(names, true);
  const seenAt = arrival(receivedAt);
  const stricter = (view.tags ?? []).filter(({ name }) => {
    const { tlp, pap, chr } = markingOf([...names, name], true);
    return isMarking(name) && (tlp !== known.tlp || pap !== known.pap || chr !== known.chr);
  });
  const held = memory.narrowed ?? [];
  const narrowed = narrowest([...held, reachIn(view)], memory.event);
  if (stricter.length === 0 && narrowed.length === held.length && narrowed.every((level) => held.includes(level))) {
    return memory;
  }
  return {
    ...memory,
    attached: uniteTags([...memory.attached, ...stricter.map((tag) => ({ ...tag, seenAt, old: true as const }))]),
    ...(narrowed.length > 0 && { narrowed }),
    strictAt: Math.max(seenAt, memory.strictAt ?? 0),
  };
}

/** A frame that tells the state of the event itself, and is not older than what is known. */
function replace(memory: EventMemory, message: Message, view: EventView, changedAt: number): EventMemory {
  const { receivedAt, late, kind } = message;
  const knownAt = memory.event.changedAt;
  const isPublication = kind === "event.published";
  if (late && knownAt !== undefined && changedAt < knownAt && isPlausible(knownAt, receivedAt)) {
    const { unpublished: _, ...tightened } = tighten(memory, message, view);
    return { ...tightened, ...published(memory, message, memory.event, memory.event.tags), everPublished: true };
  }
  const heldAt = memory.heldAt ?? believed(knownAt ?? 0, receivedAt);
  const loosens = isNewer(memory, message, changedAt, heldAt);
  const { tags, attached } = view.tags
    ? withList(memory, view.tags, message, changedAt, loosens)
    : { tags: memory.event.tags, attached: memory.attached };
  const { narrowed: _narrowed, partsNarrowed: _parts, unpublished, ...rest } = memory;
  return {
    ...rest,
    ...(unpublished && !isPublication && { unpublished }),
    ...withReach(memory, withoutMembers(view), message, loosens, tags),
    attached,
    heldAt: Math.max(heldAt, believed(changedAt, receivedAt)),
    // What it says stricter is as new as its arrival: it says of itself that it is older than what was held.
    ...(!loosens &&
      believed(changedAt, receivedAt) < heldAt && { strictAt: Math.max(arrival(receivedAt), memory.strictAt ?? 0) }),
    ...partsAt(memory, message),
    ...(isPublication && published(memory, message, view, tags)),
    everPublished: memory.everPublished || isPublication || isPublished(view),
    deleted: memory.deleted && changedAt === knownAt,
  };
}

/**
 * MISP has deleted the event, or unpublished it: what was planned before does not leave any more, whatever the time of the
 * frame. Only a publication makes it published again.
 */
function takeBack(
  after: EventMemory,
  { deleted, unpublished, withdrawals = 0, ...before }: EventMemory,
  message: Message,
) {
  const { kind, event } = message;
  const ids = [event?.id, before.event.id];
  const isDeleted = kind === "event.deleted" && (ids.includes(undefined) || ids[0] === ids[1]);
  const isUnpublished = kindOf(message, before.publishedAt) === "event.unpublished";
  if ((isDeleted && !deleted) || (isUnpublished && !unpublished)) {
    return {
      ...after,
      deleted: after.deleted || isDeleted,
      ...(isUnpublished && { unpublished: true as const }),
      withdrawals: withdrawals + 1,
    };
  }
  return isDeleted && !after.deleted ? { ...after, deleted: true } : after;
}

/** Whether what a frame does not say any more is over: it is newer than all that was held, or MISP was asked since. */
function isNewer(memory: EventMemory, { askedAt, receivedAt }: Message, changedAt: number, heldAt: number): boolean {
  const { strictAt = 0, event } = memory;
  if (event.changedAt === undefined && memory.strictAt === undefined) {
    return true;
  }
  return askedAt === undefined ? believed(changedAt, receivedAt) > Math.max(heldAt, strictAt) : askedAt > strictAt;
}

/** The event with what a frame says of it; how far it may travel widens only by a frame that is newer. */
function withReach(
  memory: EventMemory,
  view: EventView,
  { kind, askedAt }: Message,
  loosens: boolean,
  tags: readonly Tag[] | undefined,
): Pick<EventMemory, "event" | "narrowed" | "partsNarrowed"> {
  const said = { ...overlay(memory.event, view), ...(tags && { tags }) };
  const held = reachIn(memory.event);
  const lists = kind === "event.published" || askedAt !== undefined;
  if (loosens && view.distribution !== undefined) {
    const parts = [...(memory.partsNarrowed ? [memory.partsNarrowed] : []), held];
    const [partsNarrowed] = lists ? [] : narrowest(parts, said);
    return { event: said, ...(partsNarrowed && { partsNarrowed }) };
  }
  const narrower = narrowest([held, reachIn(view)], {});
  const [first = held, ...others] = narrower;
  const narrowed = narrowest([...(memory.narrowed ?? []), ...others], first);
  const { distribution: _d, sharingGroup: _s, ...words } = said;
  const group = said.sharingGroup?.id === first.sharingGroup?.id ? said.sharingGroup : first.sharingGroup;
  return {
    event: { ...words, ...first, ...(first.sharingGroup && group && { sharingGroup: group }) },
    ...(narrowed.length > 0 && { narrowed }),
    ...(memory.partsNarrowed && { partsNarrowed: memory.partsNarrowed }),
  };
}

function partsAt({ partsAt = 0 }: EventMemory, { attributes, objects, receivedAt }: Message) {
  let latest = partsAt;
  for (const list of [attributes, objects]) {
    for (const { changedAt } of list) {
      latest = Math.max(latest, changedAt === undefined ? 0 : believed(changedAt, receivedAt));
    }
  }
  return latest > 0 ? { partsAt: latest } : {};
}

/** A complete list replaces what is older than it, and is united with what is not. */
function withList(
  memory: EventMemory,
  list: readonly Tag[],
  { kind, askedAt, receivedAt }: Message,
  changedAt: number,
  loosens: boolean,
) {
  const since = askedAt ?? believed(changedAt, receivedAt);
  const attached = memory.attached.filter(({ seenAt }) => seenAt >= since || !loosens);
  const known = memory.event.tags ?? [];
  // A publication leaves out tags that are not exportable (MISP fetches the event as a sync partner would).
  const isCut = kind === "event.published" && askedAt === undefined;
  const kept = loosens ? known.filter((tag) => isCut && tag.exportable === false) : known;
  const hidden = isCut
    ? memory.attached.filter((tag) => tag.exportable === false).map(({ seenAt: _, ...tag }) => tag)
    : [];
  return { tags: unite(list, kept, hidden), attached };
}

/** A frame about a part of an event: it has no time of its own, fills gaps, and tightens unless the part is older. */
function fillIn(memory: EventMemory, view: EventView, message: Message): EventMemory {
  const { tags: _, ...rest } = withoutMembers(view);
  const gaps = Object.entries(rest).filter(([name]) => memory.event[name as keyof EventView] === undefined);
  const everPublished = memory.everPublished || isPublished(view);
  const listed = partsAt(memory, message);
  const isOlder = message.attributes.some(({ changedAt }) => (changedAt ?? Infinity) < (memory.event.changedAt ?? 0));
  const isNarrower = !isOlder && gaps.every(([name]) => name !== "distribution") && narrows(view, memory.event);
  const before = isNarrower ? tighten(memory, message, view) : memory;
  const isSame =
    before === memory &&
    gaps.length === 0 &&
    everPublished === memory.everPublished &&
    listed.partsAt === memory.partsAt &&
    memory.revision > 0;
  if (isSame) {
    return memory;
  }
  return { ...before, event: { ...memory.event, ...Object.fromEntries(gaps) }, ...listed, everPublished };
}

/** A tag was attached to the event, or detached from it. Detaching a marking waits for a list that confirms it. */
function withTag(memory: EventMemory, message: Message): EventMemory {
  const { on: _on, attributeId: _id, ...tag } = message.tag ?? { name: "" };
  const filled = fillIn(memory, message.event ?? {}, message);
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
  // Tag frames tell no time: what they say is as new as their arrival.
  const { receivedAt } = message;
  const seenAt = Math.max(believed(filled.event.changedAt ?? 0, receivedAt), arrival(receivedAt));
  return { ...filled, event, attached: uniteTags([...filled.attached, { ...tag, seenAt }]) };
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
