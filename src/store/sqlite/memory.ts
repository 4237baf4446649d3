import type { Alert } from "../../model/alert.ts";
import type {
  Alias,
  EventMemory,
  Keys,
  Known,
  Memory,
  PartMemory,
  PartName,
  ReachedDestination,
  Shown,
  Told,
} from "../../model/memory.ts";
import type { Effects } from "../../model/outbox.ts";
import { nameOf, partsOf } from "../names.ts";
import { shownByOwed, shownByTold } from "../shown.ts";
import { isUnmoved } from "../unmoved.ts";
import type { PostRows } from "./posts.ts";
import {
  formatEvent,
  formatPart,
  parseAlert,
  parseAlias,
  parseDelivery,
  parseEvent,
  parseListing,
  parsePart,
  parseToldParts,
} from "./rows.ts";
import type { Statements } from "./statements.ts";
import type { UndecidedRows } from "./undecided.ts";

/** What is remembered of events, their parts and who was told, in SQLite. Every call is part of a transaction. */
export class MemoryRows {
  readonly #sql: Statements;
  readonly #undecided: UndecidedRows;

  constructor(sql: Statements, undecided: UndecidedRows) {
    this.#sql = sql;
    this.#undecided = undecided;
  }

  load(keys: Keys, posts: PostRows): Known {
    const found = new Found();
    for (const { instance, id, uuid, whole = false, shownSince, reached } of keys.events) {
      const alias = id === undefined ? undefined : this.#sql.alias.get(instance, id);
      if (alias) {
        found.alias(parseAlias(alias));
      }
      // What is kept under a number belongs to the first event that is seen under it: all of it is needed then.
      const nameless = alias ? undefined : id;
      const key = uuid ?? alias?.event_key;
      this.#find(instance, key, whole, found);
      this.#find(instance, nameless, true, found);
      if (key !== undefined && shownSince !== undefined) {
        found.shown(instance, key, shownSince);
      }
      if (key !== undefined && reached) {
        found.reached(posts.reached(instance, key, reached === "parts"));
      }
    }
    for (const { instance, part, id } of keys.parts) {
      for (const row of this.#sql.partsNamed.all(instance, part, id)) {
        found.part(parsePart(row));
      }
    }
    const shown = found.shownSince().flatMap((event) => this.#shown(event));
    return { ...found.known(), ...(shown.length > 0 && { shown }) };
  }

  /** False: memory has moved since it was loaded, and nothing may be stored. */
  isUnmoved(effects: Effects): boolean {
    return isUnmoved(effects, (instance, key) => this.#sql.eventByKey.get(instance, key)?.revision);
  }

  apply({ events, aliases, adopted, reborn = [], parts, forget, listings = [] }: Effects, now: number): void {
    for (const event of events) {
      this.#sql.putEvent.run(...formatEvent(event, event.revision + 1, now));
    }
    for (const { instance, id, key, unsure } of aliases) {
      this.#sql.putAlias.run(instance, id, key, unsure ? 1 : 0);
    }
    for (const { instance, id, key } of adopted) {
      this.#sql.dropEvent.run(instance, id);
      this.#undecided.rename(instance, id, key);
    }
    for (const { instance, eventKey } of reborn) {
      this.#sql.forgetParts.run(instance, eventKey);
      this.#sql.forgetToldParts.run(instance, eventKey);
    }
    for (const listing of listings) {
      this.#sql.putListing.run(listing.instance, listing.eventKey, listing.at, JSON.stringify(listing));
    }
    for (const part of parts) {
      this.#sql.putPart.run(...formatPart(part, now));
    }
    for (const { instance, eventKey, part, id } of forget) {
      this.#sql.forgetPart.run(instance, eventKey, part, id);
    }
  }

  /** What is known now about the event of an alert, and about the parts that it names. */
  of(alert: Alert): Memory {
    const { instance } = alert;
    const { id, uuid } = alert.event ?? {};
    const alias = uuid === undefined && id !== undefined ? this.#sql.alias.get(instance, id) : undefined;
    const key = uuid ?? alias?.event_key ?? id;
    if (key === undefined) {
      return { parts: [] };
    }
    const event = this.#sql.eventByKey.get(instance, key);
    const listing = this.#sql.listing.get(instance, key);
    return {
      ...(event && { event: parseEvent(event) }),
      ...(listing && { listing: parseListing(listing.body) }),
      parts: this.#named(instance, key, partsOf(alert)),
    };
  }

  /** What is known now of these attributes of an event, and of their objects. */
  named(instance: string, eventKey: string, items: Alert["items"]): readonly PartMemory[] {
    return this.#named(instance, eventKey, partsOf({ items, objects: [], subject: { type: "event" } }));
  }

  #named(instance: string, eventKey: string, names: readonly PartName[]): readonly PartMemory[] {
    if (names.length === 0) {
      return [];
    }
    const asked = JSON.stringify(names.map(({ part, id }) => [part, id]));
    return this.#sql.partsOfNames.all(instance, eventKey, asked).map(parsePart);
  }

  #shown({ instance, key, since }: Asked): readonly Shown[] {
    const owed = this.#sql.shownOwed
      .all(instance, key, since)
      .flatMap(
        ({ delivery, alert, batch }) => shownByOwed(parseDelivery(delivery), parseAlert(alert), batch !== null) ?? [],
      );
    const told = this.#sql.shownTold.all(instance, key, since).map(({ destination, changed_at: changedAt, body }) => {
      const parts = body === null ? undefined : parseToldParts(body);
      return shownByTold({ instance, eventUuid: key, destination, changedAt }, parts);
    });
    return [...owed, ...told];
  }

  #find(instance: string, key: string | undefined, whole: boolean, found: Found): void {
    if (key === undefined) {
      return;
    }
    const row = this.#sql.eventByKey.get(instance, key);
    found.told(instance, key, () =>
      this.#sql.told.all(instance, key).map((told) => ({
        ...{ instance, eventUuid: key, destination: told.destination },
        changedAt: told.changed_at,
        ...(told.version !== null && { version: told.version }),
      })),
    );
    if (row) {
      found.event(parseEvent(row));
    }
    if (!whole) {
      return;
    }
    for (const part of this.#sql.partsOfEvent.all(instance, key)) {
      found.part(parsePart(part));
    }
    if (this.#sql.isOwed.get(instance, key)) {
      found.owed(instance, key);
    }
    found.undecided(instance, key, () => this.#undecided.load(instance, key));
  }
}

/** An event of which it is asked what was told since then. */
interface Asked {
  readonly instance: string;
  readonly key: string;
  readonly since: number;
}

/** What was found so far, each once. */
class Found {
  readonly #asked = new Map<string, Asked>();
  readonly #events = new Map<string, EventMemory>();
  readonly #aliases = new Map<string, Alias>();
  readonly #parts = new Map<string, PartMemory>();
  readonly #told = new Map<string, readonly Told[]>();
  readonly #undecided = new Map<string, Known["undecided"]>();
  readonly #owed = new Map<string, NonNullable<Known["owed"]>[number]>();
  readonly #reached = new Map<string, ReachedDestination>();

  reached(all: readonly ReachedDestination[]): void {
    for (const one of all) {
      const name = nameOf(one.instance, one.eventUuid, one.destination);
      this.#reached.set(name, { ...this.#reached.get(name), ...one });
    }
  }

  event(event: EventMemory): void {
    this.#events.set(nameOf(event.instance, event.key), event);
  }

  alias(alias: Alias): void {
    this.#aliases.set(nameOf(alias.instance, alias.id), alias);
  }

  part(row: PartMemory): void {
    this.#parts.set(nameOf(row.instance, row.eventKey, row.part, row.id), row);
  }

  told(instance: string, key: string, read: () => readonly Told[]): void {
    const name = nameOf(instance, key);
    if (!this.#told.has(name)) {
      this.#told.set(name, read());
    }
  }

  undecided(instance: string, key: string, read: () => Known["undecided"]): void {
    const name = nameOf(instance, key);
    if (!this.#undecided.has(name)) {
      this.#undecided.set(name, read());
    }
  }

  owed(instance: string, eventKey: string): void {
    this.#owed.set(nameOf(instance, eventKey), { instance, eventKey });
  }

  shown(instance: string, key: string, since: number): void {
    const name = nameOf(instance, key);
    const before = this.#asked.get(name)?.since ?? Number.POSITIVE_INFINITY;
    this.#asked.set(name, { instance, key, since: Math.min(since, before) });
  }

  shownSince(): readonly Asked[] {
    return [...this.#asked.values()];
  }

  known(): Known {
    return {
      ...(this.#owed.size > 0 && { owed: [...this.#owed.values()] }),
      ...(this.#reached.size > 0 && { reached: [...this.#reached.values()] }),
      events: [...this.#events.values()],
      aliases: [...this.#aliases.values()],
      parts: [...this.#parts.values()],
      told: [...this.#told.values()].flat(),
      undecided: [...this.#undecided.values()].flat(),
    };
  }
}
