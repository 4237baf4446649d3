import { createHash } from "node:crypto";
import type { Batch, BatchId, Delivery, Group, Store, TakeOptions } from "../model/outbox.ts";

/** What leaves as one payload: a batch as the store has formed it, or several that have waited for too long. */
export interface Departure {
  readonly batch: Batch;
  /** The batches that are settled when it is, each by itself. */
  readonly parts: readonly Batch[];
}

/** What has waited for longer than this is no news that deserves a message of its own. */
const OLD_MS = 6 * 3_600_000;
/** Bounds a digest: about what its readers are shown of one, and what is read into memory for it. */
const MAX_PARTS = 30;
const MAX_DELIVERIES = 200;
/** How many items are listed where the batches do not agree; as a route's `group.show` by default. */
const SHOW = 20;

/**
 * Joins batches into digests when much has waited: after a suspension, and after a start, which may have been what ended
 * one. What was sent before by itself stays by itself, because whoever has got it knows it under that id.
 */
export class Backlog {
  #before: number;
  /** Batches that were sent as a part of a digest, and are tried again as one. */
  readonly #joined = new Set<BatchId>();

  constructor(now: number) {
    this.#before = now - OLD_MS;
  }

  /** What is old by now leaves as digests. */
  open(now: number): void {
    this.#before = now - OLD_MS;
  }

  /** From now on everything leaves by itself again. */
  close(): void {
    this.#before = Number.NEGATIVE_INFINITY;
  }

  /** Takes from the store what leaves together with a batch; with `urgentOnly` of what goes first alone. */
  async gather(
    first: Batch,
    store: Pick<Store, "take" | "settle">,
    now: number,
    { urgentOnly = false }: Pick<TakeOptions, "urgentOnly"> = {},
  ): Promise<Departure> {
    if (!this.#isOld(first)) {
      return alone(first);
    }
    const parts = [first];
    let deliveries = first.entries.length;
    while (parts.length < MAX_PARTS && deliveries < MAX_DELIVERIES) {
      const taken = await store.take(first.destination, now, { urgentOnly, follows: true });
      if (!taken || "dueAt" in taken) {
        break;
      }
      const [batch] = taken.batches;
      if (!batch) {
        break;
      }
      if (!this.#isOld(batch)) {
        await store.settle([{ batch: batch.id, records: [], retryAt: now, attempted: false }], now);
        break;
      }
      parts.push(batch);
      deliveries += batch.entries.length;
    }
    if (parts.length === 1) {
      return alone(first);
    }
    for (const { id } of parts) {
      this.#joined.add(id);
    }
    return { batch: join(first, parts), parts };
  }

  /** Forgets what has been settled. */
  forget({ parts }: Departure): void {
    for (const { id } of parts) {
      this.#joined.delete(id);
    }
  }

  #isOld({ id, attempts, entries, note }: Batch): boolean {
    // What waited for its time is a digest already.
    return (
      !note &&
      (attempts === 0 || this.#joined.has(id)) &&
      entries.some(({ delivery }) => delivery.createdAt < this.#before)
    );
  }
}

/** A batch that leaves by itself. */
export function alone(batch: Batch): Departure {
  return { batch, parts: [batch] };
}

const nameOf = ({ eventUuid = "", id }: Delivery) => `${eventUuid} ${id}`;

/** The oldest first; the same in whatever order the store gives them. */
function byAge({ delivery: a }: Batch["entries"][number], { delivery: b }: Batch["entries"][number]): number {
  return a.createdAt - b.createdAt || (nameOf(a) < nameOf(b) ? -1 : 1);
}

function join({ destination, show }: Batch, parts: readonly Batch[]): Batch {
  // The same batches have the same id in whatever order they come: a digest that is sent again is the same one.
  const ids = parts.map(({ id }) => id).sort();
  return {
    id: createHash("sha256").update(JSON.stringify(ids)).digest("hex").slice(0, 32) as BatchId,
    destination,
    // It is as young as its youngest part.
    attempts: Math.min(...parts.map(({ attempts }) => attempts)),
    firstAttemptAt: Math.max(...parts.map(({ firstAttemptAt }) => firstAttemptAt)),
    show: parts.every((part) => part.show === show) ? show : (SHOW satisfies Group["show"]),
    entries: parts.flatMap(({ entries }) => entries).sort(byAge),
    told: parts.flatMap(({ told = [] }) => told),
    follows: parts.flatMap(({ follows = [] }) => follows),
  };
}
