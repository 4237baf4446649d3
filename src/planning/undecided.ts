import type { Refusal } from "../guard/guard.ts";
import { withoutMembers } from "../guard/reach.ts";
import type { Alert } from "../model/alert.ts";
import { NO_EFFECTS } from "../model/effects.ts";
import type { Known, Undecided } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Effects, RecordLine } from "../model/outbox.ts";
import { withParts } from "./enrich.ts";
import { deliveryId } from "./identity.ts";
import { PartsByName } from "./shown.ts";

/** Ends what is undecided: MISP does not tell, or does not answer. */
export function refuse(undecided: readonly Undecided[], reason: Refusal, now: number): Effects {
  const records = undecided.flatMap(({ instance, message, destinations }) => {
    const { kind, event, subject, version } = message;
    if (!kind) {
      return [];
    }
    return destinations.map(
      (destination): RecordLine => ({
        delivery: deliveryId({ instance, kind, subject, version }, destination),
        at: now,
        destination,
        instance,
        kind,
        ...(event?.uuid !== undefined && { eventUuid: event.uuid }),
        routes: [],
        outcome: "refused",
        reason,
      }),
    );
  });
  const decided = undecided.map(({ id, destinations }) => ({ id, destinations }));
  return { ...NO_EFFECTS, records, decided };
}

/** Under what a post waits that names no event: MISP tells of its discussion how far it may travel, and whose it is. */
export function threadKey({ kind, event, thread }: Message): string | undefined {
  const isAskedFor = kind === "discussion.posted" && !event && thread?.distribution === undefined;
  return isAskedFor && thread?.id !== undefined ? `${THREAD}${thread.id}` : undefined;
}

/** The number of the discussion that something waits about; undefined: it is an event. */
export function threadIn(eventKey: string): string | undefined {
  return eventKey.startsWith(THREAD) ? eventKey.slice(THREAD.length) : undefined;
}

/** No event is called so. */
const THREAD = "thread ";

/** So many parts of one publication are decided with it; what is left over is asked about. */
const MAX_CONTAINED = 1000;

/**
 * What is undecided for destinations that are told a publication, and is in it: with what the publication says of it, it can
 * be decided.
 */
export function containedIn(
  message: Message,
  waits: readonly { readonly destination: string; readonly undecided: Known["undecided"] }[],
): readonly Omit<Undecided, "since">[] {
  const all = new Map<string, Omit<Undecided, "since">>();
  for (const { destination, undecided } of waits) {
    for (const one of undecided) {
      all.set(one.id, { ...one, destinations: [...(all.get(one.id)?.destinations ?? []), destination] });
    }
  }
  if (all.size === 0) {
    return [];
  }
  const parts = new PartsByName(message);
  return [...all.values()]
    .flatMap((one) => {
      const around = parts.around(one.message);
      return around ? [{ ...one, message: withParts(one.message, around) }] : [];
    })
    .slice(0, MAX_CONTAINED);
}

/** What of a message is kept until MISP has been asked about its event. */
export function undecidedOf(
  alert: Alert,
  message: Message,
  eventKey: string,
  destinations: readonly string[],
  now: number,
): Undecided {
  const { id, instance, withdrawals } = alert;
  const stored = { ...message, ...(message.event && { event: withoutMembers(message.event) }) };
  const waiting = { id, instance, eventKey, destinations, message: stored, since: now };
  return { ...waiting, ...(withdrawals !== undefined && { withdrawals }) };
}
