import type { ChangeableMessage, OwedLine } from "../model/ledger.ts";
import type { RecordLine } from "../model/outbox.ts";
import type { Reminder } from "../model/remind.ts";
import type { Explained, OwedDocument, RecordDocument } from "./documents.ts";

/** ISO 8601; undefined for what is no instant: MISP's clock may show any number. */
export function formatInstant(at: number | undefined): string | undefined {
  const date = new Date(at ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** An instant by our own clock. */
export function formatOurs(at: number): string {
  return formatInstant(at) ?? "unknown";
}

export function formatOwed(line: OwedLine, held: OwedDocument["held"]): OwedDocument {
  const { id, destination, instance, kind, eventUuid, routes, priority, createdAt } = line.delivery;
  return {
    id,
    destination,
    instance,
    kind,
    ...(eventUuid !== undefined && { event_uuid: eventUuid }),
    routes: [...routes],
    priority,
    state: line.standing,
    ...(held !== undefined && { held }),
    ...(line.silence !== undefined && { silence: line.silence }),
    ...(line.collects !== undefined && { collected: line.collects }),
    ...formatReminder(line.delivery.reminder),
    owed_since: formatOurs(createdAt),
    due_at: formatOurs(line.dueAt),
    attempts: line.attempts,
    ...(line.firstAttemptAt !== undefined && { first_attempt_at: formatOurs(line.firstAttemptAt) }),
    ...(line.reason !== undefined && { last_reason: line.reason }),
  };
}

export function formatRecorded(line: RecordLine): RecordDocument {
  const { at, delivery, destination, instance, kind, eventUuid, routes, outcome, reason, tlp, times, by, silence } =
    line;
  const changedAt = formatInstant(line.changedAt);
  return {
    at: formatOurs(at),
    delivery,
    destination,
    instance,
    kind,
    ...(eventUuid !== undefined && { event_uuid: eventUuid }),
    ...(changedAt !== undefined && { event_changed_at: changedAt }),
    routes: [...routes],
    outcome,
    ...(reason !== undefined && { reason }),
    ...(tlp !== undefined && { tlp }),
    ...(times !== undefined && { times }),
    ...(by !== undefined && { by }),
    ...(silence !== undefined && { silence }),
    ...(line.unconfirmed && { unconfirmed: true }),
    ...formatReminder(line.reminder),
  };
}

/** A message that may still be changed. */
export function formatMessage(
  instance: string,
  { destination, at, isReply, pending }: ChangeableMessage,
): Explained["messages"][number] {
  return {
    ...{ instance, destination, sent_at: formatOurs(at), reply: isReply },
    ...(pending && {
      change: {
        since: formatOurs(pending.since),
        due_at: formatOurs(pending.dueAt),
        urgent: pending.isUrgent,
        attempts: pending.attempts,
        ...(pending.reason !== undefined && { last_reason: pending.reason }),
      },
    }),
  };
}

function formatReminder(reminder: (Pick<Reminder, "n" | "escalatedFrom"> & Partial<Reminder>) | undefined) {
  if (!reminder) {
    return {};
  }
  const { n, of, escalatedFrom } = reminder;
  return {
    reminder: {
      n,
      ...(of !== undefined && { of }),
      ...(escalatedFrom !== undefined && { escalated_from: escalatedFrom }),
    },
  };
}
