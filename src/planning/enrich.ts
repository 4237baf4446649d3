import type { Message } from "../model/message.ts";
import type { Attribute, EventView, MispObject, Organisation } from "../model/misp.ts";

/** An event as MISP's REST API tells it: every tag, attribute and object that the key may see. */
export interface FetchedEvent {
  readonly event: EventView;
  readonly attributes: readonly Attribute[];
  readonly objects: readonly MispObject[];
  /** So many parts of it cannot be read. */
  readonly skipped?: number;
}

/**
 * The message with what MISP answered about its event, which is newer than the frame: tags, and how far the attributes
 * that it is about may travel. What the answer does not have (deleted, or hidden from the key) stays unknown.
 */
export function enrich(message: Message, answer: FetchedEvent, askedAt: number): Message {
  return { ...withParts(message, answer), askedAt };
}

/** The message with what is known of its event and of the attributes that it is about. */
export function withParts(message: Message, { event, attributes, objects }: FetchedEvent): Message {
  const byName = new Map<string, Attribute>();
  for (const attribute of attributes) {
    if (attribute.id !== undefined) {
      byName.set(`id ${attribute.id}`, attribute);
    }
    if (attribute.uuid !== undefined) {
      byName.set(`uuid ${attribute.uuid}`, attribute);
    }
  }
  const find = ({ uuid, id }: Pick<Attribute, "uuid" | "id">) => byName.get(`uuid ${uuid}`) ?? byName.get(`id ${id}`);
  const tagged = message.tag?.attributeId;
  const own = tagged === undefined ? message.attributes : [{ id: tagged }];
  const known = own.map((attribute) => ({ ...attribute, ...find(attribute) }));
  const needed = new Set(known.flatMap(({ objectKey }) => objectKey ?? []));
  const told = new Set(message.objects.map(({ key }) => key));
  return {
    ...message,
    event: { ...message.event, ...event },
    attributes: known,
    objects: [...message.objects, ...objects.filter(({ key }) => needed.has(key) && !told.has(key))],
  };
}

/** How many parts memory learns at once: as many as a list that tells what is gone may have. */
const SLICE = 10_000;

/** A sighting with who reported it; its frame tells no more than a number. */
export function withSighter(message: Message, sighters: ReadonlyMap<string, Organisation>): Message {
  const { subject, sighting } = message;
  const org = sighting && (sighters.get(subject.uuid ?? "") ?? sighters.get(subject.id ?? ""));
  return org ? { ...message, sighting: { ...sighting, org } } : message;
}

/** All that MISP has told of an event, for memory alone, in slices: what has waited or waits is judged by it. */
export function lessonsOf(instance: string, answer: FetchedEvent, askedAt: number): readonly Message[] {
  const { attributes, objects, skipped = 0 } = answer;
  const count = Math.max(1, Math.ceil((attributes.length + objects.length) / SLICE));
  return Array.from({ length: count }, (_, index) => {
    const parts = {
      attributes: count === 1 ? attributes : attributes.filter((_one, place) => place % count === index),
      objects: count === 1 ? objects : objects.filter((_one, place) => place % count === index),
    };
    const missing = skipped + attributes.length + objects.length - parts.attributes.length - parts.objects.length;
    return lessonOf(instance, { ...answer, ...parts, ...(missing > 0 && { skipped: missing }) }, askedAt);
  });
}

/** One that memory learns at once; what is left out (`skipped`) is in others. */
export function lessonOf(instance: string, answer: FetchedEvent, askedAt: number): Message {
  const { event, attributes, objects, skipped } = answer;
  const { uuid, id, changedAt = 0 } = event;
  return {
    instance,
    topic: "rest",
    receivedAt: askedAt,
    askedAt,
    whole: true,
    subject: { type: "event", ...(uuid !== undefined && { uuid }), ...(id !== undefined && { id }) },
    version: String(Math.floor(changedAt / 1000)),
    event,
    attributes,
    objects,
    ...(skipped !== undefined && { skipped }),
    lines: [],
  };
}
