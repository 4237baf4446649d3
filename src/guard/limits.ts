import type { GuardedAlert } from "../model/payload.ts";

// What an alert keeps at most when it is stored.
export const MAX_OBJECTS = 100;
export const MAX_TAGS = 200;
export const MAX_TEXT = 2000;

/** Whether something of what these readers may see may have been left out, or cut short, when the alert was stored. */
export function mayBeCut({ event, items, counts, objects }: GuardedAlert["alert"]): boolean {
  const texts = [event?.info, ...items.flatMap(({ value, comment }) => [value, comment])];
  return (
    counts.reduce((sum, { n }) => sum + n, 0) > items.length ||
    objects.length >= MAX_OBJECTS ||
    (event?.tags?.length ?? 0) >= MAX_TAGS ||
    (event?.clusters?.length ?? 0) >= MAX_TAGS ||
    items.some(({ tags }) => tags.length >= MAX_TAGS) ||
    texts.some((text) => text !== undefined && text.length > MAX_TEXT)
  );
}
