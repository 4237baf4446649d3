import type { Notices } from "../absorbing/notices.ts";
import type { Observer } from "../absorbing/observer.ts";
import type { Batch, Delivery, Division, RecordLine, Settlement, Store } from "../model/outbox.ts";
import type { Outcome } from "../model/payload.ts";
import type { FollowUp } from "../model/post.ts";
import { recordOf } from "../model/record.ts";
import type { ToldParts } from "../model/told.ts";
import type { Departure } from "./backlog.ts";
import { namesOf, toldInParts } from "./slice.ts";

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
  /** Of a slice: short names of what did not leave with the rest. */
  readonly missing?: readonly string[];
  readonly followUp?: FollowUp;
  /** How many attempts in a row had found the destination down when it began. */
  readonly outages: number;
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
  attempt: Pick<Attempt, "leaving" | "refused" | "held" | "told" | "missing" | "followUp">,
  end: Pick<RecordLine, "outcome" | "reason"> | undefined,
  now: number,
  writing: Writing,
): Promise<void> {
  const { leaving, refused } = attempt;
  const lines = end ? leaving.map(({ delivery, tlp }) => recordOf(delivery, now, { ...end, tlp })) : [];
  const wasTold = end?.outcome === "sent" || end?.outcome === "unproven";
  const followUp = end && attempt.followUp && endOf(attempt.followUp, wasTold);
  const settlements = byBatch(parts, [...refused, ...lines], attempt.held).map(({ part, settled }, index) => {
    const known = part.slice
      ? knownInParts(part, attempt, wasTold, now)
      : wasTold
        ? knownBy(settled.records, attempt)
        : {};
    // It is about all of them, and written down with the first.
    return { ...settled, attempted: true, ...known, ...(index === 0 && followUp && { followUp }) };
  });
  await write(settlements, now, writing);
}

/** What is withdrawn is erased, whether or not its readers could be told so. */
function endOf({ told, post, refresh, withdrawn, gone }: FollowUp, wasTold: boolean): FollowUp {
  return {
    told: wasTold ? told : [],
    ...(wasTold && post && { post }),
    ...(wasTold && refresh && { refresh }),
    ...(withdrawn && { withdrawn }),
    ...(gone !== undefined && { gone }),
  };
}

function knownBy(records: readonly RecordLine[], { told = [] }: Pick<Attempt, "told">): Pick<Settlement, "told"> {
  const about = new Set(records.map(({ instance, eventUuid }) => JSON.stringify([instance, eventUuid])));
  const known = told.filter(({ instance, eventUuid }) => about.has(JSON.stringify([instance, eventUuid])));
  return known.length > 0 ? { told: known } : {};
}

/** What the destination knows once the last part of a delivery is over, whatever became of this one. */
function knownInParts(
  { entries, slice, told: before }: Batch,
  { told = [], missing: unseen = [] }: Pick<Attempt, "told" | "missing">,
  wasTold: boolean,
  now: number,
): Pick<Settlement, "told" | "missing"> {
  const missing = wasTold ? unseen : namesOf(entries, slice);
  const last = slice?.last;
  if (!last?.told) {
    return { ...(missing.length > 0 && { missing }), ...(wasTold && told.length > 0 && { told }) };
  }
  const all = new Set([...last.missing, ...missing]);
  return { told: [toldInParts(last.told, before?.[0]?.parts, all, now)] };
}

/** What the guard has refused is over; the rest of these batches is owed, and tried again `afterMs` from now. */
export async function writeRetry(
  parts: Departure["parts"],
  { refused, held, followUp }: Pick<Attempt, "refused" | "held" | "followUp">,
  retry: {
    readonly afterMs: number;
    readonly attempted: boolean;
    readonly reason: string;
    /** It may have arrived: whoever got it is told when it is withdrawn. */
    readonly mayHaveArrived?: boolean;
  },
  now: number,
  writing: Writing,
): Promise<void> {
  const { afterMs, mayHaveArrived = false, ...rest } = retry;
  const told = mayHaveArrived ? (followUp?.told ?? []) : [];
  const noted = told.length > 0 ? { followUp: { told: told.map(({ progress: _, ...event }) => event) } } : {};
  const settlements = byBatch(parts, refused, held).map(({ settled }) => ({
    ...settled,
    retryAt: now + afterMs,
    ...rest,
    ...noted,
  }));
  await write(settlements, now, writing);
}

/** A batch leaves in parts; what the guard has refused of it is over. */
export async function writeDivision(
  division: Division,
  { refused, held = [] }: Pick<Attempt, "refused" | "held">,
  now: number,
  writing: Writing & { readonly store: Pick<Store, "settle" | "divide"> },
): Promise<void> {
  if (refused.length + held.length > 0) {
    const regrouped = held.length > 0 ? { regrouped: held } : {};
    await write([{ batch: division.batch, records: refused, ...regrouped, attempted: false }], now, writing);
  }
  await writing.store.divide(division, now);
}

/** Each batch is settled by itself, with the lines of its own deliveries. */
function byBatch(
  parts: Departure["parts"],
  lines: readonly RecordLine[],
  held: Attempt["held"] = [],
): readonly { readonly part: Batch; readonly settled: Pick<Settlement, "batch" | "records" | "regrouped"> }[] {
  return parts.map((part) => {
    const members = new Set(part.entries.map(({ delivery }) => delivery.id));
    const regrouped = held.filter(({ delivery }) => members.has(delivery));
    const records = lines.filter(({ delivery }) => members.has(delivery));
    return { part, settled: { batch: part.id, records, ...(regrouped.length > 0 && { regrouped }) } };
  });
}

async function write(
  settlements: readonly Settlement[],
  now: number,
  { store, observer, notices }: Writing,
): Promise<void> {
  for (const line of (await store.settle(settlements, now)).flat()) {
    observer.settled(line);
    if (line.outcome === "dead") {
      notices?.lost(line);
    }
  }
}
