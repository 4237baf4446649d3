import { REPORT_IT } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Refusal } from "../guard/guard.ts";
import type { FetchedEvent } from "../planning/enrich.ts";

/** MISP tells nothing now. */
export interface Unanswered {
  readonly kind: "retry";
  readonly reason: string;
  readonly hint?: string;
  /** Asking again earlier is in vain. */
  readonly afterMs?: number;
}

/** MISP, or what stands before it, does not let the key in: no word about what was asked for. */
export interface KeyRefused {
  readonly kind: "forbidden";
  readonly reason: string;
  readonly hint?: string;
}

/** What MISP says about an event: all of it, that the key may not see it, that it does not accept the key, or nothing now. */
export type EventAnswer =
  | ({ readonly kind: "event" } & FetchedEvent)
  | {
      readonly kind: "refused";
      readonly reason: Extract<Refusal, "event-not-found">;
      readonly hint?: string;
    }
  | KeyRefused
  | Unanswered;

/** Whom to ask about events. */
export interface EventLookup {
  readonly instance: string;
  /** Asks MISP's REST API about the event with this id or UUID, with its deleted parts only on request; rejects only when `signal` aborts, or by a bug. */
  ask(event: string, signal: AbortSignal, withDeleted?: boolean): Promise<EventAnswer>;
  readonly log: Log;
}

/** A question, with its time-out and its place behind others. */
export const ASK_MS = 300_000;

/** Undefined: we stop. A bug must not end the service, nor be asked again at once. */
export async function ask(
  lookup: EventLookup,
  event: string,
  stop: AbortSignal,
  withDeleted = false,
): Promise<EventAnswer | undefined> {
  try {
    return await lookup.ask(event, stop, withDeleted);
  } catch (error) {
    if (stop.aborted) {
      return undefined;
    }
    lookup.log.error({ err: error, instance: lookup.instance, hint: REPORT_IT }, "Asking MISP failed by a bug");
    return { kind: "retry", reason: "bug" };
  }
}

/** MISP answers nothing for now, whatever the question; an answer that is too large is about its event alone. */
export function asksToWait({ reason, afterMs }: Unanswered): boolean {
  return afterMs !== undefined && reason !== TOO_LARGE;
}

/** MISP is well, and this one answer too large for us. */
export const TOO_LARGE = "too-large";
