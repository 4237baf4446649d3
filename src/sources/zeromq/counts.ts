import type { ReceiverTotals } from "./worker.ts";

type ByTopic = Readonly<Record<string, number>>;
type Totals = Pick<ReceiverTotals, "received" | "dropped" | "skipped">;

/** How many frames came, and what became of those that are not read: of all receiving threads. */
export class ReceiverCounts {
  #received = 0;
  #dropped: ByTopic = {};
  #skipped: ByTopic = {};
  #refused: ByTopic = {};

  /** A thread begins to count: gives who is told its totals, and says what is new in them. */
  begin(): (totals: Totals) => { readonly received: number; readonly dropped: ByTopic } {
    let before: Totals = { received: 0, dropped: {}, skipped: {} };
    return (totals) => {
      const received = Math.max(0, totals.received - before.received);
      const dropped = growth(before.dropped, totals.dropped);
      this.#received += received;
      this.#dropped = sum(this.#dropped, dropped);
      this.#skipped = sum(this.#skipped, growth(before.skipped, totals.skipped));
      before = totals;
      return { received, dropped };
    };
  }

  refuse(topic: string): void {
    this.#refused = sum(this.#refused, { [topic]: 1 });
  }

  get status() {
    return { received: this.#received, dropped: this.#dropped, skipped: this.#skipped, refused: this.#refused };
  }
}

function sum(one: ByTopic, more: ByTopic): ByTopic {
  return { ...one, ...Object.fromEntries(Object.entries(more).map(([key, n]) => [key, (one[key] ?? 0) + n])) };
}

/** By how much each count has grown. */
function growth(before: ByTopic, now: ByTopic): ByTopic {
  return Object.fromEntries(
    Object.entries(now)
      .map(([key, total]) => [key, total - (before[key] ?? 0)] as const)
      .filter(([, more]) => more > 0),
  );
}
