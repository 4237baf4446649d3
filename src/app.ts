import { absorb, type Desk } from "./absorb.ts";
import { announce } from "./announce.ts";
import { deliver, type Lane } from "./delivery/deliver.ts";
import type { Notices } from "./delivery/notices.ts";
import { DecodeError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Frame, Message, Source } from "./model.ts";
import type { Quiet } from "./quiet.ts";
import { type RecallLane, recall } from "./recall/recall.ts";
import { type ReconcileLane, reconcile } from "./recall/reconcile.ts";
import { decode } from "./topics/index.ts";

/** What `run` works with; whoever opens these closes them. */
export interface Parts extends Desk {
  readonly sources: readonly Source[];
  readonly lanes: readonly Lane[];
  readonly recalls: readonly RecallLane[];
  readonly reconciles: readonly ReconcileLane[];
  readonly log: Log;
  /** Says once, and then now and then, that frames cannot be read. */
  readonly unreadable: Quiet;
  /** How long attempts in flight may go on once we stop. */
  readonly graceMs: number;
  /** Whether a finite source that has ended waits until all that is owed has left. */
  readonly drains: boolean;
  /** Messages of our own, told before the first frame. */
  readonly opening: readonly Message[];
  /** What the parts say of themselves while they run; absent: nobody is told. */
  readonly notices?: Notices;
}

/**
 * The whole service: sources are read into the store, one loop per destination empties it, and two per instance ask MISP
 * what the feed left open and what it did not tell. Ends when `signal` aborts or every source has ended; rejects when a part
 * fails that nothing works without. What is owed stays in the store.
 */
export async function run(parts: Parts, signal: AbortSignal): Promise<void> {
  const failed = new AbortController(); // ends the sources when a delivery loop fails, and the other way round
  const stop = new AbortController();
  const cut = new AbortController();
  const reading = AbortSignal.any([signal, failed.signal]);
  const guarded = (work: Promise<void>) =>
    work.catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  // Settled at once: nobody awaits a loop before the sources have ended, and its failure must not count as unhandled.
  const working = Promise.allSettled([
    ...parts.lanes.map((lane) => guarded(deliver(lane, stop.signal, cut.signal))),
    ...parts.recalls.map((lane) => guarded(recall(lane, parts, stop.signal))),
    ...parts.reconciles.map((lane) => guarded(reconcile(lane, parts, stop.signal))),
  ]);
  let deadline: NodeJS.Timeout | undefined; // never unref'd: an empty event loop would exit before the cleanup
  const silent = new AbortController(); // when nobody is left who could say something
  const { notices } = parts;
  const saying = Promise.allSettled(notices ? [guarded(announce(notices, parts, silent.signal))] : []);
  const results = [];
  try {
    if (parts.opening.length > 0) await guarded(absorb(parts.opening, parts));
    results.push(...(await Promise.allSettled(parts.sources.map((source) => guarded(intake(source, parts, reading))))));
    if (parts.drains) await drained(parts, reading);
  } finally {
    stop.abort();
    deadline = setTimeout(() => cut.abort(), parts.graceMs);
    results.push(...(await working));
    silent.abort();
    results.push(...(await saying));
    clearTimeout(deadline);
  }
  const failure = results.find((result) => result.status === "rejected");
  if (failure) throw failure.reason;
}

/** The fast half, in order: frames are done once all that they make owed is committed. */
async function intake(source: Source, parts: Parts, signal: AbortSignal): Promise<void> {
  for await (const frames of source.frames(signal)) {
    const messages = frames.flatMap((frame) => read(frame, parts) ?? []);
    if (messages.length > 0) await absorb(messages, parts);
    // Behind a backlog all of this resolves without the event loop ever turning: deliveries and signals must have theirs.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A frame that cannot be read is counted and logged; no frame may stop the feed. */
function read(frame: Frame, { unreadable, log }: Parts): Message | undefined {
  try {
    return decode(frame);
  } catch (error) {
    if (error instanceof DecodeError) unreadable.say({ topic: frame.topic.slice(0, 64), reason: error.message });
    else log.error({ err: error, topic: frame.topic.slice(0, 64) }, "Dropped a frame by a bug");
    return undefined;
  }
}

async function drained({ store, clock }: Parts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await store.owed()).some(({ owed }) => owed > 0)) await clock.sleep(20, signal);
}
