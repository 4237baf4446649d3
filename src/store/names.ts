import type { Alert } from "../model/alert.ts";
import type { Delivery } from "../model/outbox.ts";

/** The attributes whose markings matter to an alert: those that are in it, and those that it is about. */
export function attributeIdsOf({ items, subject, tag }: Alert): ReadonlySet<string> {
  const about = [subject.type === "attribute" ? subject.id : undefined, tag?.attributeId];
  return new Set([...items.map(({ id }) => id), ...about].filter((id) => id !== undefined));
}

/** The alert with what a delivery of it was matched by, of which not everything is stored with the alert. */
export function judgedOf(alert: Alert, { evidence }: Delivery): Alert {
  return evidence ? { ...alert, items: [...alert.items, ...evidence.items] } : alert;
}

/** One text for a name of several parts, as the key of a map; no two names share one. */
export function nameOf(...parts: readonly (string | undefined)[]): string {
  return JSON.stringify(parts);
}
