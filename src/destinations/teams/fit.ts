import type { Message } from "./card.ts";

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
  readonly message: Message;
  readonly text: string;
}

/** The largest number up to `max` of which the message fits; undefined when not even that of 0 does. */
export function largest(max: number, format: (n: number) => Message): (Fitting & { readonly n: number }) | undefined {
  let low = 0;
  let high = max;
  let best: (Fitting & { readonly n: number }) | undefined;
  while (low <= high) {
    const n = Math.ceil((low + high) / 2);
    const message = format(n);
    const text = JSON.stringify(message);
    if (sizeOf(text) <= MAX_BYTES) {
      best = { n, message, text };
      low = n + 1;
    } else {
      high = n - 1;
    }
  }
  return best;
}
