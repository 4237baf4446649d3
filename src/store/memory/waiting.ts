import type { Alert } from "../../model/alert.ts";
import type { Delivery, DeliveryId, Effects, Group } from "../../model/outbox.ts";
import type { Floods, Pacing } from "../../model/pacing.ts";
import { NO_FLOODS } from "../../pacing/flood.ts";
import { type PlacedDelivery, place } from "../../pacing/place.ts";
import { nameOf } from "../names.ts";
import { wasTold } from "../part-ends.ts";
import { isToldAs, passOn } from "../within.ts";
import type { Tables } from "./rows.ts";

/** What becomes owed, and where it waits, in memory. */
export class Waiting {
  readonly #tables: Tables;
  #seq = 0;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** What `accept` has let pass is owed. */
  apply(accepted: ReturnType<Waiting["accept"]>, effects: Effects, now: number): void {
    const around = new Map(effects.within?.map(({ delivery, publication }) => [delivery, publication]));
    for (const { delivery, alert } of accepted) {
      if (this.#leavesWith(around.get(delivery.id), delivery, effects.pacing?.get(delivery.destination), now)) {
        continue;
      }
      this.owe(delivery, alert, this.place(delivery, effects.pacing?.get(delivery.destination), now));
    }
    for (const [name, state] of this.#tables.groups) {
      const isComplete = effects.complete?.includes(state.group.key) && typeof state.dueAt === "number";
      if (isComplete) {
        this.#tables.groups.set(name, { ...state, dueAt: Math.min(state.dueAt, now) });
      }
    }
  }

  /** It waits in that group from now on. */
  owe(delivery: Delivery, alert: Alert, groupKey: string): void {
    this.#seq += 1;
    this.#tables.owed.set(delivery.id, { seq: this.#seq, delivery, alert, groupKey, owedSince: delivery.createdAt });
  }

  /** Of a batch: it leaves that, and waits in another group. */
  regroup(delivery: DeliveryId, batch: string, group: Group, now: number): void {
    const owed = this.#tables.owed.get(delivery);
    if (owed?.batch === batch) {
      const { batch: _, ...rest } = owed;
      const groupKey = this.place({ ...rest.delivery, groups: [group] }, undefined, now);
      this.#tables.owed.set(delivery, { ...rest, groupKey });
    }
  }

  /** The deliveries that are neither owed nor told yet, with their alerts; the first alert under an id counts. */
  accept(effects: Effects): readonly { readonly delivery: Delivery; readonly alert: Alert }[] {
    const alerts = new Map(effects.alerts.map((alert) => [alert.id, alert]));
    for (const { alert } of this.#tables.owed.values()) {
      alerts.set(alert.id, alert);
    }
    const told = new Set(this.#tables.records.filter(wasTold).map((record) => record.delivery));
    const accepted = new Map<string, { delivery: Delivery; alert: Alert }>();
    for (const delivery of effects.deliveries) {
      if (accepted.has(delivery.id) || this.#tables.owed.has(delivery.id) || told.has(delivery.id)) {
        continue;
      }
      const alert = alerts.get(delivery.alert);
      if (!alert) {
        throw new Error("A delivery refers to an alert that is not there");
      }
      if (delivery.groups.length === 0) {
        throw new Error("A delivery names no group to leave in");
      }
      accepted.set(delivery.id, { delivery, alert });
    }
    return [...accepted.values()];
  }

  /** Lets a delivery wait where it leaves first; gives the key of the group. */
  place(delivery: PlacedDelivery & Pick<Delivery, "destination">, pacing: Pacing | undefined, now: number): string {
    const { destination } = delivery;
    const placed = place(delivery, {
      pacing,
      stateOf: (key) => this.#tables.groups.get(nameOf(destination, key)),
      floods: this.#floodsOf(destination),
      now,
    });
    const { key, show, dueAt, collects, floods } = placed;
    if (floods) {
      this.#tables.floods.set(destination, floods);
    }
    const name = nameOf(destination, key);
    this.#tables.groups.set(name, {
      ...this.#tables.groups.get(name),
      destination,
      group: { key, show },
      dueAt,
      collects,
    });
    return key;
  }

  /** Whether what is in a publication is told with it, and needs not be owed by itself. */
  #leavesWith(publication: DeliveryId | undefined, part: Delivery, pacing: Pacing | undefined, now: number): boolean {
    const owed = publication === undefined ? undefined : this.#tables.owed.get(publication);
    if (!owed) {
      return false;
    }
    if (owed.batch !== undefined) {
      return isToldAs(owed.delivery, part);
    }
    const { destination } = part;
    const stateOf = (key: string) => this.#tables.groups.get(nameOf(destination, key));
    const { dueAt } = place(part, { pacing, stateOf, floods: this.#floodsOf(destination), now });
    if ((stateOf(owed.groupKey)?.dueAt ?? Number.POSITIVE_INFINITY) > dueAt) {
      return false;
    }
    const both = isToldAs(owed.delivery, part) ? owed.delivery : passOn(owed.delivery, part);
    if (both) {
      this.#tables.owed.set(both.id, { ...owed, delivery: both });
    }
    return both !== undefined;
  }

  #floodsOf(destination: string): Floods {
    return this.#tables.floods.get(destination) ?? NO_FLOODS;
  }
}
