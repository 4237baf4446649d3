import { shortName, shortNameOfObject, stateOf, stateOfObject, unpackParts } from "../guard/fingerprint.ts";
import type { Alert, Item } from "../model/alert.ts";
import type { EventMemory, Shown } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Attribute, MispObject } from "../model/misp.ts";
import type { Delivery } from "../model/outbox.ts";
import type { GuardedAlert } from "../model/payload.ts";
import type { FetchedEvent } from "./enrich.ts";

// MISP's publisher drains publications before all else: what is in one may come behind it, as a message of its own.

/** A publication that one destination was told, or is owed, as far as it is asked what readers see in it. */
export interface PublicationAround {
  readonly changedAt: number;
  /** It is owed under this id; absent: it was told. */
  readonly delivery?: Delivery["id"];
  /** It was told, or is on its way: nothing would leave earlier. */
  readonly isLeaving: boolean;
  readonly urgent: boolean;
  readonly mentions: readonly string[];
  /** Whether it has the attribute: as it is here or newer, or in another state, of which it is not kept when it was. */
  hasItem(item: Item): "same" | "other" | undefined;
  hasObject(object: Alert["objects"][number]): boolean;
  /** Whether the event, or with `attributeId` an attribute of it, has this tag; undefined: that is not kept. */
  hasTag(name: string, attributeId: string | undefined): boolean | undefined;
}

/** One that the store knows of. */
export function publicationOf(shown: Shown): PublicationAround {
  const { changedAt, delivery, isLeaving = false, urgent = false, mentions = [], hidden } = shown;
  const read = once(() => ({
    items: shown.parts && unpackParts(shown.parts),
    objects: shown.objects && unpackParts(shown.objects),
    hidden: new Set(hidden),
  }));
  const find = (states: ReadonlyMap<string, number> | undefined, name: string | undefined, state: number) => {
    const known = name === undefined || read().hidden.has(name) ? undefined : states?.get(name);
    return known === undefined ? undefined : known === state ? "same" : "other";
  };
  return {
    ...{ changedAt, urgent, mentions },
    ...(delivery !== undefined && { delivery }),
    isLeaving: isLeaving || delivery === undefined,
    hasItem: (item) => find(read().items, shortName(item), stateOf(item)),
    hasObject: (object) => find(read().objects, shortNameOfObject(object), stateOfObject(object)) === "same",
    hasTag: () => undefined,
  };
}

/** One that has just been planned. */
export function publicationBy(delivery: Delivery, { alert }: GuardedAlert): PublicationAround {
  const items = once(() => new Map(alert.items.map((item) => [shortName(item), item])));
  const objects = once(() => new Map(alert.objects.map((object) => [object.key, object])));
  return {
    changedAt: delivery.changedAt ?? Number.NEGATIVE_INFINITY,
    delivery: delivery.id,
    isLeaving: false,
    urgent: delivery.priority === "high",
    mentions: delivery.mentions,
    hasItem: (item) => {
      const name = shortName(item);
      return name !== undefined && isAtLeast(items().get(name), item) ? "same" : undefined;
    },
    hasObject: (object) => isAtLeast(objects().get(object.key), object),
    hasTag: (name, attributeId) =>
      attributeId === undefined
        ? alert.event?.tags?.some((tag) => tag.name === name)
        : alert.items.some(({ id, tags }) => id === attributeId && tags.includes(name)),
  };
}

/**
 * The publication in which readers see all that an alert about a part, or an earlier state, of its event would tell them: one
 * that is told with this priority and these mentions, or else one that is owed, to which they can be passed on.
 */
export function publicationAround(
  alert: Alert,
  as: Pick<Delivery, "priority" | "mentions"> | undefined,
  {
    publications,
    before,
  }: { readonly publications: readonly PublicationAround[]; readonly before: EventMemory | undefined },
): PublicationAround | undefined {
  return publications.find((one) => (as ? isToldAs(one, as) : one.delivery !== undefined) && holds(alert, one, before));
}

function holds(
  { kind, items, objects, event, tag }: Alert,
  publication: PublicationAround,
  before: EventMemory | undefined,
): boolean {
  switch (kind) {
    case "event.created":
    case "event.edited":
      return event?.changedAt !== undefined && event.changedAt <= publication.changedAt;
    case "attribute.added":
      return items.length > 0 && items.every((item) => publication.hasItem(item) !== undefined);
    case "attribute.edited":
      return items.length > 0 && items.every((item) => hasEdit(item, publication, before));
    case "object.added":
    case "object.edited":
      return objects.length > 0 && objects.every((object) => publication.hasObject(object));
    case "tag.attached": {
      const has = publication.hasTag(tag?.name ?? "", tag?.attributeId);
      return has ?? (tag?.attributeId === undefined && hadTag(tag?.name ?? "", publication, before));
    }
    default:
      return false;
  }
}

/**
 * What was edited before the publication is in it, in that state or a later one. What is pulled keeps the times that it had
 * elsewhere, and that something is no longer for detection is told rather twice than never.
 */
function hasEdit(item: Item, publication: PublicationAround, before: EventMemory | undefined): boolean {
  const has = publication.hasItem(item);
  const isEarlier = (item.changedAt ?? Number.POSITIVE_INFINITY) < publication.changedAt;
  return has === "same" || (has === "other" && isEarlier && item.toIds === true && before?.event.origin !== "pulled");
}

/** Memory keeps the tags of the last publication; one that was taken off since is a new one when it comes again. */
function hadTag(name: string, { changedAt }: PublicationAround, before: EventMemory | undefined): boolean {
  return (
    before?.publishedAt === changedAt &&
    (before.published?.tags.includes(name) ?? false) &&
    (before.event.tags?.some((tag) => tag.name === name) ?? false)
  );
}

/** Whoever was told may have been told without the urgency, or without those whom this mentions. */
function isToldAs({ urgent, mentions }: PublicationAround, delivery: Pick<Delivery, "priority" | "mentions">): boolean {
  return (urgent || delivery.priority !== "high") && delivery.mentions.every((one) => mentions.includes(one));
}

function isAtLeast(known: { readonly changedAt?: number } | undefined, { changedAt }: { readonly changedAt?: number }) {
  return known?.changedAt !== undefined && changedAt !== undefined && known.changedAt >= changedAt;
}

/** From when on publications have in them what a message tells; undefined: none has. */
export function shownSince({ kind, attributes, objects, event, tag }: Message): number | undefined {
  switch (kind) {
    case "event.created":
    case "event.edited":
      return event?.changedAt;
    case "attribute.added":
    case "attribute.edited":
      return attributes[0]?.changedAt;
    case "object.added":
    case "object.edited":
      return objects[0]?.changedAt;
    case "tag.attached":
      return tag?.attributeId === undefined ? 0 : undefined;
    default:
      return undefined;
  }
}

/** The parts of a publication, found by their names. */
export class PartsByName {
  readonly #attributes = new Map<string, Attribute>();
  readonly #objects: ReadonlyMap<string, MispObject>;
  readonly #message: Message;

  constructor(message: Message) {
    this.#message = message;
    for (const attribute of message.attributes) {
      for (const name of namesOf(attribute)) {
        this.#attributes.set(name, attribute);
      }
    }
    this.#objects = new Map(message.objects.map((object) => [object.key, object]));
  }

  /** What the publication says of what a message is about; undefined: it is not all in there, or not as new. */
  around({ kind, attributes, objects, tag }: Message): FetchedEvent | undefined {
    switch (kind) {
      case "attribute.added":
      case "attribute.edited":
        return this.#found(attributes);
      case "object.added":
      case "object.edited": {
        const found = objects.map((object) => {
          const known = this.#objects.get(object.key);
          return isAtLeast(known, object) ? known : undefined;
        });
        return found.length > 0 && found.every((one) => one !== undefined) ? this.#of([], found) : undefined;
      }
      case "tag.attached": {
        const attribute = tag?.attributeId === undefined ? undefined : this.#attributes.get(`id ${tag.attributeId}`);
        const carrier = tag?.attributeId === undefined ? this.#message.event : attribute;
        const has = carrier?.tags?.some(({ name }) => name === tag?.name) ?? false;
        return has ? this.#of(attribute ? [attribute] : [], []) : undefined;
      }
      default:
        return undefined;
    }
  }

  #found(attributes: readonly Attribute[]): FetchedEvent | undefined {
    const found = attributes.map((attribute) => {
      const known = namesOf(attribute).map((name) => this.#attributes.get(name));
      return known.find((one) => isAtLeast(one, attribute));
    });
    const all = found.filter((one) => one !== undefined);
    return all.length > 0 && all.length === attributes.length ? this.#of(all, []) : undefined;
  }

  /** What it says of the event itself is in memory by now. */
  #of(attributes: readonly Attribute[], objects: readonly MispObject[]): FetchedEvent {
    const needed = attributes.flatMap(({ objectKey }) => this.#objects.get(objectKey ?? "") ?? []);
    return { event: {}, attributes, objects: [...objects, ...needed] };
  }
}

function namesOf({ id, uuid }: Pick<Attribute, "id" | "uuid">): readonly string[] {
  return [...(uuid === undefined ? [] : [`uuid ${uuid}`]), ...(id === undefined ? [] : [`id ${id}`])];
}

function once<T>(read: () => T): () => T {
  let value: { readonly read: T } | undefined;
  return () => {
    value ??= { read: read() };
    return value.read;
  };
}
