import type { Alert } from "../../model/alert.ts";
import type { AttributeMemory, EventMemory } from "../../model/memory.ts";
import type { Delivery, RecordLine } from "../../model/outbox.ts";
import type { GroupState } from "../schedule.ts";
import type { Cell } from "./driver.ts";

// A row is the columns that a statement asks for, and the whole thing as JSON in `body`. Only the store writes these
// rows, so they are read back without a check.

export interface BodyRow {
  readonly body: string;
}
export interface EventRow extends BodyRow {
  readonly key: string;
  readonly revision: number;
}
export interface AlertRow {
  readonly delivery: string;
  readonly alert: string;
}
export interface BatchRow {
  readonly id: string;
  readonly destination: string;
  readonly show: string;
  readonly attempts: number;
  readonly first_attempt_at: number | null;
}
export interface ToldRow {
  readonly destination: string;
  readonly changed_at: number;
}
export type GroupRow = Required<GroupState>;

/** The row of an event whose revision becomes `revision`, for `putEvent`. */
export function formatEvent(event: EventMemory, revision: number, now: number): readonly Cell[] {
  return [event.instance, event.key, event.event.uuid ?? null, revision, now, JSON.stringify(event)];
}

/** The way back of `formatEvent`; the column's revision counts. */
export function parseEvent(row: EventRow): EventMemory {
  const event: EventMemory = JSON.parse(row.body);
  return { ...event, revision: row.revision };
}

/** For `putAttribute`. */
export function formatAttribute(attribute: AttributeMemory, now: number): readonly Cell[] {
  return [attribute.instance, attribute.id, attribute.eventKey, now, JSON.stringify(attribute)];
}

/** The way back of `formatAttribute`. */
export function parseAttribute(row: BodyRow): AttributeMemory {
  return JSON.parse(row.body);
}

/** For `addAlert`. */
export function formatAlert(alert: Alert): readonly Cell[] {
  return [alert.id, alert.instance, alert.event?.id ?? null, alert.event?.uuid ?? null, JSON.stringify(alert)];
}

/** The way back of `formatAlert`. */
export function parseAlert(body: string): Alert {
  return JSON.parse(body);
}

/** For `addDelivery`. */
export function formatDelivery(delivery: Delivery, groupKey: string): readonly Cell[] {
  return [
    delivery.id,
    delivery.alert,
    delivery.destination,
    groupKey,
    delivery.priority === "high" ? 1 : 0,
    delivery.createdAt,
    delivery.instance,
    delivery.kind,
    delivery.eventUuid ?? null,
    delivery.changedAt ?? null,
    JSON.stringify(delivery),
  ];
}

/** The way back of `formatDelivery`. */
export function parseDelivery(body: string): Delivery {
  return JSON.parse(body);
}

/** For `addRecord`. */
export function formatRecord(record: RecordLine): readonly Cell[] {
  const { delivery, outcome, at, destination, eventUuid } = record;
  return [delivery, outcome, at, destination, eventUuid ?? null, JSON.stringify(record)];
}

/** The way back of `formatRecord`. */
export function parseRecord(row: BodyRow): RecordLine {
  return JSON.parse(row.body);
}
