import type { Alert } from "../../model/alert.ts";
import type { Hold } from "../../model/ledger.ts";
import type { Listing } from "../../model/listing.ts";
import type { Alias, EventMemory, PartMemory } from "../../model/memory.ts";
import type { Delivery, Group, RecordLine } from "../../model/outbox.ts";
import { type BatchNote, COLLECTS } from "../../model/pacing.ts";
import type { ToldParts } from "../../model/told.ts";
import { type GroupState, goesFirst } from "../../pacing/place.ts";
import type { Cell } from "./driver.ts";

// A row is the columns that a statement asks for, and the whole thing as JSON in `body`. Only the store writes these
// rows, so that they are read back without a check of what is in them.

/** A row that is not as the store wrote it; the message quotes nothing of it. */
export class UnreadableRow extends Error {
  override readonly name = "UnreadableRow";
}

/** Reads a body of any table; throws UnreadableRow. */
export function parseBody<T extends object>(body: string): T {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UnreadableRow("A row of the state file cannot be read");
  }
  return value as T;
}

export interface BodyRow {
  readonly body: string;
}
export interface EventRow extends BodyRow {
  readonly key: string;
  readonly revision: number;
}
export interface PartRow extends BodyRow {
  readonly event_key: string;
}
export interface AliasRow {
  readonly instance: string;
  readonly id: string;
  readonly event_key: string;
  readonly unsure: number;
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
  readonly note: string | null;
  readonly group_key: string | null;
  readonly part: number | null;
  readonly parts: number | null;
  readonly delivery: string | null;
  readonly body: string | null;
}
/** A delivery that is over; `body` where reminders may follow it. */
export interface SettledRow {
  readonly alert: string;
  readonly seq: number;
  readonly version: string | null;
  readonly reminder: number | null;
  readonly created_at: number;
  readonly body: string | null;
}
export interface ToldRow {
  readonly destination: string;
  readonly changed_at: number;
  readonly version: string | null;
}
export type GroupRow = Required<GroupState>;
export interface HoldRow extends Omit<Hold, "until"> {
  readonly until: number | null;
}

/** The hold that a row is. */
export function parseHold({ until, ...hold }: HoldRow): Hold {
  return { ...hold, ...(until !== null && { until }) };
}

/** The row of an event whose revision becomes `revision`, for `putEvent`. */
export function formatEvent(event: EventMemory, revision: number, now: number): readonly Cell[] {
  return [event.instance, event.key, event.event.uuid ?? null, revision, now, JSON.stringify(event)];
}

/** The way back of `formatEvent`; the columns count. */
export function parseEvent(row: EventRow): EventMemory {
  const event = parseBody<EventMemory>(row.body);
  return { ...event, key: row.key, revision: row.revision };
}

/** For `putPart`. */
export function formatPart(row: PartMemory, now: number): readonly Cell[] {
  return [row.instance, row.eventKey, row.part, row.id, now, JSON.stringify(row)];
}

/** The way back of `formatPart`; the column's event counts. Until schema 2 only attributes had rows. */
export function parsePart(row: PartRow): PartMemory {
  const part = parseBody<PartMemory>(row.body);
  return { ...part, part: part.part ?? "attribute", eventKey: row.event_key };
}

/** The alias that a row holds. */
export function parseAlias({ instance, id, event_key, unsure }: AliasRow): Alias {
  return { instance, id, key: event_key, ...(unsure === 1 && { unsure: true as const }) };
}

/** What a body of told_parts says. */
export function parseToldParts(body: string): ToldParts {
  return parseBody(body);
}

/** What a body of listings says. */
export function parseListing(body: string): Listing {
  return parseBody(body);
}

/** For `addAlert`; `more` bytes of it are in pages. */
export function formatAlert(alert: Alert, more: number): readonly Cell[] {
  return [alert.id, alert.instance, alert.event?.id ?? null, alert.event?.uuid ?? null, JSON.stringify(alert), more];
}

/** The way back of `formatAlert`. */
export function parseAlert(body: string): Alert {
  return parseBody(body);
}

/** For `addDelivery`. */
export function formatDelivery(delivery: Delivery, groupKey: string): readonly Cell[] {
  return [
    delivery.id,
    delivery.alert,
    delivery.destination,
    groupKey,
    goesFirst(delivery) ? 1 : 0,
    delivery.createdAt,
    delivery.instance,
    delivery.kind,
    delivery.eventUuid ?? null,
    delivery.changedAt ?? null,
    delivery.version ?? null,
    reminderNumber(delivery),
    JSON.stringify(delivery),
  ];
}

/** For the column of the same name. */
export function reminderNumber({ remind, reminder }: Delivery): number | null {
  return reminder ? Math.max(1, reminder.n) : remind ? 0 : null;
}

/** The way back of `formatDelivery`. */
export function parseDelivery(body: string): Delivery {
  return parseBody(body);
}

/** For `addRecord`. */
export function formatRecord(record: RecordLine): readonly Cell[] {
  const { delivery, outcome, at, destination, eventUuid, reason } = record;
  return [delivery, outcome, at, destination, eventUuid ?? null, reason ?? null, JSON.stringify(record)];
}

/** Why a batch leaves as one; what cannot be read says nothing. */
export function parseNote(text: string | null): BatchNote | undefined {
  try {
    const note = parseBody<BatchNote>(text ?? "");
    return COLLECTS.includes(note.collects) ? note : undefined;
  } catch {
    return undefined;
  }
}

/** How many items a payload lists, as it is in a column of its own; anything that it cannot be is what a route has by default. */
export function parseShow(text: string): Group["show"] {
  const n = Number(text);
  return text === '"matched"' ? "matched" : text !== "" && Number.isInteger(n) && n >= 0 ? n : DEFAULT_SHOW;
}

const DEFAULT_SHOW = 20;

/** The way back of `formatRecord`. */
export function parseRecord(row: BodyRow): RecordLine {
  return parseBody(row.body);
}
