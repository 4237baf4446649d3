import type { Planner } from "../absorbing/absorb.ts";
import { type Heartbeat, unheard } from "../base/liveness.ts";
import type { Cursor, EventMemory } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { EventView } from "../model/misp.ts";
import type { FetchedEvent } from "../planning/enrich.ts";
import type { Budget } from "./budget.ts";
import { ASK_MS, type KeyRefused, type Unanswered } from "./question.ts";

/** An event as it is now, and when MISP published it last, by MISP's clock. */
export interface ListedEvent {
  readonly event: EventView;
  readonly publishedAt: number;
  /** When MISP was asked, by our clock. */
  readonly askedAt?: number;
}

/** One page of what MISP published, oldest first; instants by MISP's clock. */
export type Published =
  | {
      readonly kind: "page";
      readonly events: readonly ListedEvent[];
      readonly more: boolean;
      /** MISP's clock when it answered. */
      readonly servedAt?: number;
    }
  | Unanswered
  | KeyRefused
  | { readonly kind: "not-found"; readonly reason: string; readonly hint?: string };

/** What has not been told, the oldest first. */
export interface Missed {
  readonly kind: "missed";
  readonly events: readonly ListedEvent[];
  /** How far MISP was asked, by its clock. */
  readonly until: number;
  /** How far MISP's clock is ahead of ours. */
  readonly aheadMs: number;
}

/** Whom to ask what was published. */
export interface PublicationLookup {
  readonly instance: string;
  readonly budget: Budget;
  /** Asks what was published since then, metadata only; pages count from 1. */
  published(since: number, page: number, signal: AbortSignal): Promise<Published>;
  /** What was published before that is told no more. */
  readonly maxAgeMs: number;
}

/** MISP stores when it published before it has published, and clocks drift. */
const OVERLAP_MS = 600_000;
/** What is younger the feed may still tell. */
export const FEED_FIRST_MS = 60_000;
/** How far two looks at MISP's clock and ours may be apart. */
const DRIFT_MS = 60_000;
const MAX_PAGES = 1_000;

/** What was published since the cursor, with an overlap, and memory has not seen; or why MISP does not say so. */
export async function findMissed(
  worker: PublicationLookup,
  { store, clock }: Pick<Planner, "store" | "clock">,
  { publishedAt, firstAt = Number.NEGATIVE_INFINITY }: Cursor,
  stop: AbortSignal,
  beat: Heartbeat = unheard,
): Promise<Missed | Exclude<Published, { readonly kind: "page" }>> {
  const missed = new Map<string, ListedEvent>();
  let until = 0;
  // MISP tells both to the second: what it published in the second of the first question was before it.
  const from = Math.max(publishedAt - OVERLAP_MS, firstAt + 1000);
  let since = Math.max(from, clock.now() - worker.maxAgeMs);
  let aheadMs: number | undefined;
  let page = 1;
  for (let asked = 0; asked < MAX_PAGES && !stop.aborted; asked += 1) {
    if (!(await worker.budget.turn("reconcile", stop, beat))) {
      break;
    }
    beat(ASK_MS);
    const askedAt = clock.now();
    const answer = await worker.published(since, page, stop);
    await worker.budget.note(answer, store);
    if (answer.kind !== "page") {
      return answer;
    }
    if (aheadMs === undefined) {
      const now = clock.now();
      const misp = answer.servedAt ?? now;
      aheadMs = misp - now;
      // Our clock may be days ahead of MISP's, by which it was published.
      const floor = Math.max(from, misp - worker.maxAgeMs);
      if (floor < since - OVERLAP_MS) {
        since = floor;
        continue;
      }
    }
    const youngest = clock.now() + aheadMs - FEED_FIRST_MS;
    const old = answer.events.filter(({ publishedAt }) => publishedAt <= youngest);
    until = Math.max(until, ...old.map(({ publishedAt }) => publishedAt));
    const known = await store.load({ events: old.map(({ event }) => keyOf(worker.instance, event)), parts: [] });
    for (const one of old) {
      const rows = known.events.filter(({ event }) => event.uuid === one.event.uuid);
      if (isMissed(one, rows, aheadMs)) {
        missed.set(nameOf(one) ?? "", { ...one, askedAt });
      } else {
        missed.delete(nameOf(one) ?? "");
      }
    }
    if (!answer.more) {
      break;
    }
    // Pages shift when something is published meanwhile: go on from the last instant, and turn pages only within it.
    const last = Math.max(since, ...answer.events.map(({ publishedAt }) => publishedAt));
    page = last > since ? 1 : page + 1;
    since = last;
  }
  const events = [...missed.values()].sort((a, b) => a.publishedAt - b.publishedAt);
  return { kind: "missed", events, until, aheadMs: aheadMs ?? 0 };
}

/** Whether the last publication of an event has not been told, by what memory knows of it. */
function isMissed({ event, publishedAt }: ListedEvent, rows: readonly EventMemory[], aheadMs: number): boolean {
  const changedAt = event.changedAt ?? Number.POSITIVE_INFINITY;
  const seenAt = Math.max(...rows.map((row) => row.publishedAt ?? Number.NEGATIVE_INFINITY));
  if (event.published !== false) {
    // What was taken back is published again, though nothing in it has changed since.
    return seenAt < changedAt || rows.some((row) => row.unpublished && row.publishedAt === changedAt);
  }
  // Nothing has changed since: it was not an edit that unpublished it, but somebody who wants it untold.
  if (changedAt <= publishedAt) {
    return false;
  }
  // How it was when it was published is forgotten; when the feed told of it decides.
  const toldAt = Math.max(...rows.map((row) => row.publicationAt ?? Number.NEGATIVE_INFINITY));
  return seenAt < publishedAt && toldAt + aheadMs < publishedAt - DRIFT_MS;
}

/** By what MISP is asked about the event. */
export function nameOf({ event }: ListedEvent): string | undefined {
  return event.uuid ?? event.id;
}

function keyOf(instance: string, { id, uuid }: EventView) {
  return { instance, ...(id !== undefined && { id }), ...(uuid !== undefined && { uuid }) };
}

/**
 * The publication as the feed would have told it, by what MISP tells now of the event. What was edited since has words that
 * are not published; what MISP tells nothing of (`answer` absent) has its title alone. Undefined: it was unpublished
 * meanwhile.
 */
export function lateMessage(
  { event, publishedAt, askedAt: listedAt }: ListedEvent,
  answer: (FetchedEvent & { readonly askedAt?: number }) | undefined,
  {
    instance,
    together,
    aheadMs,
    now,
  }: Pick<Missed, "aheadMs"> & {
    readonly instance: string;
    readonly together: boolean;
    readonly now: number;
  },
): Message | undefined {
  const isEdited = event.published === false;
  const isSame = !isEdited && answer?.event.changedAt === event.changedAt;
  if (isSame && answer?.event.published === false) {
    return undefined;
  }
  const hasUnpublished = isEdited || answer?.event.published === false;
  const changedAt = isEdited ? publishedAt : (event.changedAt ?? publishedAt);
  const { uuid, id } = event;
  const askedAt = answer ? answer.askedAt : listedAt;
  return {
    kind: "event.published",
    instance,
    topic: "rest",
    receivedAt: now,
    subject: { type: "event", ...(uuid !== undefined && { uuid }), ...(id !== undefined && { id }) },
    version: String(Math.floor(changedAt / 1000)),
    ...(askedAt !== undefined && { askedAt }),
    ...(isSame && answer && askedAt !== undefined && { whole: true as const }),
    event: answer?.event ?? event,
    attributes: isSame ? (answer?.attributes ?? []) : [],
    objects: isSame ? (answer?.objects ?? []) : [],
    late: {
      together,
      publishedAt: publishedAt - aheadMs,
      changedAt,
      ...(hasUnpublished && { edited: true as const }),
    },
    lines: [],
  };
}
