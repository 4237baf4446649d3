import type { Shown, Told } from "../../model/memory.ts";
import type { Batch, Delivery, Effects } from "../../model/outbox.ts";
import { TOLD_PARTS_MS, type ToldParts } from "../../model/told.ts";
import { nameOf } from "../names.ts";
import { shownByOwed, shownByTold } from "../shown.ts";
import type { RememberedEvents } from "./events.ts";
import type { OwedDelivery, Tables, Versioned } from "./rows.ts";

/** What destinations were told of events, in memory. */
export class ToldEvents {
  readonly #tables: Tables;
  readonly #memory: RememberedEvents;

  constructor(tables: Tables, memory: RememberedEvents) {
    this.#tables = tables;
    this.#memory = memory;
  }

  /** The destination knows this of an event from now on. */
  keep(told: readonly ToldParts[], now: number): void {
    for (const parts of told) {
      this.#tables.toldParts.set(toldName(parts), { parts, touchedAt: now });
    }
  }

  /** Events that were made anew have other parts than those that were told. */
  forget(reborn: NonNullable<Effects["reborn"]>): void {
    for (const [name, { parts }] of this.#tables.toldParts) {
      if (reborn.some(({ instance, eventKey }) => instance === parts.instance && eventKey === parts.eventUuid)) {
        this.#tables.toldParts.delete(name);
      }
    }
  }

  /** It was told what it was owed. */
  put(owed: OwedDelivery, now: number): void {
    const told = toldOf(owed.delivery);
    if (!told) {
      return;
    }
    const name = toldName(told);
    const before = this.#tables.told.get(name);
    // A reminder tells nothing new, but to readers who were not told before.
    if (before && owed.delivery.reminder) {
      return;
    }
    const one = { told, seq: owed.seq };
    this.#tables.told.set(name, { ...(before && before.seq > one.seq ? before : one), touchedAt: now });
  }

  /** What the destination was told of the events of these deliveries. */
  of(entries: Batch["entries"]): NonNullable<Batch["told"]> {
    // A reminder is not compared with what it reminds of.
    const news = entries.filter(({ delivery }) => !delivery.reminder);
    const names = new Set(news.flatMap(({ delivery }) => nameOfEvent(delivery) ?? []));
    return [...names].flatMap((name) => {
      const parts = this.#tables.toldParts.get(name)?.parts;
      if (!parts) {
        return [];
      }
      return [{ parts, rows: this.#memory.named(parts.instance, parts.eventUuid, parts.named) }];
    });
  }

  /** What was planned last counts, also where a clock that was wrong then makes it seem newer or older than it is. */
  newest(): readonly Told[] {
    const owed = [...this.#tables.owed.values()].flatMap(({ delivery, seq }) => {
      const told = delivery.reminder ? undefined : toldOf(delivery);
      return told ? [{ told, seq }] : [];
    });
    const newest = new Map<string, Versioned>();
    for (const one of [...this.#tables.told.values(), ...owed]) {
      const name = toldName(one.told);
      if ((newest.get(name)?.seq ?? 0) < one.seq) {
        newest.set(name, one);
      }
    }
    return [...newest.values()].map(({ told }) => told);
  }

  /** What parts of events ask of the publications that were told, or are owed. */
  shown(): readonly Shown[] {
    const news = [...this.#tables.owed.values()].filter(({ delivery }) => !delivery.reminder);
    const owed = news.sort((a, b) => b.seq - a.seq);
    return [
      ...owed.flatMap(({ delivery, alert, batch }) => shownByOwed(delivery, alert, batch !== undefined) ?? []),
      ...[...this.#tables.told.values()].map(({ told }) =>
        shownByTold(told, this.#tables.toldParts.get(toldName(told))?.parts),
      ),
    ];
  }

  /** What is older goes, but for events that something is owed about. */
  prune(before: number, now: number, isOwed: (instance: string, uuid: string) => boolean): void {
    for (const [name, { parts, touchedAt }] of this.#tables.toldParts) {
      if (touchedAt < (parts.whole ? before : Math.max(before, now - TOLD_PARTS_MS))) {
        this.#tables.toldParts.delete(name);
      }
    }
    for (const [name, { told, touchedAt }] of this.#tables.told) {
      if (touchedAt < before && !isOwed(told.instance, told.eventUuid)) {
        this.#tables.told.delete(name);
      }
    }
  }
}

const nameOfEvent = ({ instance, eventUuid, destination }: Delivery) =>
  eventUuid === undefined ? undefined : toldName({ instance, eventUuid, destination });
const toldName = (told: Pick<Told, "instance" | "eventUuid" | "destination">) =>
  nameOf(told.instance, told.eventUuid, told.destination);

/** Only publications are versions of an event. */
function toldOf({ kind, instance, eventUuid, destination, changedAt, version }: Delivery): Told | undefined {
  if (kind !== "event.published" || eventUuid === undefined || changedAt === undefined) {
    return undefined;
  }
  return { instance, eventUuid, destination, changedAt, ...(version !== undefined && { version }) };
}
