import type { Alert } from "../../model/alert.ts";
import type { Listing } from "../../model/listing.ts";
import type { Alias, EventMemory, Keys, Known, Memory, PartMemory, Shown, Undecided } from "../../model/memory.ts";
import type { Effects } from "../../model/outbox.ts";
import { nameOf, partsOf } from "../names.ts";
import { isUnmoved } from "../unmoved.ts";
import type { Touched } from "./rows.ts";

/** What is remembered of events and their parts, in memory. */
export class RememberedEvents {
  readonly #events = new Map<string, Touched<{ event: EventMemory }>>();
  readonly #aliases = new Map<string, Alias>();
  readonly #parts = new Map<string, Touched<{ part: PartMemory }>>();
  readonly #listings = new Map<string, Listing>();

  /** With what of `rest`, which is all that there is, is about the events. */
  load(
    keys: Keys,
    rest: {
      readonly told: Known["told"];
      readonly undecided: readonly Undecided[];
      readonly owed: NonNullable<Known["owed"]>;
      readonly shown: readonly Shown[];
    },
  ): Known {
    const named = new Set<string>();
    const since = new Map<string, number>();
    const whole = new Set<string>();
    const aliases = new Set<Alias>();
    const parts = new Set<PartMemory>();
    for (const key of keys.events) {
      const { instance, id, uuid } = key;
      const alias = id === undefined ? undefined : this.#aliases.get(nameOf(instance, id));
      if (alias) {
        aliases.add(alias);
      }
      const name = uuid ?? alias?.key;
      // What is kept under a number belongs to the first event that is seen under it: all of it is needed then.
      const nameless = alias ? undefined : id;
      for (const [one, isWhole] of [
        [name, key.whole ?? false],
        [nameless, true],
      ] as const) {
        if (one === undefined) {
          continue;
        }
        named.add(nameOf(instance, one));
        if (isWhole) {
          whole.add(nameOf(instance, one));
        }
        if (key.shownSince !== undefined) {
          since.set(nameOf(instance, one), Math.min(key.shownSince, since.get(nameOf(instance, one)) ?? Infinity));
        }
      }
    }
    for (const { part } of this.#parts.values()) {
      const isNamed = keys.parts.some(
        (key) => key.instance === part.instance && key.part === part.part && key.id === part.id,
      );
      if (isNamed || whole.has(nameOf(part.instance, part.eventKey))) {
        parts.add(part);
      }
    }
    const owed = rest.owed.filter(({ instance, eventKey }) => whole.has(nameOf(instance, eventKey)));
    const shown = rest.shown.filter(
      ({ instance, eventUuid, changedAt }) => changedAt >= (since.get(nameOf(instance, eventUuid)) ?? Infinity),
    );
    return {
      ...(owed.length > 0 && { owed }),
      ...(shown.length > 0 && { shown }),
      events: [...named].flatMap((name) => this.#events.get(name)?.event ?? []),
      aliases: [...aliases],
      parts: [...parts],
      told: rest.told.filter(({ instance, eventUuid }) => named.has(nameOf(instance, eventUuid))),
      undecided: rest.undecided
        .filter(({ instance, eventKey }) => whole.has(nameOf(instance, eventKey)))
        .map(({ since: _, ...one }) => one),
    };
  }

  /** False: memory has moved since it was loaded, and nothing may be stored. */
  isUnmoved(effects: Effects): boolean {
    return isUnmoved(effects, (instance, key) => this.#events.get(nameOf(instance, key))?.event.revision);
  }

  apply({ events, aliases, adopted, reborn = [], parts, forget, listings = [] }: Effects, now: number): void {
    for (const event of events) {
      const next = { ...event, revision: event.revision + 1 };
      this.#events.set(nameOf(event.instance, event.key), { event: next, touchedAt: now });
    }
    for (const alias of aliases) {
      this.#aliases.set(nameOf(alias.instance, alias.id), alias);
    }
    for (const { instance, id } of adopted) {
      this.#events.delete(nameOf(instance, id));
    }
    for (const { instance, eventKey } of reborn) {
      for (const [name, { part }] of this.#parts) {
        if (part.instance === instance && part.eventKey === eventKey) {
          this.#parts.delete(name);
        }
      }
    }
    for (const listing of listings) {
      const name = nameOf(listing.instance, listing.eventKey);
      if (listing.at >= (this.#listings.get(name)?.at ?? listing.at)) {
        this.#listings.set(name, listing);
      }
    }
    for (const part of parts) {
      this.#parts.set(partName(part), { part, touchedAt: now });
    }
    for (const row of forget) {
      this.#parts.delete(partName(row));
    }
  }

  /** What is known now about the event of an alert, and about the parts that it names. */
  of(alert: Alert): Memory {
    const { instance } = alert;
    const key = this.#keyOf(alert);
    if (key === undefined) {
      return { parts: [] };
    }
    const event = this.#events.get(nameOf(instance, key))?.event;
    const rows = partsOf(alert).map((name) => this.#parts.get(partName({ instance, eventKey: key, ...name })));
    const listing = this.#listings.get(nameOf(instance, key));
    return { ...(event && { event }), ...(listing && { listing }), parts: rows.flatMap((row) => row?.part ?? []) };
  }

  /** What is known now of these attributes of an event, and of their objects. */
  named(instance: string, eventKey: string, items: Alert["items"]): readonly PartMemory[] {
    const names = partsOf({ items, objects: [], subject: { type: "event" } });
    return names.flatMap((name) => this.#parts.get(partName({ instance, eventKey, ...name }))?.part ?? []);
  }

  /** What is older goes, but for what these alerts are about. */
  prune(before: number, alerts: readonly Alert[]): void {
    const owed = new Set(alerts.map((alert) => nameOf(alert.instance, this.#keyOf(alert))));
    for (const name of this.#listings.keys()) {
      if (!owed.has(name)) {
        this.#listings.delete(name);
      }
    }
    for (const [name, { event, touchedAt }] of this.#events) {
      if (touchedAt < before && !owed.has(name)) {
        this.#events.delete(name);
        this.#dropAliases(event);
      }
    }
    for (const [name, { part, touchedAt }] of this.#parts) {
      // Without its row a part counts as no stricter than its event: it stays as long as that does.
      const event = nameOf(part.instance, part.eventKey);
      if (touchedAt < before && !this.#events.has(event) && !owed.has(event)) {
        this.#parts.delete(name);
      }
    }
  }

  #keyOf({ instance, event }: Alert): string | undefined {
    const { id, uuid } = event ?? {};
    return uuid ?? (id === undefined ? undefined : (this.#aliases.get(nameOf(instance, id))?.key ?? id));
  }

  #dropAliases({ instance, key }: EventMemory): void {
    for (const [name, alias] of this.#aliases) {
      if (alias.instance === instance && alias.key === key) {
        this.#aliases.delete(name);
      }
    }
  }
}

function partName({ instance, eventKey, part, id }: Pick<PartMemory, "instance" | "eventKey" | "part" | "id">): string {
  return nameOf(instance, eventKey, part, id);
}
