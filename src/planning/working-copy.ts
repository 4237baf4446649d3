import type { Listing } from "../model/listing.ts";
import type {
  Alias,
  EventMemory,
  Known,
  Memory,
  PartMemory,
  PartName,
  ReachedDestination,
  SightedAttribute,
  SightingMemory,
  Told,
} from "../model/memory.ts";
import type { Message, SightingTimes } from "../model/message.ts";
import type { Delivery, Effects } from "../model/outbox.ts";
import type { GuardedAlert } from "../model/payload.ts";
import { uniteEvents } from "../model/unite.ts";
import type { SightingType } from "../model/vocabulary.ts";
import { type PartChanges, unitePart } from "./advance-parts.ts";
import { type PublicationAround, publicationBy, publicationOf } from "./shown.ts";

type Sighted = NonNullable<Known["sighted"]>[number];

/** What memory knows of the event that a message is about. */
export interface About {
  readonly memory: EventMemory | undefined;
  /** The message gives nothing but a number that several events have had: it may mean any of them. */
  readonly unsure: boolean;
}

/** Memory as it is while a micro-batch is planned, and what of it has changed since it was loaded. */
export class WorkingCopy {
  readonly #events = new Map<string, EventMemory>();
  readonly #changed = new Set<string>();
  readonly #aliases = new Map<string, Alias>();
  readonly #claimed = new Set<string>();
  readonly #adopted: Effects["adopted"][number][] = [];
  readonly #parts = new Map<string, Map<string, PartMemory>>();
  readonly #upsert = new Map<string, PartMemory>();
  readonly #forget = new Map<string, Effects["forget"][number]>();
  readonly #told = new Map<string, Told>();
  readonly #owed = new Set<string>();
  readonly #reborn = new Map<string, NonNullable<Effects["reborn"]>[number]>();
  readonly #listings = new Map<string, Listing>();
  readonly #shown = new Map<string, readonly PublicationAround[]>();
  readonly #reached: readonly ReachedDestination[];
  readonly #sighted: readonly Sighted[];
  readonly #sightings = new Map<string, SightingMemory>();
  readonly #unsighted = new Map<string, Pick<SightingMemory, "instance" | "name">>();
  #undecided: readonly Known["undecided"][number][];

  constructor(known: Known) {
    this.#reached = known.reached ?? [];
    this.#sighted = known.sighted ?? [];
    this.#undecided = known.undecided;
    for (const event of known.events) {
      this.#events.set(key(event.instance, event.key), event);
    }
    for (const alias of known.aliases) {
      this.#aliases.set(key(alias.instance, alias.id), alias);
    }
    for (const row of known.parts) {
      this.#partsOf(row.instance, row.eventKey).set(partKey(row), row);
    }
    for (const { instance, eventKey } of known.owed ?? []) {
      this.#owed.add(key(instance, eventKey));
    }
    for (const told of known.told) {
      this.#told.set(key(told.instance, told.destination, told.eventUuid), told);
    }
    for (const shown of known.shown ?? []) {
      const name = key(shown.instance, shown.destination, shown.eventUuid);
      this.#shown.set(name, [...(this.#shown.get(name) ?? []), publicationOf(shown)]);
    }
  }

  /** The event that a message is about; a UUID takes the number beside it from the event that had it. */
  about({ instance, event }: Message): About {
    const { id, uuid } = event ?? {};
    if (uuid !== undefined) {
      if (id !== undefined) {
        this.#claim(instance, id, uuid);
      }
      return { memory: this.#events.get(key(instance, uuid)), unsure: false };
    }
    if (id === undefined) {
      return { memory: undefined, unsure: false };
    }
    const alias = this.#aliases.get(key(instance, id));
    return { memory: this.#events.get(key(instance, alias?.key ?? id)), unsure: alias?.unsure ?? false };
  }

  setEvent(event: EventMemory): void {
    const name = key(event.instance, event.key);
    if (this.#events.get(name) === event) {
      return;
    }
    this.#events.set(name, event);
    this.#changed.add(name);
  }

  /** The event was made anew: its parts are others. */
  forgetParts({ instance, key: eventKey }: EventMemory): void {
    const name = key(instance, eventKey);
    this.#reborn.set(name, { instance, eventKey });
    for (const { part, id } of this.#parts.get(name)?.values() ?? []) {
      this.#upsert.delete(key(instance, eventKey, part, id));
    }
    this.#parts.delete(name);
  }

  /** Something about the event is owed that may have parts which are gone by now. */
  owe({ instance, key: eventKey }: EventMemory): void {
    this.#owed.add(key(instance, eventKey));
  }

  isOwed({ instance, key: eventKey }: EventMemory): boolean {
    return this.#owed.has(key(instance, eventKey));
  }

  list(listing: Listing): void {
    this.#listings.set(key(listing.instance, listing.eventKey), listing);
  }

  /** What is remembered of the parts of an event, by `partKey`. */
  parts(event: EventMemory | undefined): ReadonlyMap<string, PartMemory> {
    return (event && this.#parts.get(key(event.instance, event.key))) ?? NO_PARTS;
  }

  change({ upsert, forget }: PartChanges): void {
    for (const row of upsert) {
      const name = key(row.instance, row.eventKey, row.part, row.id);
      this.#partsOf(row.instance, row.eventKey).set(partKey(row), row);
      this.#upsert.set(name, row);
      this.#forget.delete(name);
    }
    for (const { instance, eventKey, part, id } of forget) {
      const name = key(instance, eventKey, part, id);
      this.#partsOf(instance, eventKey).delete(partKey({ part, id }));
      this.#upsert.delete(name);
      this.#forget.set(name, { instance, eventKey, part, id });
    }
  }

  memory(event: EventMemory | undefined): Memory {
    return event ? { event, parts: [...this.parts(event).values()] } : { parts: [] };
  }

  /** The version of an event that a destination was told, or is owed. */
  told(instance: string, destination: string, eventUuid: string | undefined): Told | undefined {
    return eventUuid === undefined ? undefined : this.#told.get(key(instance, destination, eventUuid));
  }

  /** Who was told anything of an event. */
  reached(instance: string, eventUuid: string | undefined): readonly ReachedDestination[] {
    return this.#reached.filter((one) => one.instance === instance && one.eventUuid === eventUuid);
  }

  /** Who was told of an event, or is owed a publication of it. */
  toldOf(instance: string, eventUuid: string | undefined): readonly string[] {
    const owed = [...this.#told.values()].filter((one) => one.instance === instance && one.eventUuid === eventUuid);
    return [...new Set([...this.reached(instance, eventUuid), ...owed].map(({ destination }) => destination))];
  }

  /** What waits for knowledge about parts of an event, before it can be told to `destination`. */
  undecidedOf(event: EventMemory | undefined, destination: string): Known["undecided"] {
    return this.#undecided.filter(
      ({ instance, eventKey, destinations }) =>
        instance === event?.instance && eventKey === event.key && destinations.includes(destination),
    );
  }

  wait(undecided: Known["undecided"]): void {
    this.#undecided = [...this.#undecided, ...undecided];
  }

  tell(delivery: Delivery, guarded: GuardedAlert): void {
    const { instance, destination, eventUuid, changedAt, version } = delivery;
    if (eventUuid !== undefined && changedAt !== undefined) {
      const name = key(instance, destination, eventUuid);
      const told = { instance, destination, eventUuid, changedAt, ...(version !== undefined && { version }) };
      this.#told.set(name, told);
      this.#shown.set(name, [publicationBy(delivery, guarded), ...(this.#shown.get(name) ?? [])]);
    }
  }

  /** The publications of an event that a destination was told, or is owed, as far as they were loaded; the newest first. */
  shown(instance: string, destination: string, eventUuid: string | undefined): readonly PublicationAround[] {
    return (eventUuid === undefined ? undefined : this.#shown.get(key(instance, destination, eventUuid))) ?? [];
  }

  addSighting(sighting: SightingMemory): void {
    const name = key(sighting.instance, sighting.name);
    this.#unsighted.delete(name);
    this.#sightings.set(name, sighting);
  }

  dropSighting(sighting: Pick<SightingMemory, "instance" | "name">): void {
    const name = key(sighting.instance, sighting.name);
    this.#sightings.delete(name);
    this.#unsighted.set(name, sighting);
  }

  /** How often an attribute was sighted; undefined: that was not asked, or is not counted yet. */
  sightingsOf(attribute: SightedAttribute | undefined, now: number): SightingTimes | undefined {
    const isIts = (one: SightedAttribute) =>
      one.instance === attribute?.instance && one.attribute === attribute.attribute;
    const { sightings = [], since } = this.#sighted.find(isIts) ?? {};
    const all = new Map(sightings.map((one) => [key(one.instance, one.name), one]));
    for (const [name, one] of this.#sightings) {
      if (isIts(one) && !all.has(name)) {
        all.set(name, one);
      }
    }
    for (const name of this.#unsighted.keys()) {
      all.delete(name);
    }
    const times: Partial<Record<SightingType, number[]>> = {};
    for (const { type, at } of all.values()) {
      times[type] = [...(times[type] ?? []), at];
    }
    // The first one begins the count.
    return since === undefined && all.size === 0 ? undefined : { times, since: since ?? now };
  }

  changes(): Pick<
    Effects,
    "events" | "aliases" | "adopted" | "reborn" | "parts" | "forget" | "listings" | "sighted" | "unsighted"
  > {
    return {
      ...(this.#sightings.size > 0 && { sighted: [...this.#sightings.values()] }),
      ...(this.#unsighted.size > 0 && { unsighted: [...this.#unsighted.values()] }),
      ...(this.#reborn.size > 0 && { reborn: [...this.#reborn.values()] }),
      ...(this.#listings.size > 0 && { listings: [...this.#listings.values()] }),
      events: [...this.#changed].flatMap((name) => this.#events.get(name) ?? []),
      aliases: [...this.#claimed].flatMap((name) => this.#aliases.get(name) ?? []),
      adopted: this.#adopted,
      parts: [...this.#upsert.values()],
      forget: [...this.#forget.values()],
    };
  }

  #claim(instance: string, id: string, uuid: string): void {
    const name = key(instance, id);
    const alias = this.#aliases.get(name);
    if (alias?.key === uuid) {
      return;
    }
    // Who had the number before, and now has it again, was not followed by the other for good.
    const isBack = alias !== undefined && this.#events.get(key(instance, uuid))?.event.id === id;
    this.#aliases.set(name, { instance, id, key: uuid, ...(isBack && { unsure: true }) });
    this.#claimed.add(name);
    if (!alias) {
      this.#adopt(instance, id, uuid);
    }
  }

  /** What was seen under a number alone, before anybody told whose it is, is the first one's who is seen under it. */
  #adopt(instance: string, id: string, uuid: string): void {
    const nameless = this.#events.get(key(instance, id));
    if (!nameless) {
      return;
    }
    this.#events.delete(key(instance, id));
    this.#changed.delete(key(instance, id));
    this.#adopted.push({ instance, id, key: uuid, revision: nameless.revision });
    const row = this.#events.get(key(instance, uuid));
    this.setEvent(row ? uniteEvents(row, nameless) : { ...nameless, key: uuid, revision: 0 });
    const parts = [...this.#partsOf(instance, id).values()];
    const known = this.#partsOf(instance, uuid);
    this.change({
      upsert: parts.map((part) => unitePart({ ...part, eventKey: uuid }, known.get(partKey(part)))),
      forget: parts,
    });
    this.#undecided = this.#undecided.map((one) =>
      one.instance === instance && one.eventKey === id ? { ...one, eventKey: uuid } : one,
    );
  }

  #partsOf(instance: string, eventKey: string): Map<string, PartMemory> {
    const name = key(instance, eventKey);
    const rows = this.#parts.get(name) ?? new Map<string, PartMemory>();
    this.#parts.set(name, rows);
    return rows;
  }
}

const NO_PARTS: ReadonlyMap<string, PartMemory> = new Map();

/** What names a part among those of its event. */
export function partKey({ part, id }: PartName): string {
  return `${part} ${id}`;
}

/** No name of an instance or a destination has a line break, nor has an id or UUID. */
function key(...parts: readonly string[]): string {
  return parts.join("\n");
}
