import type { Planner } from "../absorbing/absorb.ts";
import { REPORT_IT } from "../base/errors.ts";
import type { Heartbeat } from "../base/liveness.ts";
import type { Message } from "../model/message.ts";
import type { EventView, Thread } from "../model/misp.ts";
import type { FetchedEvent } from "../planning/enrich.ts";
import type { Budget } from "./budget.ts";
import { ASK_MS, ask, type EventAnswer, type EventLookup, type KeyRefused, type Unanswered } from "./question.ts";

/** What MISP says about a discussion: how far it may travel and of which event it is, if of any. */
export type ThreadAnswer =
  | { readonly kind: "thread"; readonly thread: Thread; readonly event?: EventView }
  | { readonly kind: "refused"; readonly reason: "distribution-unknown"; readonly hint?: string }
  | KeyRefused
  | Unanswered;

/** Whom to ask about discussions. */
export interface ThreadLookup extends EventLookup {
  readonly budget: Budget;
  /** Asks MISP about the discussion of this number; rejects only when `signal` aborts, or by a bug. */
  thread(id: string, signal: AbortSignal): Promise<ThreadAnswer>;
}

/** A discussion, with its event where memory did not know that. */
export type ToldThread = Extract<ThreadAnswer, { readonly kind: "thread" }> & { readonly fetched?: FetchedEvent };

/** Asks about a discussion, and about its event where nothing is known of that. Undefined: we stop. */
export async function askAboutThread(
  lookup: ThreadLookup,
  id: string,
  { store }: Pick<Planner, "store">,
  stop: AbortSignal,
  beat: Heartbeat,
): Promise<ToldThread | ThreadAnswer | Exclude<EventAnswer, { readonly kind: "event" }> | undefined> {
  const { instance, budget } = lookup;
  const told = await askThread(lookup, id, stop);
  const event = told?.kind === "thread" ? told.event?.id : undefined;
  if (told?.kind !== "thread" || event === undefined) {
    return told;
  }
  const { events } = await store.load({ events: [{ instance, id: event }], parts: [] });
  if (events.some(({ event: { tags } }) => tags !== undefined)) {
    return told;
  }
  await budget.note(told, store);
  if (!(await budget.turn("recall", stop, beat))) {
    return undefined;
  }
  beat(ASK_MS);
  const answer = await ask(lookup, event, stop);
  return answer?.kind === "event" ? { ...told, fetched: answer } : answer;
}

async function askThread(lookup: ThreadLookup, id: string, stop: AbortSignal): Promise<ThreadAnswer | undefined> {
  try {
    return await lookup.thread(id, stop);
  } catch (error) {
    if (stop.aborted) {
      return undefined;
    }
    lookup.log.error({ err: error, instance: lookup.instance, hint: REPORT_IT }, "Asking MISP failed by a bug");
    return { kind: "retry", reason: "bug" };
  }
}

/** The post with what MISP says of its discussion; without a word of how far that may travel it stays unknown. */
export function withThread(message: Message, { thread, event }: ToldThread): Message {
  return { ...message, thread: { ...message.thread, ...thread }, ...(event && { event }) };
}
