import type { Delivery, RecordLine } from "../model.ts";

/** The line that remains of a delivery that an operator dropped. */
export function formatDropped(delivery: Delivery, by: string, at: number): RecordLine {
  const { id, destination, instance, kind, eventUuid, changedAt, routes } = delivery;
  return {
    delivery: id,
    at,
    destination,
    instance,
    kind,
    ...(eventUuid !== undefined && { eventUuid }),
    ...(changedAt !== undefined && { changedAt }),
    routes,
    outcome: "muted",
    reason: "dropped-by-operator",
    by,
  };
}
