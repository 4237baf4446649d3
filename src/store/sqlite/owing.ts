import type { Alert } from "../../model/alert.ts";
import type { BatchId, Delivery, DeliveryId, Effects, Group } from "../../model/outbox.ts";
import type { Pacing } from "../../model/pacing.ts";
import { NO_FLOODS } from "../../pacing/flood.ts";
import { goesFirst, place } from "../../pacing/place.ts";
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
      this.#owe(delivery, pacing, floods, now);
    }
    floods.write();
    for (const key of effects.complete ?? []) {
      this.#sql.completeGroup.run(now, key, now);
    }
  }

  /** Of a batch: it leaves that, and waits in another group. */
  regroup(delivery: DeliveryId, batch: BatchId, group: Group, now: number): void {
    const moved = this.#sql.regroup.get(group.key, delivery, batch);
    if (!moved) {
      return;
    }
    const { destination, high } = moved;
    const stateOf = (key: string) => this.#sql.group.get(destination, key);
    const waiting = { groups: [group], priority: "normal" } as const;
    const {
      key,
      show,
      dueAt,
      collects = null,
    } = place(waiting, {
      ...{ pacing: undefined, stateOf, floods: NO_FLOODS, now },
    });
    this.#sql.joinGroup.run(destination, key, JSON.stringify(show), high, dueAt, collects);
  }

  /** Without an alert of its own a delivery is about a stored one; the foreign key refuses it if there is none. */
  #keep(alert: Alert | undefined, more: ReadonlyMap<string, number>): void {
    if (alert && !this.#sql.hasAlert.get(alert.id)) {
      this.#sql.addAlert.run(...formatAlert(alert, more.get(alert.id) ?? 0));
    }
  }

  #owe(delivery: Delivery, pacing: Pacing | undefined, floods: FloodRows, now: number): void {
    const { destination } = delivery;
    const stateOf = (key: string) => this.#sql.group.get(destination, key);
    const placed = place(delivery, { pacing, stateOf, floods: floods.of(destination), now });
    if (placed.floods) {
      floods.put(destination, placed.floods);
    }
    const { key, show, dueAt, collects = null } = placed;
    this.#sql.joinGroup.run(destination, key, JSON.stringify(show), goesFirst(delivery) ? 1 : 0, dueAt, collects);
    this.#sql.addDelivery.run(...formatDelivery(delivery, key));
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
    const { destination } = part;
    const stateOf = (key: string) => this.#sql.group.get(destination, key);
    const { dueAt } = place(part, { pacing, stateOf, floods: floods.of(destination), now });
    if (row.dueAt === null || row.dueAt > dueAt) {
      return false;
    }
    const both = isToldAs(owed, part) ? owed : passOn(owed, part);
    if (both && both !== owed) {
      const high = both.priority === "high" ? 1 : 0;
      this.#sql.changeDelivery.run(JSON.stringify(both), high, reminderNumber(both), publication);
      if (both.priority === "high") {
        this.#sql.hastenGroup.run(publication);
      }
    }
    return both !== undefined;
  }
}
