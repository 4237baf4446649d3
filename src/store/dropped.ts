import type { Delivery, RecordLine } from "../model.ts";

/** The line that remains of a delivery that an operator dropped. */
export function formatDropped(delivery: Delivery, by: string, at: number): RecordLine {
  return { ...formatLine(delivery, at), outcome: "muted", reason: "dropped-by-operator", by };
}

/** The line that remains of a delivery for which there was no room. */
export function formatShed(delivery: Delivery, at: number): RecordLine {
  return { ...formatLine(delivery, at), outcome: "dead", reason: "state-full" };
}

function formatLine(delivery: Delivery, at: number): Omit<RecordLine, "outcome"> {
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
  };
}
