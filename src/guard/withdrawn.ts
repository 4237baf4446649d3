import type { Alert, Count, Item } from "../model/alert.ts";
import type { Memory, PartName } from "../model/memory.ts";
import { cell, cellOf, uncount } from "./tighten.ts";

/** Why nothing of an alert leaves any more: MISP has taken it back. Stable words for the record. */
export type TakenBack = "event-deleted" | "event-unpublished" | "part-deleted";

/** Kinds that tell of the taking back itself. */
const TELLING = new Set(["event.deleted", "event.unpublished", "attribute.deleted", "object.deleted"]);

/** What of an alert MISP has not taken back since it was planned. */
export function remainder(alert: Alert, memory: Memory): Alert | { readonly takenBack: TakenBack } {
  const isThere = isThereFor(alert, memory);
  const takenBack = TELLING.has(alert.kind) ? undefined : refuse(alert, memory, isThere);
  if (takenBack) {
    return { takenBack };
  }
  const items = alert.items.filter((item) => item.withdrawn || isItemThere(item, isThere));
  const objects = alert.objects.filter((object) => object.deleted || isThere("object", object.key));
  if (items.length === alert.items.length && objects.length === alert.objects.length) {
    return alert;
  }
  const kept = new Set(items);
  const counts = new Map<string, Count>(alert.counts.map((count) => [cell(count), count]));
  for (const item of alert.items) {
    if (!kept.has(item)) {
      uncount(counts, cellOf(item));
    }
  }
  return { ...alert, items, objects, counts: [...counts.values()].filter(({ n }) => n > 0) };
}

type IsThere = (part: PartName["part"], id: string | undefined) => boolean;

/** Tells of a part of an alert whether MISP still has it, as far as memory knows, or the alert tells that it has not. */
export function isThereFor({ kind }: Alert, { parts }: Memory): IsThere {
  const rows = TELLING.has(kind) ? [] : parts.filter(({ deleted }) => deleted);
  const gone = new Set(rows.map(({ part, id }) => `${part} ${id}`));
  return (part, id) => id === undefined || !gone.has(`${part} ${id}`);
}

/** What was in an object is gone with it. */
export function isItemThere({ id, objectKey }: Item, isThere: IsThere): boolean {
  return isThere("attribute", id) && isThere("object", objectKey);
}

function refuse(alert: Alert, { event }: Memory, isThere: IsThere): TakenBack | undefined {
  if (event?.deleted) {
    return "event-deleted";
  }
  if ((event?.withdrawals ?? 0) > (alert.withdrawals ?? 0)) {
    return event?.unpublished ? "event-unpublished" : "event-deleted";
  }
  const { type, id, uuid } = alert.subject;
  const about = [
    ...(type === "object" ? [isThere("object", uuid ?? id)] : []),
    ...(type === "event" ? [] : alert.items.map((item) => isItemThere(item, isThere))),
    ...(type === "attribute" ? [isThere("attribute", id)] : []),
    isThere("attribute", alert.tag?.attributeId),
  ];
  return about.every(Boolean) ? undefined : "part-deleted";
}
