import { DecodeError } from "../base/errors.ts";
import type { Message, SubjectType } from "../model/message.ts";
import type {
  Attribute,
  Cluster,
  EventView,
  MispObject,
  Organisation,
  SharingGroup,
  Tag,
  Thread,
} from "../model/misp.ts";
import { ANALYSES, DISTRIBUTIONS, THREAT_LEVELS } from "../model/vocabulary.ts";
import {
  boolean,
  choice,
  day,
  id,
  instant,
  integer,
  isRaw,
  known,
  list,
  moment,
  name,
  need,
  type Raw,
  seconds,
  text,
  textOrNumber,
  uuid,
} from "./values.ts";

/** What a row is called: its UUID and its id on this instance, as far as told. */
export function readSubject(type: SubjectType, raw: Raw): Message["subject"] {
  return known({ type, uuid: uuid(raw.uuid), id: id(raw.id) });
}

/** An event as the subject of a message. */
export function eventSubject(event: EventView): Message["subject"] {
  return known({ type: "event" as const, uuid: event.uuid, id: event.id });
}

/** An organisation that is named; one with only a local number is unknown, and hides no name that is known elsewhere. */
export function readOrganisation(value: unknown): Organisation | undefined {
  if (!isRaw(value)) {
    return undefined;
  }
  const organisation = known({ id: id(value.id), name: name(value.name), uuid: uuid(value.uuid) });
  return organisation.name || organisation.uuid ? organisation : undefined;
}

/**
 * All tags of one carrier. Undefined where the list cannot be read in full: a tag that is skipped may be the marking.
 * `local` stands beside the name in `Tag` lists.
 */
export function readTags(value: unknown): readonly Tag[] | undefined {
  return readAll(value, readTag);
}

/** One tag; undefined if it has no name. */
export function readTag(value: unknown): Tag | undefined {
  if (!isRaw(value)) {
    return undefined;
  }
  const label = name(value.name);
  return label === undefined
    ? undefined
    : known({ name: label, local: boolean(value.local), exportable: boolean(value.exportable) });
}

/** `EventTag` rows of misp_json_event, where `local` belongs to the row and the name to the `Tag` in it. */
export function readEventTags(value: unknown): readonly Tag[] | undefined {
  return readAll(value, (row) => {
    if (!isRaw(row)) {
      return undefined;
    }
    const tag = readTag(row.Tag);
    return tag && known({ ...tag, local: boolean(row.local) });
  });
}

/** Clusters of `Galaxy` lists. */
export function readClusters(value: unknown): readonly Cluster[] | undefined {
  return readAll(value, (galaxy) =>
    isRaw(galaxy) ? readAll(galaxy.GalaxyCluster, (cluster) => readCluster(galaxy, cluster)) : undefined,
  )?.flat();
}

function readCluster(galaxy: Raw, cluster: unknown): Cluster | undefined {
  if (!isRaw(cluster)) {
    return undefined;
  }
  const type = name(galaxy.type) ?? name(cluster.type);
  const value = name(cluster.value);
  return type === undefined || value === undefined ? undefined : { galaxy: type, value };
}

/** Every entry of a list, or undefined if one of them, or the list, cannot be read. */
function readAll<T>(value: unknown, read: (entry: unknown) => T | undefined): readonly T[] | undefined {
  const entries = list(value);
  if (entries === undefined) {
    return undefined;
  }
  const all: T[] = [];
  for (const entry of entries) {
    const one = read(entry);
    if (one === undefined) {
      return undefined;
    }
    all.push(one);
  }
  return all;
}

/** The group that a row names by number, and what `SharingGroup` beside it tells of it. Only meant for distribution 4. */
function readSharingGroup(raw: Raw): SharingGroup | undefined {
  const row = isRaw(raw.SharingGroup) ? raw.SharingGroup : {};
  const told = id(raw.sharing_group_id);
  const own = id(row.id);
  const details = told === undefined || own === undefined || told === own ? row : {};
  const group = known({
    id: told ?? own,
    uuid: uuid(details.uuid),
    name: name(details.name),
    members: readMembers(details),
  });
  return group.id || group.uuid ? group : undefined;
}

/** A discussion: how far it may travel, and whose it is. */
export function readThread(raw: Raw): Thread {
  const distribution = choice(DISTRIBUTIONS, raw.distribution);
  const owner = name(raw.org_name);
  return known({
    id: id(raw.id),
    owner: owner === undefined ? undefined : { name: owner },
    distribution: distribution === "inherit" ? undefined : distribution,
    sharingGroup: distribution === "sharing_group" ? readSharingGroup(raw) : undefined,
  });
}

/** MISP lets the organisation that owns a group see what is in it, though the list does not name it. */
function readMembers(group: Raw): readonly Organisation[] | undefined {
  const listed = readAll(group.SharingGroupOrg, (row) => (isRaw(row) ? readOrganisation(row.Organisation) : undefined));
  const owner = readOrganisation(group.Organisation) ?? readOrganisation({ uuid: group.organisation_uuid });
  return listed && owner ? [...listed, owner] : listed;
}

/**
 * The columns of an event, as far as they are in `raw`. MISP puts the creator beside the event or into it: the caller
 * gives it as `creator`.
 */
export function readEvent(raw: Raw, creator: unknown): EventView {
  const distribution = choice(DISTRIBUTIONS, raw.distribution);
  const org = readOrganisation(creator);
  return known({
    id: id(raw.id),
    uuid: uuid(raw.uuid),
    info: text(raw.info),
    date: day(raw.date),
    changedAt: instant(raw.timestamp),
    published: boolean(raw.published),
    wasPublished: (integer(raw.publish_timestamp) ?? 0) > 0 ? (true as const) : undefined,
    threatLevel: choice(THREAT_LEVELS, raw.threat_level_id, 1),
    analysis: choice(ANALYSES, raw.analysis),
    org,
    // Where only the numbers are told, an owner with the creator's number is the creator.
    owner: readOrganisation(raw.Org) ?? (id(raw.org_id) && id(raw.org_id) === id(raw.orgc_id) ? org : undefined),
    // `locked` marks a synced copy; events of feeds are not locked, so that `false` proves nothing.
    origin: boolean(raw.locked) ? ("pulled" as const) : undefined,
    attributeCount: integer(raw.attribute_count),
    extendsUuid: uuid(raw.extends_uuid),
    distribution: distribution === "inherit" ? undefined : distribution,
    sharingGroup: distribution === "sharing_group" ? readSharingGroup(raw) : undefined,
  });
}

/** The event that a frame is about: without a name nothing can be remembered of it. Throws DecodeError. */
export function needEvent(value: unknown, creator: unknown): EventView {
  const event = readEvent(need(value, "event"), creator);
  if (!event.id && !event.uuid) {
    throw new DecodeError("event has neither id nor uuid");
  }
  return event;
}

/** The event of a part that tells only its number. Never absent: a part whose event is not told still has one. */
export function readEventId(raw: Raw): EventView {
  return known({ id: id(raw.event_id) });
}

/** An attribute's columns. `tags` is what the caller knows of them, `objectKey` the object it is in. */
export function readAttribute(raw: Raw, tags: readonly Tag[] | undefined, objectKey: string | undefined): Attribute {
  const distribution = choice(DISTRIBUTIONS, raw.distribution);
  return known({
    id: id(raw.id),
    uuid: uuid(raw.uuid),
    type: name(raw.type),
    category: name(raw.category),
    value: textOrNumber(raw.value),
    toIds: boolean(raw.to_ids),
    comment: text(raw.comment),
    changedAt: instant(raw.timestamp),
    firstSeen: moment(raw.first_seen),
    lastSeen: moment(raw.last_seen),
    tags,
    objectKey,
    relation: name(raw.object_relation),
    distribution,
    sharingGroup: distribution === "sharing_group" ? readSharingGroup(raw) : undefined,
  });
}

/** An object's columns, without its attributes. `fallback` is its key where it tells neither UUID nor id. */
export function readObject(raw: Raw, fallback: string): MispObject {
  const distribution = choice(DISTRIBUTIONS, raw.distribution);
  const uuidTold = uuid(raw.uuid);
  return known({
    key: uuidTold ?? id(raw.id) ?? fallback,
    uuid: uuidTold,
    name: name(raw.name),
    metaCategory: name(raw["meta-category"]),
    comment: text(raw.comment),
    changedAt: instant(raw.timestamp),
    distribution,
    sharingGroup: distribution === "sharing_group" ? readSharingGroup(raw) : undefined,
  });
}

/** What makes two frames about one row the same: its timestamp and the action, where both deletions are one. */
export function readVersion(raw: Raw, action: unknown): string | undefined {
  const changed = seconds(raw.timestamp);
  return changed === undefined ? undefined : `${changed}:${action === "soft-delete" ? "delete" : action}`;
}
