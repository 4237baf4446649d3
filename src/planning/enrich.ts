import type { Message } from "../model/message.ts";
import type { Attribute, EventView, MispObject } from "../model/misp.ts";

/** An event as MISP's REST API tells it: every tag, attribute and object that the key may see. */
export interface FetchedEvent {
  readonly event: EventView;
  readonly attributes: readonly Attribute[];
  readonly objects: readonly MispObject[];
}

/**
 * The message with what MISP answered about its event, which is newer than the frame: tags, and how far the attributes
 * that it is about may travel. What the answer does not have (deleted, or hidden from the key) stays unknown.
 */
export function enrich(message: Message, { event, attributes, objects }: FetchedEvent): Message {
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
