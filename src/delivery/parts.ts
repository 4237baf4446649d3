import type { Batch, Division, PartContent } from "../model/outbox.ts";
import type { Collects } from "../model/pacing.ts";
import type { Destination, Payload } from "../model/payload.ts";

/** More messages than these no digest is; the last one counts what it does not show. */
const MAX_PARTS = 10;
/** As many alerts as one message tells in some words. */
const MAX_ENTRIES = 30;

/** What leaves together without being a flood. */
const NUMBERED: readonly Collects[] = ["digest", "quiet", "reminder"];

/**
 * Cuts a digest that people asked for, what quiet hours held, or reminders, into messages in which the channel shows each alert; undefined:
 * it is one. The gravest are in the first.
 */
export function partsOf(
  { id, note, part }: Pick<Batch, "id" | "note" | "part">,
  payload: Payload,
  { fits }: Pick<Destination, "fits">,
): Division | undefined {
  if (!fits || part || !note || !NUMBERED.includes(note.collects) || payload.entries.length < 2) {
    return undefined;
  }
  const parts: PartContent[] = [];
  let left = payload.entries;
  while (left.length > 0) {
    const n = parts.length + 1 < MAX_PARTS ? fitting(left, (some) => fits({ ...payload, entries: some })) : left.length;
    parts.push({ deliveries: left.slice(0, n).flatMap(({ deliveries }) => deliveries) });
    left = left.slice(n);
  }
  return parts.length > 1 ? { batch: id, parts, told: [] } : undefined;
}

/** How many of these fit together; at least one. */
function fitting(entries: Payload["entries"], fits: (some: Payload["entries"]) => boolean): number {
  let low = 1;
  let high = Math.min(entries.length, MAX_ENTRIES);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(entries.slice(0, middle))) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}
