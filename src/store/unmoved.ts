import type { Effects } from "../model/outbox.ts";

/** Whether memory still has the revisions that these effects were derived from; false: nothing of them may be stored. */
export function isUnmoved(
  { events, adopted, unmoved = [] }: Effects,
  revisionOf: (instance: string, key: string) => number | undefined,
): boolean {
  const rows = [
    ...events,
    ...unmoved,
    ...adopted.map(({ instance, id, revision }) => ({ instance, key: id, revision })),
  ];
  return rows.every(({ instance, key, revision }) => (revisionOf(instance, key) ?? 0) === revision);
}
