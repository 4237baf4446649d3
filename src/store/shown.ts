import type { Alert } from "../model/alert.ts";
import type { Shown, Told } from "../model/memory.ts";
import type { Delivery } from "../model/outbox.ts";
import type { ToldParts } from "../model/told.ts";

/** What parts of an event ask of a publication that is owed; undefined: it is none. */
export function shownByOwed(delivery: Delivery, { parts, objectParts }: Alert, isLeaving: boolean): Shown | undefined {
  const { id, kind, instance, eventUuid, destination, changedAt, hidden, priority, mentions } = delivery;
  if (kind !== "event.published" || eventUuid === undefined || changedAt === undefined) {
    return undefined;
  }
  return {
    ...{ instance, eventUuid, destination, changedAt },
    delivery: id,
    ...(parts && { parts }),
    ...(objectParts && { objects: objectParts }),
    ...(hidden && { hidden }),
    ...(isLeaving && { isLeaving }),
    ...(priority === "high" && { urgent: true as const }),
    ...(mentions.length > 0 && { mentions }),
  };
}

/** What they ask of the publication that was told last. */
export function shownByTold({ instance, eventUuid, destination, changedAt }: Told, told: ToldParts | undefined): Shown {
  return {
    ...{ instance, eventUuid, destination, changedAt },
    ...(told && { parts: told.parts }),
    ...(told?.objects && { objects: told.objects }),
    ...(told?.urgent && { urgent: true as const }),
    ...(told?.mentions && { mentions: told.mentions }),
  };
}
