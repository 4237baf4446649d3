import { isMarking, isOpen, markingOf } from "../guard/marking.ts";
import { narrowest, narrows, reachIn } from "../guard/narrow.ts";
import { withoutMembers } from "../guard/reach.ts";
import { isAskedLater } from "../model/asked.ts";
import type { EventMemory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { EventView, Tag } from "../model/misp.ts";
import { uniteTags } from "../model/unite.ts";
import { loosens, unite, withList, withReach } from "./advance-lists.ts";
import { kindOf } from "./changes.ts";
import { published } from "./publication.ts";
import { arrival, believed, heardAt, isPlausible } from "./time.ts";

/** Memory after a message. `stale`: the message is older than what memory holds, and only what is stricter in it counts. */
export interface Advanced {
  readonly event: EventMemory;
  readonly stale: boolean;
  /** The event was deleted and comes back: nothing of what it was holds. */
  readonly isReborn?: true;
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
  const memory = before ? reborn(before, message) : { ...NOTHING, instance: message.instance, key, revision: 0 };
  return {
    ...advance(memory, message, view, before !== undefined),
    ...(before && memory !== before && { isReborn: true as const }),
  };
}

function advance(memory: EventMemory, message: Message, view: EventView, isKnown: boolean): Advanced {
  if (message.tag?.on === "event") {
    return { event: withTag(memory, message), stale: false };
  }
  if (view.changedAt === undefined) {
    return { event: fillIn(memory, view, message), stale: false };
  }
  const stale = isOld(memory, message, view.changedAt);
  // A deletion says what the row was that is gone, maybe under a former number: it loosens nothing.
  const onlyTightens = stale || (message.kind === "event.deleted" && isKnown);
  const after = onlyTightens ? tighten(memory, message, view) : replace(memory, message, view, view.changedAt);
  return { event: announced(takeBack(after, memory, message), memory, message), stale };
}

/** Of a publication that nobody is told of yet its time is known, until it is told, or MISP says that it never was one. */
function announced(after: EventMemory, { announcedAt: before }: EventMemory, message: Message): EventMemory {
  const { announcedAt = before, confirmation, event } = message;
  const isDecided = confirmation !== undefined && message.announcedAt === undefined && before === event?.changedAt;
  if (after.announcedAt === (isDecided ? undefined : announcedAt)) {
    return after;
  }
  const { announcedAt: _, ...rest } = after;
  return { ...rest, ...(!isDecided && announcedAt !== undefined && { announcedAt }) };
}

/**
 * An event that was deleted and comes back under a new number has nothing of what it was, but that it was told; what was
 * planned of the former does not leave any more. Where it is created under a new number nobody has told that it was deleted.
 */
function reborn(memory: EventMemory, { kind, event: view }: Message): EventMemory {
  const { id, changedAt = 0 } = memory.event;
  const isCreated = kind === "event.created" && (view?.changedAt ?? 0) >= changedAt;
  if (!(memory.deleted || isCreated) || id === undefined || view?.id === undefined || id === view.id) {
    return memory;
  }
  const {
    instance,
    key,
    revision,
    publishedAt,
    publicationAt,
    countedAt,
    published,
    withdrawals = 0,
    deletedAt,
  } = memory;
  return {
    ...{ instance, key, revision, ...NOTHING },
    ...(deletedAt !== undefined && { deletedAt }),
    withdrawals: withdrawals + 1,
    ...(publishedAt !== undefined && { publishedAt }),
    ...(publicationAt !== undefined && { publicationAt }),
    ...(countedAt !== undefined && { countedAt }),
    ...(published && { published }),
  };
}

/** Whether a frame about the event itself is older than what is known: by MISP's clock, where that is plausible. */
function isOld(memory: EventMemory, message: Message, changedAt: number): boolean {
  const { late } = message;
  if (late) {
    // One that was missed is told though its event has been edited since.
    const { publishedAt = late.changedAt } = memory;
    return late.changedAt < publishedAt && isPlausible(publishedAt, heardAt(message));
  }
  return isBefore(memory, message, changedAt);
}

/**
 * What MISP was asked later is never older, whatever its clock said of what came before. What a publication says that it
 * confirms is as old as the frame.
 */
function isBefore(memory: EventMemory, message: Message, changedAt: number): boolean {
  const knownAt = memory.event.changedAt;
  const isEarlier = knownAt !== undefined && changedAt < knownAt && isPlausible(knownAt, heardAt(message));
  return isEarlier && (message.confirmation !== undefined || !isAskedLater(memory, message));
}

/** What counts of a frame that is older than what is known: only what is stricter. */
function tighten(memory: EventMemory, message: Message, view: EventView): EventMemory {
  const held = [...(memory.event.tags ?? []), ...memory.attached];
  const names = held.map(({ name }) => name);
  const known = markingOf(names, true);
  const seenAt = arrival(heardAt(message));
  // One that is not exportable outlives publications, which one of the same level does not.
  const lasts = (tag: Tag) =>
    tag.exportable === false &&
    markingOf([tag.name], true).tlp === known.tlp &&
    !held.some(({ name, exportable }) => name === tag.name && exportable === false);
  const stricter = (view.tags ?? []).filter((tag) => {
    const { tlp, pap, chr } = markingOf([...names, tag.name], true);
    return isMarking(tag.name) && (tlp !== known.tlp || pap !== known.pap || chr !== known.chr || lasts(tag));
  });
  const levels = memory.narrowed ?? [];
  const narrowed = narrowest([...levels, reachIn(view)], memory.event);
  if (stricter.length === 0 && narrowed.length === levels.length && narrowed.every((one) => levels.includes(one))) {
    return memory;
  }
  return {
    ...memory,
    attached: uniteTags([...memory.attached, ...stricter.map((tag) => ({ ...tag, seenAt, old: true as const }))]),
    ...(narrowed.length > 0 && { narrowed }),
    strictAt: Math.max(seenAt, memory.strictAt ?? 0),
    ...heard(memory, message),
  };
}

function heard(memory: EventMemory, message: Message): Pick<Required<EventMemory>, "heardAt"> {
  return { heardAt: Math.max(heardAt(message), memory.heardAt ?? 0) };
}

/** A frame that tells the state of the event itself, and is not older than what is known. */
function replace(memory: EventMemory, message: Message, view: EventView, changedAt: number): EventMemory {
  const { late, kind } = message;
  const now = heardAt(message);
  const knownAt = memory.event.changedAt;
  const isPublication = kind === "event.published";
  if (late && isBefore(memory, message, changedAt)) {
    const { unpublished: _, ...tightened } = tighten(memory, message, view);
    return { ...tightened, ...published(memory, message, memory.event, memory.event.tags), everPublished: true };
  }
  const heldAt = memory.heldAt ?? believed(knownAt ?? 0, now);
  const isLoosened = loosens(memory, message, changedAt, heldAt);
  const { tags, attached } = view.tags
    ? withList(memory, view.tags, message, changedAt, isLoosened)
    : { tags: memory.event.tags, attached: memory.attached };
  const { narrowed: _narrowed, partsNarrowed: _parts, unpublished, ...rest } = memory;
  return {
    ...rest,
    ...(unpublished && !isPublication && { unpublished }),
    ...withReach(memory, withoutMembers(view), message, isLoosened, tags),
    attached,
    heldAt: Math.max(heldAt, believed(changedAt, now)),
    ...heard(memory, message),
    // What it says stricter is as new as its arrival: it says of itself that it is older than what was held.
    ...(!isLoosened && believed(changedAt, now) < heldAt && { strictAt: Math.max(arrival(now), memory.strictAt ?? 0) }),
    ...partsAt(memory, message),
    ...(isPublication && published(memory, message, view, tags)),
    everPublished: memory.everPublished || isPublication || isPublished(view),
    // What came before the deletion, and had to wait, does not bring it back.
    deleted: memory.deleted && (changedAt === knownAt || now <= (memory.deletedAt ?? 0)),
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
  const { confirmation, announcedAt } = message;
  // MISP says of what it is asked about that it was published, and is not any more.
  const isTakenSince = confirmation === "unpublished" && announcedAt !== undefined;
  const isUnpublished = isTakenSince || kindOf(message, before) === "event.unpublished";
  if (!isDeleted && !isUnpublished) {
    return after;
  }
  const isNews = (isDeleted && !deleted) || (isUnpublished && !unpublished);
  return {
    ...after,
    deleted: after.deleted || isDeleted,
    ...(isDeleted && !deleted && { deletedAt: message.receivedAt }),
    ...(isUnpublished && { unpublished: true as const, unpublishedAt: heardAt(message) }),
    ...(isNews && { withdrawals: withdrawals + 1 }),
  };
}

function partsAt({ partsAt = 0 }: EventMemory, message: Message) {
  const { attributes, objects } = message;
  let latest = partsAt;
  for (const list of [attributes, objects]) {
    for (const { changedAt } of list) {
      latest = Math.max(latest, changedAt === undefined ? 0 : believed(changedAt, heardAt(message)));
    }
  }
  return latest > 0 ? { partsAt: latest } : {};
}

/** A frame about a part of an event: it has no time of its own, fills gaps, and tightens. */
function fillIn(memory: EventMemory, view: EventView, message: Message): EventMemory {
  const { tags: _, ...rest } = withoutMembers(view);
  const gaps = Object.entries(rest).filter(([name]) => memory.event[name as keyof EventView] === undefined);
  const everPublished = memory.everPublished || isPublished(view);
  const listed = partsAt(memory, message);
  const isNarrower = gaps.every(([name]) => name !== "distribution") && narrows(view, memory.event);
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
  return {
    ...before,
    event: { ...memory.event, ...Object.fromEntries(gaps) },
    ...listed,
    ...(gaps.some(([name]) => name === "distribution") && {
      ...heard(before, message),
      strictAt: Math.max(arrival(heardAt(message)), before.strictAt ?? 0),
    }),
    everPublished,
  };
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
  if (known && receivedAt < (memory.heardAt ?? 0) && isOpen(tag.name)) {
    return filled;
  }
  const seenAt = Math.max(believed(filled.event.changedAt ?? 0, receivedAt), arrival(receivedAt));
  return { ...filled, event, attached: uniteTags([...filled.attached, { ...tag, seenAt }]) };
}

function isPublished(view: EventView): boolean {
  return view.published === true || view.wasPublished === true;
}
