import { largest } from "../../alert/fit.ts";

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
