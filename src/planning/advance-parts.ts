import { isMarking } from "../guard/marking.ts";
import { narrowest, narrows, reachIn } from "../guard/narrow.ts";
import type { EventMemory, PartMemory, PartName } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Reach, Tag } from "../model/misp.ts";
import type { Effects } from "../model/outbox.ts";
import { arrival, believed, heardAt } from "./time.ts";

/** A label that is not exportable is missing in every publication: none is newer than it. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** What a message changes about the parts of its event. */
export interface PartChanges {
  readonly upsert: readonly PartMemory[];
  readonly forget: Effects["forget"];
}

/** What a frame says of one part; what is absent it does not tell. */
interface Said extends PartName, Reach {
  readonly tags?: readonly Tag[];
  readonly changedAt?: number;
  readonly isDeleted: boolean;
}

/** `rows` are what is known of the event's parts, by `partKey`; `event` is the memory after the message. */
export function advanceParts(rows: ReadonlyMap<string, PartMemory>, event: EventMemory, message: Message): PartChanges {
  const { instance, tag } = message;
  if (tag?.attributeId !== undefined) {
    const row = withLabel(tag.attributeId, rows.get(`attribute ${tag.attributeId}`), event, message);
    return { upsert: row ? [row] : [], forget: [] };
  }
  const upsert: PartMemory[] = [];
  const forget: Effects["forget"][number][] = [];
  for (const said of partsIn(message)) {
    const { part, id } = said;
    const row = rows.get(`${part} ${id}`);
    const after = withSaid(said, row, event, message);
    if (after === row) {
      continue;
    }
    if (after) {
      upsert.push(after);
    } else {
      forget.push({ instance, eventKey: event.key, part, id });
    }
  }
  return { upsert, forget };
}

/** Both as one: as strict as either, until a list is newer than both. */
export function unitePart(row: PartMemory, other: PartMemory | undefined): PartMemory {
  if (!other) {
    return row;
  }
  const reach = narrowest([...(row.reach ?? []), ...(other.reach ?? [])], {});
  const seenAt = Math.max(row.seenAt ?? 0, other.seenAt ?? 0);
  return {
    ...nameOf(row),
    tags: [...new Set([...row.tags, ...other.tags])],
    ...(reach.length > 0 && { reach }),
    ...((row.deleted || other.deleted) && { deleted: true as const }),
    eventChangedAt: Math.max(row.eventChangedAt, other.eventChangedAt),
    changedAt: Math.max(row.changedAt, other.changedAt),
    ...(seenAt > 0 && { seenAt }),
  };
}

function* partsIn({ attributes, objects, kind, subject }: Message): Generator<Said> {
  const isAbout = (part: PartName["part"], one: { readonly id?: string; readonly uuid?: string }) =>
    subject.type === part && (one.uuid === undefined ? one.id === subject.id : one.uuid === subject.uuid);
  for (const attribute of attributes) {
    const { id } = attribute;
    if (id !== undefined) {
      const isDeleted = attribute.deleted === true || (kind === "attribute.deleted" && isAbout("attribute", attribute));
      yield { ...attribute, part: "attribute", id, isDeleted };
    }
  }
  for (const object of objects) {
    yield {
      ...object,
      part: "object",
      id: object.key,
      isDeleted: object.deleted === true || (kind === "object.deleted" && isAbout("object", object)),
    };
  }
}

/** A label was attached to an attribute: it counts at once. */
function withLabel(
  id: string,
  row: PartMemory | undefined,
  event: EventMemory,
  { instance, kind, tag, receivedAt }: Message,
): PartMemory | undefined {
  if (!tag || kind !== "tag.attached" || !isMarking(tag.name)) {
    return undefined;
  }
  const at = Math.max(believed(event.event.changedAt ?? 0, receivedAt), arrival(receivedAt));
  const labelled: PartMemory = {
    ...{ instance, eventKey: event.key, part: "attribute", id },
    tags: [tag.name],
    eventChangedAt: tag.exportable === false ? NEVER : at,
    changedAt: at,
    seenAt: receivedAt,
  };
  return unitePart(labelled, row);
}

/** A frame tells of a part: what is stricter counts, and what is not is over if the frame is newer than it. */
function withSaid(
  said: Said,
  row: PartMemory | undefined,
  event: EventMemory,
  message: Message,
): PartMemory | undefined {
  const { instance, askedAt, whole } = message;
  const now = heardAt(message);
  const labels = said.tags?.filter(({ name }) => isMarking(name)) ?? [];
  const reach = narrowest(said.distribution === undefined ? [] : [reachIn(said)], event.event);
  if (!row && labels.length === 0 && reach.length === 0 && !said.isDeleted) {
    return undefined;
  }
  const isListed = message.kind === "event.published" && !whole;
  const listedAt = believed(message.event?.changedAt ?? 0, now);
  // What only tightens dates what is known where it says all of it again.
  const isDated = !message.onlyTightens || (row !== undefined && saysAll(row, labels, reach));
  const changedAt = isDated ? believed(said.changedAt ?? 0, now) : 0;
  const isAsked = whole && askedAt !== undefined && askedAt > (row?.seenAt ?? 0);
  const isLater = isAsked || (isListed ? listedAt > (row?.eventChangedAt ?? 0) : changedAt > (row?.changedAt ?? 0));
  const isNewer = !row || (!message.onlyTightens && isLater);
  const isHidden = labels.some(({ exportable }) => exportable === false);
  // Only what lists all labels is newer than one that is not exportable.
  const dates = isNewer && !isListed && said.tags ? undefined : row;
  // What stays of the row: all where the frame is not newer, else what it does not tell.
  const kept = row && {
    tags: isNewer && said.tags ? [] : row.tags,
    reach: isNewer && said.distribution !== undefined ? [] : (row.reach ?? []),
    deleted: row.deleted && !isNewer,
  };
  const narrowed = narrowest([...(kept?.reach ?? []), ...reach], event.event);
  const tags = [...new Set([...(kept?.tags ?? []), ...labels.map(({ name }) => name)])];
  const isDeleted = said.isDeleted || kept?.deleted === true;
  if (tags.length === 0 && narrowed.length === 0 && !isDeleted) {
    return undefined;
  }
  // What an old frame says stricter is as new as its arrival.
  const isOld = !isNewer || (!row && !isListed && changedAt < (event.partsAt ?? 0));
  const strictAt = isOld && isStricter(row, tags, narrowed, isDeleted) ? arrival(now) : 0;
  // A frame about the part does not tell when its event changed: not before any part did. What is stricter than a newer
  // list is as new as that.
  const eventAt = isListed
    ? Math.max(listedAt, believed(event.publishedAt ?? 0, now))
    : Math.max(believed(event.event.changedAt ?? 0, now), changedAt, event.partsAt ?? 0);
  const partAt = row ? changedAt : Math.max(changedAt, event.partsAt ?? 0);
  const after: PartMemory = {
    ...{ instance, eventKey: event.key, part: said.part, id: said.id },
    tags,
    ...(narrowed.length > 0 && { reach: narrowed }),
    ...(isDeleted && { deleted: true as const }),
    eventChangedAt: Math.max(isHidden ? NEVER : eventAt, strictAt, dates?.eventChangedAt ?? 0),
    changedAt: Math.max(partAt, strictAt, dates?.changedAt ?? 0),
    seenAt: Math.max(now, dates?.seenAt ?? 0),
  };
  return row && isSame(row, after) ? row : after;
}

/** Whether this says more against a part than its row does. */
function isStricter(
  row: PartMemory | undefined,
  tags: readonly string[],
  reach: readonly Reach[],
  isDeleted: boolean,
): boolean {
  const { tags: known = [], reach: held = [], deleted = false } = row ?? {};
  return (
    tags.some((tag) => !known.includes(tag)) || reach.some((level) => !held.includes(level)) || (isDeleted && !deleted)
  );
}

/** Whether a frame says all again that is known against a part. */
function saysAll({ tags, reach = [], deleted }: PartMemory, labels: readonly Tag[], said: readonly Reach[]): boolean {
  return (
    !deleted &&
    tags.every((tag) => labels.some(({ name }) => name === tag)) &&
    reach.every((level) => said.some((other) => !narrows(level, other)))
  );
}

function nameOf({ instance, eventKey, part, id }: PartMemory) {
  return { instance, eventKey, part, id };
}

/** Whether they say the same. */
function isSame(a: PartMemory, b: PartMemory): boolean {
  return (
    a.eventChangedAt === b.eventChangedAt &&
    a.changedAt === b.changedAt &&
    a.deleted === b.deleted &&
    a.seenAt === b.seenAt &&
    a.tags.length === b.tags.length &&
    a.tags.every((tag) => b.tags.includes(tag)) &&
    JSON.stringify(a.reach) === JSON.stringify(b.reach)
  );
}
