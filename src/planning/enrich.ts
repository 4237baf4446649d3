import type { Message } from "../model/message.ts";
import type { Attribute, EventView, MispObject } from "../model/misp.ts";

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
export function enrich(message: Message, { event, attributes, objects }: FetchedEvent, askedAt: number): Message {
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
    askedAt,
    event: { ...message.event, ...event },
    attributes: known,
    objects: [...message.objects, ...objects.filter(({ key }) => needed.has(key) && !told.has(key))],
  };
}

/** All that MISP has told of an event, for memory alone: what has waited or waits is judged by it. */
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
