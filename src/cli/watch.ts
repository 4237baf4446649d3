import { absorb, openWakeups, type Planner } from "../absorbing/absorb.ts";
import { UNOBSERVED } from "../absorbing/observer.ts";
import type { Clock } from "../base/clock.ts";
import { DecodeError } from "../base/errors.ts";
import type { Frame, Source } from "../model/frame.ts";
import type { OwedLine } from "../model/ledger.ts";
import type { Message } from "../model/message.ts";
import type { DeliveryId } from "../model/outbox.ts";
import type { Rules, Trace } from "../planning/plan.ts";
import { type OpenStore, openScratchStore } from "../store/index.ts";
import { decode, isKnownTopic } from "../topics/index.ts";
import { leave } from "./rehearse.ts";

/** One frame, and what would become of it. */
export interface WatchedFrame {
  readonly frame: Frame;
  readonly message?: Message;
  /** Why it cannot be read. */
  readonly problem?: string;
  /** Present when rules were given. */
  readonly trace?: Trace;
  /** What is owed by it, and when and with what each leaves. */
  readonly owed?: ReadonlyMap<DeliveryId, OwedLine>;
}

/**
 * Reads a source and tells what the rules would do with each frame. Everything happens in memory of its own: nothing is
 * sent, and what a destination would be told counts as told. `rememberMs`: what is older is forgotten; absent: nothing is.
 */
export async function* watch(
  source: Source,
  rules: Rules | undefined,
  clock: Clock,
  signal: AbortSignal,
  rememberMs?: number,
): AsyncGenerator<WatchedFrame> {
  await using store = openScratchStore();
  for await (const frames of source.frames(signal)) {
    const read = frames.map(readFrame);
    const messages = read.flatMap(({ message }) => message ?? []);
    const traces = rules ? await dryRun(messages, { ...DRY, store, rules, clock }) : new Map<Message, Explained>();
    if (rememberMs !== undefined) {
      await store.prune(clock.now() - rememberMs, clock.now());
    }
    for (const seen of read) {
      const explained = seen.message && traces.get(seen.message);
      yield { ...seen, ...explained };
    }
  }
}

/** A frame with its message, or why it cannot be read. */
export function readFrame(frame: Frame): WatchedFrame {
  try {
    const message = decode(frame);
    if (message) {
      return { frame, message };
    }
    return isKnownTopic(frame.topic) ? { frame } : { frame, problem: "unknown topic" };
  } catch (error) {
    if (error instanceof DecodeError) {
      return { frame, problem: error.message };
    }
    throw error;
  }
}

type Explained = Required<Pick<WatchedFrame, "trace" | "owed">>;

const DRY = { wakeups: openWakeups(), observer: UNOBSERVED } as const;

/** What the service does with messages, in a store of its own; then all that is owed leaves. */
async function dryRun(
  messages: readonly Message[],
  planner: Planner & { readonly store: OpenStore },
): Promise<Map<Message, Explained>> {
  const { store, clock } = planner;
  const traces = await absorb(messages, planner);
  const owed = new Map<DeliveryId, OwedLine>();
  for await (const lines of store.ledger.owed({})) {
    for (const line of lines) {
      owed.set(line.delivery.id, line);
    }
  }
  const now = clock.now();
  for (const destination of new Set([...owed.values()].map(({ delivery }) => delivery.destination))) {
    for await (const _ of leave(store, destination, now)) {
    } // told, as far as the next message is concerned
  }
  return new Map(traces.map((trace) => [trace.message, { trace, owed }]));
}
