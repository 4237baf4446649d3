import { markingOf, strictest } from "../guard/marking.ts";
import { add, cellOf } from "../guard/tighten.ts";
import type { Alert, Count, Item, Marking } from "../model/alert.ts";
import type { EventMemory, PartMemory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Attribute, EventView, MispObject, Reach, SharingGroup } from "../model/misp.ts";
import type { Kind } from "../model/vocabulary.ts";
import { overlay } from "./advance-lists.ts";
import { alertId } from "./identity.ts";
import { partKey } from "./working-copy.ts";

/** Memory after a message. */
interface After {
  readonly event: EventMemory | undefined;
  /** By `partKey`. */
  readonly parts: ReadonlyMap<string, PartMemory>;
  /** The message is older than what memory holds. */
  readonly stale: boolean;
  /** The part that the message is about was deleted before it, and is not any more. */
  readonly restored?: boolean;
}

/**
 * An alert about `message`, each part of which is worked out when it is first asked for: most messages match nothing, and then
 * rules have asked for a fact or two.
 */
export class AlertDraft {
  readonly kind: Kind;
  readonly change: Alert["change"];
  readonly #message: Message;
  readonly #after: After;
  #event: EventView | undefined;
  #marking: Marking | undefined;
  #items: Alert["items"] | undefined;
  #counts: Alert["counts"] | undefined;
  #objects: Alert["objects"] | undefined;

  readonly sighted: Alert["sighted"];

  constructor(message: Message, kind: Kind, after: After, change: Alert["change"], sighted?: Alert["sighted"]) {
    this.#message = message;
    this.sighted = sighted;
    this.kind = kind;
    this.#after = after;
    this.change = change;
  }

  get instance(): string {
    return this.#message.instance;
  }
  get subject(): Alert["subject"] {
    return this.#message.subject;
  }
  get late(): true | undefined {
    return this.#message.late && true;
  }
  get sighting(): Alert["sighting"] {
    return this.#message.sighting;
  }
  get tag(): Alert["tag"] {
    return this.#message.tag;
  }
  get skipped(): number | undefined {
    return this.#message.skipped;
  }

  get event(): EventView | undefined {
    const message = this.#message;
    this.#event ??= message.event && {
      ...withMemory(message, message.event, this.#after),
      // Memory may hold an edit that came before; of what was found late MISP itself says what it is now.
      ...(this.kind === "event.published" && !message.late && { published: message.confirmation !== "unpublished" }),
      ...(message.late && { changedAt: message.late.changedAt }),
    };
    return this.#event;
  }

  get marking(): Marking {
    const { event } = this;
    this.#marking ??= markingOf(
      [...(event?.tags ?? []), ...(this.#after.event?.attached ?? [])].map(({ name }) => name),
      event === undefined || event.tags !== undefined,
    );
    return this.#marking;
  }

  get items(): Alert["items"] {
    if (!this.#items) {
      const objects = new Map(this.#message.objects.map((object) => [object.key, object]));
      const group = this.event?.sharingGroup;
      const { parts } = this.#after;
      this.#items = attributesOf(this.#message).map((attribute) => itemOf(attribute, objects, parts, group));
    }
    return this.#items;
  }

  get counts(): Alert["counts"] {
    this.#counts ??= countItems(this.items);
    return this.#counts;
  }

  get objects(): Alert["objects"] {
    const group = this.event?.sharingGroup;
    this.#objects ??= objectsOf(this.#message).map((object) => ({ ...object, reach: [reachOf(object, group)] }));
    return this.#objects;
  }

  /** All of it, for no eyes yet: what the frame says over what memory knows, unless that is newer, with the marking and reach of every part. */
  whole(): Alert {
    const message = this.#message;
    const { kind, change, event, marking, items, counts, objects } = this;
    const { event: memory, restored } = this.#after;
    const identity = { instance: message.instance, kind, subject: message.subject, version: message.version };
    return {
      id: alertId({ ...identity, ...(change && { change }), receivedAt: message.receivedAt }),
      ...identity,
      receivedAt: message.receivedAt,
      ...(message.late && { late: true as const, publishedAt: message.late.publishedAt }),
      ...(change && { change }),
      ...(memory?.withdrawals !== undefined && { withdrawals: memory.withdrawals }),
      ...(event && { event }),
      ...(message.thread && { thread: message.thread }),
      marking,
      everPublished: wasEverPublished(memory, message),
      items,
      counts,
      objects,
      ...(kind === "event.published" && { objectCounts: countObjects(objects) }),
      ...(message.sighting && { sighting: message.sighting }),
      ...(this.sighted && { sighted: this.sighted }),
      ...(message.tag && { tag: message.tag }),
      ...(restored && { restored: true as const }),
      ...(message.skipped !== undefined && { skipped: message.skipped }),
      lines: message.lines,
    };
  }
}

/** What may be told of an event that was edited since: which it is, and how far it may travel. What it says is not published. */
export function withoutWords({ event, ...alert }: Alert): Alert {
  const told = Object.entries(event ?? {}).filter(([name]) => !WORDS.has(name));
  return { ...alert, ...(event && { event: Object.fromEntries(told) }) };
}

const WORDS: ReadonlySet<string> = new Set<keyof EventView>([
  "info",
  "date",
  "published",
  "threatLevel",
  "analysis",
  "tags",
  "clusters",
  "attributeCount",
  "extendsUuid",
]);

/** Only a row of the event tells that it never was; a frame about a part tells no more than that it is not published now. */
function wasEverPublished(event: EventMemory | undefined, message: Message): Alert["everPublished"] {
  if (event?.everPublished || message.event?.published) {
    return true;
  }
  return event?.event.changedAt === undefined ? "unknown" : false;
}

/**
 * The frame's own words come first, unless what memory has is newer: then nothing of the frame stands beside it. Its list of
 * tags is in memory already, united with what the frame leaves out, or was older than what memory knows.
 */
function withMemory({ attributes, objects }: Message, said: EventView, { event: memory, stale }: After): EventView {
  if (!memory) {
    return said;
  }
  const knownAt = memory.event.changedAt ?? 0;
  const isOld =
    said.changedAt === undefined && [...attributes, ...objects].some(({ changedAt = knownAt }) => changedAt < knownAt);
  if (stale || isOld) {
    return memory.event;
  }
  const { tags: _, ...rest } = said;
  return overlay(memory.event, rest);
}

/** A tag frame names an attribute and tells nothing of it: all but its id is unknown. */
function attributesOf({ attributes, tag }: Message): readonly Attribute[] {
  return tag?.attributeId === undefined || attributes.length > 0 ? attributes : [{ id: tag.attributeId }];
}

/** A reference joins two parts of which its frame tells nothing. */
function objectsOf({ objects, subject }: Message): readonly MispObject[] {
  return subject.type === "reference" ? [...objects, { key: "" }] : objects;
}

function itemOf(
  attribute: Attribute,
  objects: ReadonlyMap<string, MispObject>,
  parts: ReadonlyMap<string, PartMemory>,
  group: SharingGroup | undefined,
): Item {
  const { tags, distribution, sharingGroup, deleted, ...rest } = attribute;
  const names = tags?.map(({ name }) => name) ?? [];
  const own = markingOf(names, tags !== undefined);
  const row = attribute.id === undefined ? undefined : parts.get(partKey({ part: "attribute", id: attribute.id }));
  const object = attribute.objectKey === undefined ? undefined : objects.get(attribute.objectKey);
  const levels: Reach[] = [{ ...(distribution && { distribution }), ...(sharingGroup && { sharingGroup }) }];
  // The object is missing from the frame: how far it may travel is unknown, and so is how far its attribute may.
  if (attribute.objectKey !== undefined) {
    levels.unshift(object ?? {});
  }
  return {
    ...rest,
    ...(deleted && { withdrawn: "deleted" as const }),
    tags: names,
    tagsKnown: tags !== undefined,
    marking: row ? strictest(own, markingOf(row.tags, true)) : own,
    reach: levels.map((level) => reachOf(level, group)).filter((level) => level.distribution !== "inherit"),
  };
}

/** Frames about parts name a sharing group by its id only; the event may know its UUID, name and members. */
function reachOf({ distribution, sharingGroup }: Reach, group: SharingGroup | undefined): Reach {
  if (distribution !== "sharing_group") {
    return { ...(distribution && { distribution }) };
  }
  const known =
    sharingGroup?.id !== undefined && sharingGroup.id === group?.id ? { ...group, ...sharingGroup } : sharingGroup;
  return { distribution, ...(known && { sharingGroup: known }) };
}

function countObjects(objects: Alert["objects"]): NonNullable<Alert["objectCounts"]> {
  const counts = new Map<string, NonNullable<Alert["objectCounts"]>[number]>();
  for (const { name = "object", reach, deleted } of objects) {
    const key = JSON.stringify([name, reach]);
    if (!deleted) {
      counts.set(key, { name, reach, n: (counts.get(key)?.n ?? 0) + 1 });
    }
  }
  return [...counts.values()];
}

function countItems(items: readonly Item[]): readonly Count[] {
  const counts = new Map<string, Count>();
  for (const item of items) {
    add(counts, { ...cellOf(item), n: 1 });
  }
  return [...counts.values()];
}
