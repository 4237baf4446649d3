import type { Alert, Item } from "../model/alert.ts";
import type { AttributeFacts, Matchable } from "../model/message.ts";
import type { Delivery } from "../model/outbox.ts";
import { formatMarks } from "./evidence.ts";
import type { Owed } from "./share.ts";

/** Remembers in a delivery which of the stored items its own routes ask for: other routes tell of others. */
export function withMarks(delivery: Owed, items: readonly Item[], own: ReadonlySet<Item>): Delivery {
  if (own.size === 0 || !("evidence" in delivery) || !delivery.evidence) {
    return delivery;
  }
  const matched = formatMarks(items.length, (place) => {
    const item = items[place];
    return item !== undefined && own.has(item);
  });
  return { ...delivery, evidence: { ...delivery.evidence, matched } };
}

/** Finds what rules may ask of an attribute; there may be a hundred thousand, and most rules ask nothing of them. */
export function factsOfItems({ items }: Alert, subject: Matchable): (item: Item) => AttributeFacts | undefined {
  let places: ReadonlyMap<Item, number> | undefined;
  return (item) => {
    places ??= new Map(items.map((one, place) => [one, place]));
    const place = places.get(item);
    return place === undefined ? undefined : subject.attributes[place];
  };
}
