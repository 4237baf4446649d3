import type { RecordLine } from "../model/outbox.ts";

/** A burst of frames about one event that is refused everywhere would be a line each: only its reason is worth reading. */
export function isRepeatable({ outcome, eventUuid, reason }: RecordLine): boolean {
  return outcome === "refused" && eventUuid !== undefined && reason !== undefined;
}

/** The later line, standing for both. */
export function addUp(earlier: RecordLine, later: RecordLine): RecordLine {
  return { ...later, times: (earlier.times ?? 1) + (later.times ?? 1) };
}

/** Whether two lines say the same of the same event. */
export function isSameRefusal(one: RecordLine, other: RecordLine): boolean {
  return (
    isRepeatable(one) &&
    isRepeatable(other) &&
    one.eventUuid === other.eventUuid &&
    one.destination === other.destination &&
    one.reason === other.reason
  );
}

/** These lines, where those that repeat each other are one that counts. */
export function countRefusals(lines: readonly RecordLine[]): readonly RecordLine[] {
  const counted = new Map<string, RecordLine>();
  for (const [index, line] of lines.entries()) {
    const { eventUuid, destination, reason } = line;
    const key = JSON.stringify(isRepeatable(line) ? [eventUuid, destination, reason] : index);
    const before = counted.get(key);
    counted.set(key, before ? addUp(before, line) : line);
  }
  return [...counted.values()];
}
