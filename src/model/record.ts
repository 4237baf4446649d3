import type { Delivery, RecordLine } from "./outbox.ts";

/** The line that remains of a delivery when it is settled. */
export function recordOf(
  delivery: Delivery,
  at: number,
  end: Pick<RecordLine, "outcome" | "reason" | "tlp" | "by" | "silence">,
): RecordLine {
  return {
    delivery: delivery.id,
    at,
    destination: delivery.destination,
    instance: delivery.instance,
    kind: delivery.kind,
    ...(delivery.eventUuid !== undefined && { eventUuid: delivery.eventUuid }),
    ...(delivery.changedAt !== undefined && { changedAt: delivery.changedAt }),
    routes: delivery.routes,
    ...(delivery.unconfirmed && { unconfirmed: true as const }),
    ...(delivery.reminder && { reminder: reminderOf(delivery.reminder) }),
    ...end,
  };
}

function reminderOf({ n, escalatedFrom }: NonNullable<Delivery["reminder"]>): NonNullable<RecordLine["reminder"]> {
  return { n, ...(escalatedFrom !== undefined && { escalatedFrom }) };
}

/** How a reminder ends that nobody needs any more. */
export function acknowledgedBy(by: string): Pick<RecordLine, "outcome" | "reason" | "by"> {
  return { outcome: "muted", reason: "acknowledged", by };
}
