import type { Alert } from "../../model/alert.ts";
import type { BatchId, Delivery, DeliveryId, Effects, Group } from "../../model/outbox.ts";
import type { Pacing } from "../../model/pacing.ts";
import { NO_FLOODS } from "../../pacing/flood.ts";
import { goesFirst, type Placed, type PlacedDelivery, place } from "../../pacing/place.ts";
import { isToldAs, passOn } from "../within.ts";
import { FloodRows } from "./floods.ts";
import { formatAlert, formatDelivery, parseDelivery, reminderNumber } from "./rows.ts";
import type { Statements } from "./statements.ts";

/** What becomes owed, and where it waits, in SQLite. Every call is part of a transaction. */
export class OwingRows {
  readonly #sql: Statements;

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** `more`: the bytes of each alert that are in pages. */
  apply(effects: Effects, more: ReadonlyMap<string, number>, now: number): void {
    const alerts = new Map(effects.alerts.map((alert) => [alert.id, alert]));
    const floods = new FloodRows(this.#sql);
    const around = new Map(effects.within?.map(({ delivery, publication }) => [delivery, publication]));
    for (const delivery of effects.deliveries) {
      if (this.#sql.isSettledOrOwed.get(delivery.id)) {
        continue;
      }
      const pacing = effects.pacing?.get(delivery.destination);
      if (this.#leavesWith(around.get(delivery.id), delivery, now, pacing, floods)) {
        continue;
      }
      this.#keep(alerts.get(delivery.alert), more);
      const placed = this.#place(delivery, now, pacing, floods);
      if (placed.floods) {
        floods.put(delivery.destination, placed.floods);
      }
      this.#owe(delivery, placed);
    }
    floods.write();
    for (const key of effects.complete ?? []) {
      this.#sql.completeGroup.run(now, key);
    }
  }

  /** What no pace holds, about an alert that is stored, unless it is owed or told already. */
  owe(delivery: Delivery, now: number): void {
    if (!this.#sql.isSettledOrOwed.get(delivery.id)) {
      this.#owe(delivery, this.#place(delivery, now));
    }
  }

  /** Of a batch: it leaves that, and waits in another group. */
  regroup(delivery: DeliveryId, batch: BatchId, group: Group, now: number): void {
    const moved = this.#sql.regroup.get(group.key, delivery, batch);
    if (!moved) {
      return;
    }
    const { destination, high } = moved;
    const waiting = { destination, groups: [group], priority: "normal" } as const;
    this.#join(destination, this.#place(waiting, now), high);
  }

  /** Without an alert of its own a delivery is about a stored one; the foreign key refuses it if there is none. */
  #keep(alert: Alert | undefined, more: ReadonlyMap<string, number>): void {
    if (alert && !this.#sql.hasAlert.get(alert.id)) {
      this.#sql.addAlert.run(...formatAlert(alert, more.get(alert.id) ?? 0));
    }
  }

  #owe(delivery: Delivery, placed: Placed): void {
    this.#join(delivery.destination, placed, goesFirst(delivery) ? 1 : 0);
    this.#sql.addDelivery.run(...formatDelivery(delivery, placed.key));
  }

  #place(
    delivery: PlacedDelivery & Pick<Delivery, "destination">,
    now: number,
    pacing?: Pacing,
    floods?: FloodRows,
  ): Placed {
    const { destination } = delivery;
    const stateOf = (key: string) => this.#sql.group.get(destination, key);
    return place(delivery, { pacing, stateOf, floods: floods?.of(destination) ?? NO_FLOODS, now });
  }

  #join(destination: string, { key, show, dueAt, collects }: Placed, high: number): void {
    this.#sql.joinGroup.run(destination, key, JSON.stringify(show), high, dueAt, collects ?? null);
  }

  /** Whether what is in a publication is told with it, and needs not be owed by itself. */
  #leavesWith(
    publication: DeliveryId | undefined,
    part: Delivery,
    now: number,
    pacing: Pacing | undefined,
    floods: FloodRows,
  ): boolean {
    const row = publication === undefined ? undefined : this.#sql.around.get(publication);
    if (publication === undefined || !row) {
      return false;
    }
    const owed = parseDelivery(row.body);
    if (row.batch !== null) {
      return isToldAs(owed, part);
    }
    const { dueAt } = this.#place(part, now, pacing, floods);
    if (row.dueAt === null || row.dueAt > dueAt) {
      return false;
    }
    const both = isToldAs(owed, part) ? owed : passOn(owed, part);
    if (both && both !== owed) {
      const high = goesFirst(both) ? 1 : 0;
      this.#sql.changeDelivery.run(JSON.stringify(both), high, reminderNumber(both), publication);
      if (high) {
        this.#sql.hastenGroup.run(publication);
      }
    }
    return both !== undefined;
  }
}
