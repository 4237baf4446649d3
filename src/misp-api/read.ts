import { DecodeError } from "../base/errors.ts";
import type { EventView, Organisation, Tag, Thread } from "../model/misp.ts";
import { readEventId, readOrganisation, readTags, readThread } from "../topics/nouns.ts";
import { type Publication, readPublication } from "../topics/publication.ts";
import { boolean, id, instant, integer, isRaw, known, list, type Raw, text, uuid } from "../topics/values.ts";
import { type Answer, ERROR_IN_ANSWER, type JsonAnswer, NOT_VISIBLE, UNREADABLE } from "./answer.ts";

/** A whole event as it is now, with `published`; what the key's user may not see is not in it. */
export interface WholeEvent extends Publication {
  readonly kind: "event";
  /** By MISP's clock; absent: it was never published here. */
  readonly publishedAt?: number;
}

/** An event that was published, without its attributes and clusters; `published` tells whether it still is. */
export interface PublishedEvent {
  readonly event: EventView & { readonly uuid: string; readonly changedAt: number };
  readonly publishedAt: number;
}

/** One page of what was published, in the order in which MISP gave it: the oldest publication first. */
export interface PublishedPage {
  readonly kind: "page";
  readonly events: readonly PublishedEvent[];
  /** Rows that tell no uuid, no timestamp or no publication, or cannot be read at all. */
  readonly unreadable: number;
  readonly more: boolean;
  /** How many there are on all pages, where MISP tells. */
  readonly total?: number;
  /** MISP's clock when it answered, to the second. */
  readonly servedAt?: number;
}

/** Events as they are now, without their parts. */
export interface EventsNow {
  readonly kind: "events";
  readonly events: readonly { readonly event: EventView; readonly publishedAt?: number }[];
}

/** Attributes with all their tags. */
export interface MarkedAttributes {
  readonly kind: "attributes";
  readonly attributes: readonly { readonly uuid: string; readonly event: string; readonly tags: readonly Tag[] }[];
  readonly more: boolean;
}

/** How far a discussion may travel, and its event, if it is about one. */
export interface ThreadFacts {
  readonly kind: "thread";
  readonly thread: Thread;
  readonly event?: EventView;
}

/** What is said about the key's user, for diagnosis; a fact that is absent was not told. */
export interface KeyFacts {
  readonly kind: "key";
  /** Whose frames are about ourselves. */
  readonly userId?: string;
  /** What MISP calls the user's role and organisation: text that people wrote. */
  readonly role?: string;
  readonly organisation?: string;
  readonly siteAdmin?: boolean;
  readonly sync?: boolean;
  /** The role may add, change or publish events, of which we do nothing; the key itself may still be read-only. */
  readonly writes?: boolean;
  /** How many searches the role permits in 15 minutes; absent: it has no limit, or none was told. */
  readonly searches?: number;
}

/** The event that was asked for by its id or UUID, of those that MISP found. */
export function readWholeEvent({ json }: JsonAnswer, asked: string, withDeleted = false): Answer<WholeEvent> {
  const rows = rowsOf(json);
  if (!rows) {
    return isError(json) ? ERROR_IN_ANSWER : UNREADABLE;
  }
  // A search for a UUID also finds the events that have an attribute with it, and anybody can make one.
  const row = rows.find((one) => isRaw(one) && (id(one.id) === asked || uuid(one.uuid) === asked));
  if (!isRaw(row)) {
    return NOT_VISIBLE;
  }
  const told = readEvent(row, withDeleted);
  if (!told) {
    return UNREADABLE;
  }
  const publishedAt = instant(row.publish_timestamp) || undefined;
  return { kind: "event", ...told, ...(publishedAt !== undefined && { publishedAt }) };
}

/** A page of at most `limit` events. */
export function readPage(told: JsonAnswer, page: number, limit: number): Answer<PublishedPage> {
  const rows = rowsOf(told.json);
  if (!rows) {
    return isError(told.json) ? ERROR_IN_ANSWER : UNREADABLE;
  }
  const events = rows.flatMap((row) => (isRaw(row) ? (readPublished(row) ?? []) : []));
  const total = integer(told.header("x-result-count"));
  const servedAt = readDate(told.header("date"));
  return {
    kind: "page",
    events,
    unreadable: rows.length - events.length,
    more: rows.length > 0 && (total === undefined ? rows.length >= limit : page * limit < total),
    ...(total !== undefined && { total }),
    ...(servedAt !== undefined && { servedAt }),
  };
}

/** Events that were asked for by name; MISP leaves out what the key does not see. A row that cannot be read makes the answer so. */
export function readEventsNow({ json }: JsonAnswer): Answer<EventsNow> {
  const rows = rowsOf(json);
  if (!rows) {
    return isError(json) ? ERROR_IN_ANSWER : UNREADABLE;
  }
  const events: EventsNow["events"][number][] = [];
  for (const row of rows) {
    const told = isRaw(row) ? readEvent(row) : undefined;
    if (!isRaw(row) || !told || told.event.published === undefined) {
      return UNREADABLE;
    }
    const { clusters: _, ...event } = told.event;
    const publishedAt = instant(row.publish_timestamp) || undefined;
    events.push({ event, ...(publishedAt !== undefined && { publishedAt }) });
  }
  return { kind: "events", events };
}

/** `{"response":{"Attribute":[…]}}`, at most `limit` of them. */
export function readMarkedAttributes({ json }: JsonAnswer, limit: number): Answer<MarkedAttributes> {
  const response = isRaw(json) ? json.response : undefined;
  // Where there is none, MISP answers with an empty list.
  const rows = isRaw(response) ? list(response.Attribute) : list(response);
  if (!rows) {
    return isError(json) ? ERROR_IN_ANSWER : UNREADABLE;
  }
  const attributes: MarkedAttributes["attributes"][number][] = [];
  for (const row of rows) {
    const name = isRaw(row) ? uuid(row.uuid) : undefined;
    const event = isRaw(row) ? id(row.event_id) : undefined;
    const tags = isRaw(row) ? readTags(row.Tag ?? []) : undefined;
    if (name === undefined || event === undefined || !tags) {
      return UNREADABLE;
    }
    attributes.push({ uuid: name, event, tags });
  }
  return { kind: "attributes", attributes, more: rows.length >= limit };
}

/** `{"Thread":{…}}` of the discussion that was asked for. What was written in it is not read. */
export function readThreadFacts({ json }: JsonAnswer, asked: string): Answer<ThreadFacts> {
  const row = isRaw(json) ? json.Thread : undefined;
  if (!isRaw(row)) {
    return isError(json) ? ERROR_IN_ANSWER : UNREADABLE;
  }
  if (id(row.id) !== asked) {
    return UNREADABLE;
  }
  const event = readEventId(row);
  return { kind: "thread", thread: readThread(row), ...(event.id !== undefined && { event }) };
}

/** Reads `GET /users/view/me`. The answer may hold the key in clear: nothing but what is named here is taken from it. */
export function readKeyFacts({ json }: JsonAnswer): Answer<KeyFacts> {
  const role = isRaw(json) ? json.Role : undefined;
  if (!isRaw(json) || !isRaw(role)) {
    return isError(json) ? ERROR_IN_ANSWER : UNREADABLE;
  }
  return known({
    kind: "key" as const,
    userId: isRaw(json.User) ? id(json.User.id) : undefined,
    role: text(role.name, MAX_NAME),
    organisation: isRaw(json.Organisation) ? text(json.Organisation.name, MAX_NAME) : undefined,
    siteAdmin: boolean(role.perm_site_admin),
    sync: boolean(role.perm_sync),
    writes: readWrites(role),
    searches: boolean(role.enforce_rate_limit) ? integer(role.rate_limit_count) : undefined,
  });
}

/** Who has reported sightings. */
export interface Sighters {
  readonly kind: "sighters";
  /** By UUID, and by number, of the sighting. */
  readonly organisations: ReadonlyMap<string, Organisation>;
}

/** Reads `POST /sightings/restSearch/event`. A sighting of which MISP does not tell who reported it is not in it. */
export function readSighters({ json }: JsonAnswer): Answer<Sighters> {
  const rows = isRaw(json) ? list(json.response) : undefined;
  if (!rows) {
    return isError(json) ? ERROR_IN_ANSWER : UNREADABLE;
  }
  const organisations = new Map<string, Organisation>();
  for (const row of rows) {
    const sighting = isRaw(row) && isRaw(row.Sighting) ? row.Sighting : {};
    const organisation = readOrganisation(sighting.Organisation);
    for (const name of organisation ? [uuid(sighting.uuid), id(sighting.id)] : []) {
      if (name !== undefined && organisation) {
        organisations.set(name, organisation);
      }
    }
  }
  return { kind: "sighters", organisations };
}

/** What MISP says of itself. */
export interface MispVersion {
  readonly kind: "version";
  readonly version: string;
}

/** Reads `GET /servers/getVersion`. */
export function readVersion({ json }: JsonAnswer): Answer<MispVersion> {
  const version = isRaw(json) ? text(json.version, MAX_NAME) : undefined;
  return version ? { kind: "version", version } : isError(json) ? ERROR_IN_ANSWER : UNREADABLE;
}

/** Whether a setting of MISP is on; `undefined`: this MISP has no such setting, or one that is no switch. */
export interface SwitchAnswer {
  readonly kind: "switch";
  readonly on: boolean | undefined;
}

/** Reads `GET /servers/getSetting/NAME`. Of a name that it does not know, an older MISP says `false`. */
export function readSwitch({ json }: JsonAnswer): Answer<SwitchAnswer> {
  if (isRaw(json) && "value" in json) {
    return { kind: "switch", on: boolean(json.value) };
  }
  return json === false ? { kind: "switch", on: undefined } : isError(json) ? ERROR_IN_ANSWER : UNREADABLE;
}

/** Longer names are not shown whole. */
const MAX_NAME = 100;

function readWrites(role: Raw): boolean | undefined {
  const rights = [role.perm_add, role.perm_modify, role.perm_publish, role.perm_site_admin].map(boolean);
  return rights.includes(true) ? true : rights.includes(undefined) ? undefined : false;
}

/** The `Event` of every row of `{"response":[{"Event":{…}}]}`. */
function rowsOf(json: unknown): readonly unknown[] | undefined {
  return isRaw(json) ? list(json.response)?.map((row) => (isRaw(row) ? row.Event : undefined)) : undefined;
}

/** MISP's own errors come as `{"name","message","url"}` or `{"saved":false,"errors"}`, at times with status 200. */
function isError(json: unknown): boolean {
  return isRaw(json) && ("message" in json || "errors" in json);
}

function readPublished(row: Raw): PublishedEvent | undefined {
  const told = readEvent(row);
  const publishedAt = instant(row.publish_timestamp);
  if (!told?.event.uuid || told.event.changedAt === undefined || !publishedAt) {
    return undefined;
  }
  // Clusters were not asked for: that there are none here says nothing.
  const { clusters: _, ...event } = told.event;
  return { event: { ...event, uuid: told.event.uuid, changedAt: told.event.changedAt }, publishedAt };
}

/** REST tells the state as it is, where the feed tells the one before the publication. */
function readEvent(row: Raw, withDeleted = false): Publication | undefined {
  try {
    const told = readPublication(row, withDeleted);
    return { ...told, event: known({ ...told.event, published: boolean(row.published) }) };
  } catch (error) {
    if (error instanceof DecodeError) {
      return undefined;
    }
    throw error;
  }
}

/** An HTTP date (RFC 9110 5.6.7). */
function readDate(value: string | undefined): number | undefined {
  const at = value !== undefined && /^[A-Z][a-z]{2}, .{20,30} GMT$/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : at;
}
