import type { BatchBounds } from "../model/outbox.ts";

/** All that waits in a group leaves as one batch, unless that would not fit in memory; then the rest follows at once. */
const BOUNDS: BatchBounds = { rows: 5_000, bytes: 16 * 2 ** 20 };

/** How many of those that wait, in order, fit into one batch; at least one. What has `more` in pages leaves by itself. */
export function countFitting(
  waiting: readonly { readonly bytes: number; readonly more: number }[],
  { rows, bytes }: BatchBounds = BOUNDS,
): number {
  let sum = 0;
  const [first] = waiting;
  const end = waiting.findIndex((one, index) => {
    sum += one.bytes;
    return index > 0 && (sum > bytes || one.more > 0 || (first?.more ?? 0) > 0);
  });
  return Math.min(end < 0 ? waiting.length : end, rows);
}

/** How many of those that wait have to be looked at. */
export function rowsWithin({ rows }: BatchBounds = BOUNDS): number {
  return rows;
}
