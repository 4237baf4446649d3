import { largest as largestNumber } from "../../alert/fit.ts";
import type { CardMessage } from "./card.ts";

/**
 * Teams takes about 28 KB of a message and counts UTF-16 on the way: 14,000 characters of ASCII have been refused. The flow
 * reports that nowhere but in its run history, so that the margin has to be on our side.
 */
export const MAX_BYTES = 26_000;

/** The size of a message as Teams may count it: in UTF-8 or UTF-16, whichever is more. */
export function sizeOf(json: string): number {
  return Math.max(Buffer.byteLength(json), 2 * json.length);
}

/** A message with its text as it is sent. */
export interface Fitting {
  readonly message: CardMessage;
  readonly text: string;
}

/** The message with the largest number up to `max` with which it fits; undefined when not even that of 0 does. */
export function largest(
  max: number,
  format: (n: number) => CardMessage,
): (Fitting & { readonly n: number }) | undefined {
  const sized = (n: number) => {
    const message = format(n);
    return { n, message, text: JSON.stringify(message) };
  };
  const n = largestNumber(max, (candidate) => sizeOf(sized(candidate).text) <= MAX_BYTES);
  return n === undefined ? undefined : sized(n);
}
