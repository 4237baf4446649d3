import type { EventName } from "../model/post.ts";
import { eventNameOf } from "./posts.ts";

/**
 * Of which events something became stricter while batches were on their way: what comes of those shows what was known before,
 * and is no message yet that could be looked at again. A process that is killed sends them anew, by what is known then.
 */
export class Rechecks {
  #count = 0;
  /** By event the count when it was noted, the oldest first. */
  readonly #noted = new Map<string, number>();
  /** By batch on its way the count when it was taken, the oldest first. */
  readonly #began = new Map<string, number>();

  began(batch: string): void {
    this.#began.delete(batch);
    this.#began.set(batch, this.#count);
  }

  note(events: readonly EventName[]): void {
    if (this.#began.size === 0) {
      return;
    }
    this.#count += 1;
    for (const event of events) {
      const name = eventNameOf(event);
      this.#noted.delete(name);
      this.#noted.set(name, this.#count);
    }
  }

  /** Whether one of these was noted since the batch was taken. */
  isMissed(batch: string, events: readonly EventName[]): boolean {
    const began = this.#began.get(batch) ?? Number.POSITIVE_INFINITY;
    return events.some((event) => (this.#noted.get(eventNameOf(event)) ?? 0) > began);
  }

  ended(batch: string): void {
    this.#began.delete(batch);
    const [oldest = Number.POSITIVE_INFINITY] = this.#began.values();
    for (const [name, at] of this.#noted) {
      if (at > oldest) {
        return;
      }
      this.#noted.delete(name);
    }
  }
}
