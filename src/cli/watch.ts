import type { Clock } from "../base/clock.ts";
import { DecodeError } from "../base/errors.ts";
import type { Frame, Source } from "../model/frame.ts";
import type { Message } from "../model/message.ts";
import type { Store } from "../model/outbox.ts";
import { keysOf, plan, type Rules, type Trace } from "../planning/plan.ts";
import { openScratchStore } from "../store/index.ts";
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
}

const REMEMBERED_MS = 6 * 3_600_000;

/**
 * Reads a source and tells what the rules would do with each frame. Everything happens in memory of its own: nothing is
 * sent, and what a destination would be told counts as told.
 */
export async function* watch(
  source: Source,
  rules: Rules | undefined,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<WatchedFrame> {
  await using store = openScratchStore();
  for await (const frames of source.frames(signal)) {
    const read = frames.map(readFrame);
    const messages = read.flatMap(({ message }) => message ?? []);
    const traces = rules ? await dryRun(messages, rules, store, clock) : new Map<Message, Trace>();
    for (const seen of read) {
      const trace = seen.message && traces.get(seen.message);
      yield { ...seen, ...(trace && { trace }) };
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

async function dryRun(
  messages: readonly Message[],
  rules: Rules,
  store: Store,
  clock: Clock,
): Promise<Map<Message, Trace>> {
  const now = clock.now();
  const { effects, traces } = plan(messages, await store.load(keysOf(messages, rules)), now, rules);
  await store.commit(effects, now);
  for (const destination of new Set(effects.deliveries.map((delivery) => delivery.destination))) {
    for await (const _ of leave(store, destination, now)) {
    } // told, as far as the next message is concerned
  }
  await store.prune(now - REMEMBERED_MS, now);
  return new Map(traces.map((trace) => [trace.message, trace]));
}
