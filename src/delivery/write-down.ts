import type { Notices } from "../absorbing/notices.ts";
import type { Observer } from "../absorbing/observer.ts";
import type { Delivery, RecordLine, Settlement, Store } from "../model/outbox.ts";
import type { Outcome } from "../model/payload.ts";
import { recordOf } from "../model/record.ts";
import type { ToldParts } from "../model/told.ts";
import type { Departure } from "./backlog.ts";

/** What came of one attempt. */
export interface Attempt {
  /** Absent: nothing may leave. */
  readonly outcome?: Outcome;
  readonly leaving: readonly { readonly delivery: Delivery; readonly tlp: string }[];
  readonly refused: readonly RecordLine[];
  /** What waits until a silence has ended. */
  readonly held?: NonNullable<Settlement["regrouped"]>;
  /** What the destination knows of events if it has got what left. */
  readonly told?: readonly ToldParts[];
  /** How long the batch has been tried, by a clock that is never set. */
  readonly ageMs: number;
}

/** Where it is written down what became of an attempt, and who hears of it. */
export interface Writing {
  readonly store: Pick<Store, "settle">;
  readonly observer: Pick<Observer, "settled">;
  readonly notices?: Notices;
}

/** Everything of these batches is over: what left in the same way for all, and what the guard has refused. */
export async function writeEnd(
  parts: Departure["parts"],
  { leaving, refused, held, told = [] }: Pick<Attempt, "leaving" | "refused" | "held" | "told">,
  end: Pick<RecordLine, "outcome" | "reason"> | undefined,
  now: number,
  writing: Writing,
): Promise<void> {
  const lines = end ? leaving.map(({ delivery, tlp }) => recordOf(delivery, now, { ...end, tlp })) : [];
  const wasTold = end?.outcome === "sent" || end?.outcome === "unproven";
  for (const { batch, records, ...rest } of byBatch(parts, [...refused, ...lines], held)) {
    const about = new Set(records.map(({ instance, eventUuid }) => JSON.stringify([instance, eventUuid])));
    const known = wasTold
      ? told.filter(({ instance, eventUuid }) => about.has(JSON.stringify([instance, eventUuid])))
      : [];
    await write({ batch, records, ...rest, attempted: true, ...(known.length > 0 && { told: known }) }, now, writing);
  }
}

/** What the guard has refused is over; the rest of these batches is owed, and tried again `afterMs` from now. */
export async function writeRetry(
  parts: Departure["parts"],
  { refused, held }: Pick<Attempt, "refused" | "held">,
  retry: { readonly afterMs: number; readonly attempted: boolean; readonly reason: string },
  now: number,
  writing: Writing,
): Promise<void> {
  const { afterMs, ...rest } = retry;
  for (const settled of byBatch(parts, refused, held)) {
    await write({ ...settled, retryAt: now + afterMs, ...rest }, now, writing);
  }
}

/** Each batch is settled by itself, with the lines of its own deliveries. */
function byBatch(
  parts: Departure["parts"],
  lines: readonly RecordLine[],
  held: Attempt["held"] = [],
): readonly Pick<Settlement, "batch" | "records" | "regrouped">[] {
  return parts.map(({ id, entries }) => {
    const members = new Set(entries.map(({ delivery }) => delivery.id));
    const regrouped = held.filter(({ delivery }) => members.has(delivery));
    return {
      batch: id,
      records: lines.filter(({ delivery }) => members.has(delivery)),
      ...(regrouped.length > 0 && { regrouped }),
    };
  });
}

async function write(settlement: Settlement, now: number, { store, observer, notices }: Writing): Promise<void> {
  await store.settle(settlement, now);
  for (const line of settlement.records) {
    observer.settled(line);
    if (line.outcome === "dead") {
      notices?.lost(line);
    }
  }
}
