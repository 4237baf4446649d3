import type { AttributeMemory, EventMemory, Known, Memory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Effects } from "../model/outbox.ts";
import type { AttributeChanges } from "./advance-attributes.ts";

/** Memory as it is while a micro-batch is planned, and what of it has changed since it was recalled. */
export class WorkingCopy {
  readonly #events = new Map<string, EventMemory>();
  readonly #changed = new Set<string>();
  readonly #attributes = new Map<string, Map<string, AttributeMemory>>();
  readonly #upsert = new Map<string, AttributeMemory>();
  readonly #forget = new Map<string, { readonly instance: string; readonly id: string }>();
  readonly #told = new Map<string, number>();
  readonly #undecided: Known["undecided"][number][];

  constructor(known: Known) {
    this.#undecided = [...known.undecided];
    for (const event of known.events) {
      this.#events.set(key(event.instance, event.key), event);
    }
    for (const row of known.attributes) {
      this.attributes(row.instance).set(row.id, row);
    }
    for (const { instance, destination, eventUuid, changedAt } of known.told) {
      this.#told.set(key(instance, destination, eventUuid), changedAt);
    }
  }

  /** The row of the message's event: by MISP's id, which tag frames give alone, else by UUID, which notices give alone. */
  event({ instance, event }: Message): EventMemory | undefined {
    if (event?.id !== undefined) {
      const row = this.#events.get(key(instance, event.id));
      if (row) {
        return row;
      }
    }
    if (event?.uuid === undefined) {
      return undefined;
    }
    // An event that was deleted and came back has its old UUID and a new id.
    return this.#withUuid(instance, event.uuid)
      .filter((row) => event.id === undefined || row.event.id === undefined)
      .reduce<EventMemory | undefined>((newest, row) => (changeOf(row) > changeOf(newest) ? row : newest), undefined);
  }

  /** When this event, under whatever id, was last seen published. */
  lastPublishedAt({ instance, event }: Message): number | undefined {
    if (event?.uuid === undefined) {
      return undefined;
    }
    const times = this.#withUuid(instance, event.uuid).flatMap(({ publishedAt }) => publishedAt ?? []);
    return times.length === 0 ? undefined : Math.max(...times);
  }

  setEvent(event: EventMemory): void {
    const name = key(event.instance, event.key);
    if (this.#events.get(name) === event) {
      return;
    }
    this.#events.set(name, event);
    this.#changed.add(name);
  }

  attributes(instance: string): Map<string, AttributeMemory> {
    const rows = this.#attributes.get(instance) ?? new Map<string, AttributeMemory>();
    this.#attributes.set(instance, rows);
    return rows;
  }

  change(instance: string, { upsert, forget }: AttributeChanges): void {
    const rows = this.attributes(instance);
    for (const row of upsert) {
      rows.set(row.id, row);
      this.#upsert.set(key(instance, row.id), row);
      this.#forget.delete(key(instance, row.id));
    }
    for (const id of forget) {
      rows.delete(id);
      this.#upsert.delete(key(instance, id));
      this.#forget.set(key(instance, id), { instance, id });
    }
  }

  memory(instance: string, event: EventMemory | undefined): Memory {
    if (!event) {
      return { attributes: [] };
    }
    const keys = [event.key, event.event.id, event.event.uuid];
    return { event, attributes: [...this.attributes(instance).values()].filter((row) => keys.includes(row.eventKey)) };
  }

  /** The version of an event that a destination was told, or is owed. */
  toldAt(instance: string, destination: string, eventUuid: string | undefined): number | undefined {
    return eventUuid === undefined ? undefined : this.#told.get(key(instance, destination, eventUuid));
  }

  /** What waits for knowledge about parts of an event, before it can be told to `destination`. */
  undecidedOf(event: EventMemory | undefined, destination: string): Known["undecided"] {
    return this.#undecided.filter(
      ({ instance, eventKey, destinations }) =>
        instance === event?.instance && eventKey === event.key && destinations.includes(destination),
    );
  }

  wait(undecided: Known["undecided"]): void {
    this.#undecided.push(...undecided);
  }

  tell(
    instance: string,
    destination: string,
    { eventUuid, changedAt }: { eventUuid?: string; changedAt?: number },
  ): void {
    if (eventUuid !== undefined && changedAt !== undefined) {
      this.#told.set(key(instance, destination, eventUuid), changedAt);
    }
  }

  changes(): Pick<Effects, "events" | "attributes" | "forget"> {
    return {
      events: [...this.#changed].flatMap((name) => this.#events.get(name) ?? []),
      attributes: [...this.#upsert.values()],
      forget: [...this.#forget.values()],
    };
  }

  #withUuid(instance: string, uuid: string): readonly EventMemory[] {
    return [...this.#events.values()].filter((row) => row.instance === instance && row.event.uuid === uuid);
  }
}

function changeOf(row: EventMemory | undefined): number {
  return row ? (row.event.changedAt ?? 0) : -1;
}

function key(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}
