import type { Alert } from "../model/alert.ts";
import type { PartName } from "../model/memory.ts";
import type { Delivery } from "../model/outbox.ts";

/** The parts whose markings and reach matter to an alert, each once: those that are in it, and those that it is about. */
export function partsOf({
  items,
  objects,
  subject,
  tag,
}: Pick<Alert, "items" | "objects" | "subject" | "tag">): readonly PartName[] {
  const attributes = [subject.type === "attribute" ? subject.id : undefined, tag?.attributeId];
  const keys = [subject.type === "object" ? (subject.uuid ?? subject.id) : undefined];
  return [
    ...named("attribute", [...attributes, ...items.map(({ id }) => id)]),
    ...named("object", [...keys, ...objects.map(({ key }) => key), ...items.map(({ objectKey }) => objectKey)]),
  ];
}

function named(part: PartName["part"], ids: readonly (string | undefined)[]): readonly PartName[] {
  return [...new Set(ids)].flatMap((id) => (id === undefined ? [] : [{ part, id }]));
}

/** The alert with what a delivery of it was matched by, of which not everything is stored with the alert. */
export function judgedOf(alert: Alert, { evidence }: Delivery): Alert {
  return evidence ? { ...alert, items: [...alert.items, ...evidence.items] } : alert;
}

/** One text for a name of several parts, as the key of a map; no two names share one. */
export function nameOf(...parts: readonly (string | undefined)[]): string {
  return JSON.stringify(parts);
}
