import { createHash } from "node:crypto";
import type { Delivery, DeliveryId, RecordLine } from "../model/outbox.ts";

/** Reminders that become due so soon one after the other leave as one message. */
const SLOT_MS = 300_000;
const KEY_PREFIX = '["remind",';
/** Whoever is told as the last one has not seen any of it. */
const SHOW = 20;

/** Whether what waits in a group are reminders. */
export function isRemindKey(key: string): boolean {
  return key.startsWith(KEY_PREFIX);
}

/**
 * What follows once a delivery has ended so: the first or next reminder of it, or, after the last one, what other readers are
 * told. Nothing follows what was refused, taken back, dropped or acknowledged.
 */
export function remindersAfter(
  delivery: Delivery,
  { outcome, reason }: Pick<RecordLine, "outcome" | "reason">,
  now: number,
): readonly Delivery[] {
  const { remind, reminder, destination } = delivery;
  const isTold = outcome === "sent" || outcome === "unproven";
  // A reminder that did not arrive, or that a silence muted, is one of them all the same.
  const goesOn = isTold || (reminder && (outcome === "dead" || (outcome === "muted" && reason === "silenced")));
  if (!remind || !goesOn || reminder?.escalatedFrom !== undefined) {
    return [];
  }
  const since = reminder?.since ?? now;
  const done = reminder?.n ?? 0;
  if (done < remind.times) {
    const next = { n: done + 1, of: remind.times, since };
    return [{ ...copyOf(delivery, now, 0), id: idOf(delivery, `${next.n}`), remind, reminder: next }];
  }
  const last = { n: done, of: remind.times, since, escalatedFrom: destination };
  return remind.escalate
    .filter((to) => to !== destination)
    .map((to) => ({
      ...forOthers(copyOf(delivery, now, SHOW)),
      id: hash(["escalation", delivery.alert, to]),
      destination: to,
      reminder: last,
    }));
}

/** Without what is so of the readers before alone: whom to mention, and what they may see. */
function forOthers({ cleared: _, hidden: _hidden, evidence, ...rest }: Delivery): Delivery {
  const routes = evidence?.routes.map(({ mentions: _mentions, ...route }) => route) ?? [];
  return { ...rest, mentions: [], ...(evidence && { evidence: { ...evidence, routes } }) };
}

/** The same reminder of what readers were told since. */
export function reminderOfNewer(newer: Delivery, waiting: Delivery, now: number): Delivery {
  const { reminder, groups } = waiting;
  return {
    ...copyOf(newer, now, 0),
    id: idOf(newer, `${reminder?.n ?? 0}`),
    groups,
    ...(newer.remind && { remind: newer.remind }),
    ...(reminder && { reminder }),
  };
}

function copyOf(delivery: Delivery, now: number, show: number): Delivery {
  const { since: _, changes: _changes, remind, reminder: _reminder, unconfirmed: _unconfirmed, ...rest } = delivery;
  const waitMs = remind?.afterMs ?? 0;
  const key = JSON.stringify(["remind", Math.floor((now + waitMs) / SLOT_MS)]);
  return { ...rest, createdAt: now, groups: [{ key, waitMs, intervalMs: 0, show }] };
}

/** All reminders of one delivery are told apart by their numbers, also those of what took its place. */
function idOf({ id }: Delivery, n: string): DeliveryId {
  return hash(["reminder", id, n]);
}

function hash(parts: readonly string[]): DeliveryId {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32) as DeliveryId;
}
