/** All that waits in a group leaves as one batch, unless that would not fit in memory; then the rest follows at once. */
export const BATCH_ROWS = 5_000;
const BATCH_BYTES = 16 * 2 ** 20;

/** How many of those that wait, in order, fit into one batch; at least one. */
export function countFitting(bytes: readonly number[]): number {
  let sum = 0;
  const end = bytes.findIndex((size, index) => {
    sum += size;
    return index > 0 && sum > BATCH_BYTES;
  });
  return Math.min(end < 0 ? bytes.length : end, BATCH_ROWS);
}
