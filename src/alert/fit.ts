/** The largest whole number from 0 to `max` that fits; undefined when not even 0 does. What fits a number fits a smaller one. */
export function largest(max: number, fits: (n: number) => boolean): number | undefined {
  let low = 0;
  let high = max;
  let best: number | undefined;
  while (low <= high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) {
      best = middle;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return best;
}
