import type { Alert, Count, Item } from "../model/alert.ts";
import type { Memory } from "../model/memory.ts";
import type { Kind } from "../model/vocabulary.ts";
import { missingFrom, type NamedPart } from "./listing.ts";
import { cell, cellOf, uncount } from "./tighten.ts";

/** Why nothing of an alert leaves any more: MISP has taken it back. Stable words for the record. */
export type TakenBack = "event-deleted" | "event-unpublished" | "part-deleted";

/** Kinds that tell of the taking back itself. */
const TELLING: ReadonlySet<string | undefined> = new Set<Kind>([
  "event.deleted",
  "event.unpublished",
  "event.withdrawn",
  "attribute.deleted",
  "object.deleted",
]);

/** Whether a message of this kind tells of the taking back itself. */
export function tellsTakingBack(kind: Kind | undefined): boolean {
  return TELLING.has(kind);
}

/** What of an alert MISP has not taken back since it was planned. */
export function remainder(alert: Alert, memory: Memory): Alert | { readonly takenBack: TakenBack } {
  const isThere = isThereFor(alert, memory);
  const takenBack = refuseEvent(alert, memory) ?? (TELLING.has(alert.kind) ? undefined : refuseParts(alert, isThere));
  if (takenBack) {
    return { takenBack };
  }
  const items = alert.items.filter((item) => item.withdrawn || isItemThere(item, isThere));
  const objects = alert.objects.filter((object) => object.deleted || isThere(ofObject(object)));
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

type IsThere = (part: NamedPart) => boolean;

/**
 * Tells of a part of an alert whether MISP still has it, as far as memory knows, or the alert tells that it has not. What
 * was deleted without a word is missing in the next list of all parts.
 */
export function isThereFor({ kind, receivedAt }: Alert, { parts, listing }: Memory): IsThere {
  if (TELLING.has(kind)) {
    return () => true;
  }
  const gone = new Set(parts.filter(({ deleted }) => deleted).map(({ part, id }) => `${part} ${id}`));
  const isMissing = missingFrom(listing, receivedAt);
  return (named) => !named.names.some((name) => gone.has(`${named.part} ${name}`)) && !isMissing(named);
}

/** What was in an object is gone with it. */
export function isItemThere(item: Item, isThere: IsThere): boolean {
  const { id, uuid, objectKey, changedAt, reach } = item;
  return (
    isThere({ part: "attribute", names: [id, uuid], changedAt, reach }) &&
    isThere({ part: "object", names: [objectKey], changedAt, reach })
  );
}

/** An object as an alert names it. */
export function ofObject({ key, changedAt, reach }: Pick<Alert["objects"][number], "key" | "changedAt" | "reach">) {
  return { part: "object" as const, names: [key], changedAt, reach };
}

/** What tells of a part says what was in an event: that goes with the event, too. */
function refuseEvent(alert: Alert, { event }: Memory): TakenBack | undefined {
  if (TELLING.has(alert.kind) && alert.subject.type === "event") {
    return undefined;
  }
  if (event?.deleted) {
    return "event-deleted";
  }
  if ((event?.withdrawals ?? 0) > (alert.withdrawals ?? 0)) {
    return event?.unpublished ? "event-unpublished" : "event-deleted";
  }
  return undefined;
}

function refuseParts(alert: Alert, isThere: IsThere): TakenBack | undefined {
  const { type, id, uuid } = alert.subject;
  // Of a name alone nobody can tell whether a list is newer.
  const only = { changedAt: Number.POSITIVE_INFINITY, reach: [] };
  const about = [
    ...(type === "object" ? [isThere({ part: "object", names: [uuid ?? id], ...only })] : []),
    ...(type === "event" ? [] : alert.items.map((item) => isItemThere(item, isThere))),
    ...(type === "event" ? [] : alert.objects.map((object) => isThere(ofObject(object)))),
    ...(type === "attribute" ? [isThere({ part: "attribute", names: [id], ...only })] : []),
    isThere({ part: "attribute", names: [alert.tag?.attributeId], ...only }),
  ];
  return about.every(Boolean) ? undefined : "part-deleted";
}
