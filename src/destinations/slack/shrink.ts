/** How much of each part a message has. */
export type Amounts<Part extends string> = Readonly<Record<Part, number>>;

/**
 * The largest amounts of which `fits` holds, given up in the given order: all of a part goes before the next one is
 * touched. Where nothing fits, nothing of these parts is left.
 */
export function shrink<Part extends string>(
  whole: Amounts<Part>,
  order: readonly Part[],
  fits: (amounts: Amounts<Part>) => boolean,
): Amounts<Part> {
  let amounts = whole;
  for (const part of order) {
    if (fits(amounts)) {
      return amounts;
    }
    const { [part]: most } = amounts;
    const n = largest(most, (limit) => fits({ ...amounts, [part]: limit }));
    amounts = { ...amounts, [part]: n ?? 0 };
  }
  return amounts;
}

/** The largest number up to `max` that fits; undefined when not even 0 does. */
function largest(max: number, fits: (n: number) => boolean): number | undefined {
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
