import type { Message } from "../../src/model/message.ts";
import type { Attribute, EventView, MispObject, Tag } from "../../src/model/misp.ts";

/** When, by MISP's clock, the event of most tests was last changed. */
export const T0 = Date.UTC(2026, 10, 20, 12);
export const SECOND = 1000;
export const MINUTE = 60_000;
export const EVENT_UUID = "5f1b2c3d-0000-4000-8000-000000000007";

/** The UUID of a part, made of its id. */
export function uuidOf(id: string): string {
  return `6f1b2c3d-0000-4000-8000-${id.padStart(12, "0")}`;
}

export function tags(...names: readonly string[]): readonly Tag[] {
  return names.map((name) => ({ name }));
}

/** What a publication says of the event itself: tlp:green, published within the community. */
export function eventView(fields: Partial<EventView> = {}): EventView {
  return {
    id: "7",
    uuid: EVENT_UUID,
    info: "Phishing wave against ACME",
    date: "2026-11-20",
    changedAt: T0,
    threatLevel: "medium",
    analysis: "ongoing",
    org: { name: "CIRCL", uuid: uuidOf("1001") },
    owner: { name: "ACME-CERT", uuid: uuidOf("1002") },
    origin: "local",
    distribution: "community",
    tags: tags("tlp:green"),
    clusters: [],
    ...fields,
  };
}

/** An attribute as a publication tells it: untagged, as far as its event. */
export function attributeOf(id: string, fields: Partial<Attribute> = {}): Attribute {
  return {
    id,
    uuid: uuidOf(id),
    type: "domain",
    category: "Network activity",
    value: `value-${id}.example`,
    toIds: true,
    comment: `comment-${id}`,
    changedAt: T0,
    tags: [],
    distribution: "inherit",
    ...fields,
  };
}

export function objectOf(key: string, fields: Partial<MispObject> = {}): MispObject {
  return { key, uuid: key, name: "file", comment: `comment-${key}`, distribution: "inherit", ...fields };
}

interface Arrival {
  readonly receivedAt?: number;
  readonly instance?: string;
}

interface Whole extends Arrival {
  readonly event?: Partial<EventView>;
  readonly attributes?: readonly Attribute[];
  readonly objects?: readonly MispObject[];
}

function message(
  topic: string,
  rest: Partial<Message> & Pick<Message, "subject" | "version">,
  {
    receivedAt = Math.max(
      T0,
      rest.event?.changedAt ?? 0,
      ...(rest.attributes ?? []).map(({ changedAt = 0 }) => changedAt),
    ) + SECOND,
    instance = "cert",
  }: Arrival,
): Message {
  return { instance, topic, receivedAt, attributes: [], objects: [], lines: [], ...rest };
}

function versionOf(at: number | undefined, action: string): string {
  return at === undefined ? action : `${at / SECOND}:${action}`;
}

/** `misp_json`: complete. */
export function publication({ event = {}, attributes = [], objects = [], ...arrival }: Whole = {}): Message {
  const view = eventView(event);
  return message(
    "misp_json",
    {
      kind: "event.published",
      subject: { type: "event", ...(view.uuid && { uuid: view.uuid }), ...(view.id && { id: view.id }) },
      version: String((view.changedAt ?? 0) / SECOND),
      event: view,
      attributes,
      objects,
    },
    arrival,
  );
}

/** `misp_json_event`: the row of the event alone, and on an edit its tags. */
function eventRow(kind: "event.created" | "event.edited" | "event.deleted", fields: Partial<EventView>): Message {
  const {
    clusters: _clusters,
    origin: _origin,
    tags: told,
    owner,
    ...row
  } = eventView({ published: false, ...fields });
  const view: EventView = {
    ...row,
    ...(kind === "event.edited" && told && { tags: told }),
    ...(kind !== "event.deleted" && owner && { owner }),
  };
  return message(
    "misp_json_event",
    {
      kind,
      subject: { type: "event", ...(view.uuid && { uuid: view.uuid }), ...(view.id && { id: view.id }) },
      version: kind === "event.edited" ? String((view.changedAt ?? 0) / SECOND) : versionOf(view.changedAt, kind),
      event: view,
    },
    {},
  );
}

export const eventCreated = (event: Partial<EventView> = {}) => eventRow("event.created", event);
export const eventEdited = (event: Partial<EventView> = {}) => eventRow("event.edited", event);
export const eventDeleted = (event: Partial<EventView> = {}) => eventRow("event.deleted", event);

/** `add_from_connected_server`: nothing but that the event was pulled. */
export function pulled(uuid = EVENT_UUID): Message {
  return message(
    "misp_json_event",
    { subject: { type: "event", uuid }, version: "pulled", event: { uuid, origin: "pulled" } },
    {},
  );
}

interface Part extends Arrival {
  readonly id?: string;
  readonly attribute?: Partial<Attribute>;
  /** The event's columns in the frame: no tags, no time of change. */
  readonly event?: Partial<EventView>;
  readonly object?: MispObject;
}

function attributeRow(
  kind: "attribute.added" | "attribute.edited" | "attribute.deleted",
  { id = "21", attribute = {}, event = {}, object, ...arrival }: Part,
): Message {
  const { tags: _tags, clusters: _clusters, changedAt: _changedAt, origin: _origin, ...view } = eventView(event);
  const { tags: _none, ...untagged } = attributeOf(id);
  const told = { ...untagged, ...(object && { objectKey: object.key }), ...attribute };
  return message(
    "misp_json_attribute",
    {
      kind,
      subject: { type: "attribute", uuid: uuidOf(id), id },
      version: versionOf(told.changedAt, kind),
      event: view,
      attributes: [told],
      objects: object ? [object] : [],
    },
    arrival,
  );
}

/** A new attribute: its tags are not told, unless `attribute.tags` says so. */
export const attributeAdded = (part: Part = {}) => attributeRow("attribute.added", part);
export const attributeEdited = (part: Part = {}) => attributeRow("attribute.edited", part);
export const attributeDeleted = (part: Part = {}) => attributeRow("attribute.deleted", part);

/** An attribute deleted for good: its columns, and of the event only the id. */
export function attributeGone(id = "21"): Message {
  return { ...attributeRow("attribute.deleted", { id }), event: { id: "7" } };
}

export function objectAdded(object: MispObject = objectOf("o1")): Message {
  return message(
    "misp_json_object",
    {
      kind: "object.added",
      subject: { type: "object", uuid: object.key },
      version: `${object.key}:add`,
      event: { id: "7" },
      objects: [object],
    },
    {},
  );
}

export function referenceAdded(): Message {
  return message(
    "misp_json_object_reference",
    { kind: "reference.added", subject: { type: "reference", id: "3" }, version: "3:add", event: { id: "7" } },
    {},
  );
}

export function sightingAdded(id = "21"): Message {
  return message(
    "misp_json_sighting",
    {
      kind: "sighting.added",
      subject: { type: "sighting", uuid: uuidOf("4001") },
      version: "4001:add",
      event: { id: "7", uuid: EVENT_UUID, info: "Phishing wave against ACME", org: { name: "CIRCL" } },
      attributes: [{ id, uuid: uuidOf(id), type: "domain", value: `value-${id}.example`, toIds: true }],
      sighting: { type: "sighting", source: "SIEM", seenAt: T0 },
    },
    {},
  );
}

interface Tagging extends Arrival {
  readonly attribute?: string;
  readonly exportable?: boolean;
  readonly eventId?: string;
}

function tagging(
  kind: "tag.attached" | "tag.detached",
  name: string,
  { attribute, exportable = true, eventId = "7", ...arrival }: Tagging,
): Message {
  const on = attribute === undefined ? ("event" as const) : ("attribute" as const);
  const at = arrival.receivedAt ?? T0 + SECOND;
  return message(
    "misp_json_tag",
    {
      kind,
      subject: { type: "tag", id: `${name}@${on}:${attribute ?? eventId}` },
      version: `${at}:${kind}`,
      event: { id: eventId },
      tag: { name, exportable, on, ...(attribute !== undefined && { attributeId: attribute }) },
    },
    arrival,
  );
}

/** `misp_json_tag`: ids only. `attribute`: it is put on this attribute, else on the event. */
export const tagAttached = (name: string, on: Tagging = {}) => tagging("tag.attached", name, on);
export const tagDetached = (name: string, on: Tagging = {}) => tagging("tag.detached", name, on);

export function tagCreated(name = "tlp:amber"): Message {
  return message(
    "misp_json_tag",
    { kind: "tag.created", subject: { type: "tag", id: "1" }, version: "1", tag: { name } },
    {},
  );
}

/** A message about no event. */
export function eventless(kind: NonNullable<Message["kind"]>): Message {
  return message(
    "misp_json_audit",
    { kind, subject: { type: "audit", id: "1" }, version: "1", lines: [{ label: "action", text: "login" }] },
    {},
  );
}
