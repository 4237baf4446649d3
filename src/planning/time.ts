import type { Message } from "../model/message.ts";

/** How far ahead of ours MISP's clock may be before it is not believed. */
const AHEAD_MS = 300_000;

/** Whether MISP can have written this time by now. */
export function isPlausible(changedAt: number, receivedAt: number): boolean {
  return changedAt <= receivedAt + AHEAD_MS;
}

/** The time of what was received then: MISP's, or that of its arrival where MISP's cannot be. */
export function believed(changedAt: number, receivedAt: number): number {
  return isPlausible(changedAt, receivedAt) ? changedAt : arrival(receivedAt);
}

/** Up to when what a message tells was so, by our clock: when MISP was asked, or else when it arrived. */
export function heardAt({ askedAt, receivedAt }: Pick<Message, "askedAt" | "receivedAt">): number {
  return askedAt ?? receivedAt;
}

/** An arrival as MISP would write it, whose times are seconds. */
export function arrival(receivedAt: number): number {
  return Math.floor(receivedAt / 1000) * 1000;
}
