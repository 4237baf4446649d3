import { absorb, type Planner } from "./absorbing/absorb.ts";
import { announce } from "./absorbing/announce.ts";
import { withMemoryCache } from "./absorbing/memory-cache.ts";
import { newestPlanner } from "./absorbing/newest-planner.ts";
import type { Notices } from "./absorbing/notices.ts";
import type { Observer } from "./absorbing/observer.ts";
import { quietFrames } from "./absorbing/quiet.ts";
import { insisting } from "./base/insist.ts";
import { type Heartbeat, Liveness, WORK_MS } from "./base/liveness.ts";
import { Loops } from "./base/loops.ts";
import { TurnSize } from "./base/turn-size.ts";
import { type DeliveryWorker, deliver } from "./delivery/deliver.ts";
import { Giants } from "./giants/giants.ts";
import { type FrameReading, readingElsewhere, readTurn } from "./giants/reading.ts";
import type { Source } from "./model/frame.ts";
import type { Message } from "./model/message.ts";
import type { Store } from "./model/outbox.ts";
import { type ConfirmWorker, confirm } from "./recall/confirm.ts";
import { type RecallWorker, recall } from "./recall/recall.ts";
import { type ReconcileWorker, reconcile } from "./recall/reconcile.ts";

/** What the service works with under one configuration; whoever opens these closes them. */
export interface Parts extends Planner, FrameReading {
  readonly store: Store;
  readonly sources: readonly Source[];
  readonly workers: readonly DeliveryWorker[];
  readonly confirms: readonly ConfirmWorker[];
  readonly recalls: readonly RecallWorker[];
  readonly reconciles: readonly ReconcileWorker[];
  /** How long attempts in flight may go on once we stop. */
  readonly graceMs: number;
  /** Whether a finite source that has ended waits until all that is owed has left. */
  readonly drains: boolean;
  /** Messages of our own, told before the first frame. */
  readonly opening: readonly Message[];
  /** What the parts say of themselves while they run; absent: it is said in the log alone. */
  readonly notices?: Notices;
  readonly observer: Observer;
  /** Knows of every loop whether it turns. */
  readonly liveness?: Liveness;
}

/** What the loops of the flow share. */
interface Shared {
  /** The parts of this moment. */
  readonly parts: () => Parts;
  /** The loops that read, by their source: a source that a swap keeps is read without a break. */
  readonly readers: Loops<Source>;
  /** All other loops, by their name. */
  readonly loops: Loops<string>;
  /** What is too large for `intake`. */
  readonly giants: Giants;
  /** Aborts when no source may be read any more. */
  readonly ending: AbortSignal;
  /** Aborts when attempts in flight may not go on any more. */
  readonly cut: AbortSignal;
  /** `now` gives the parts by which a loop plans: those for whatever is no frame, unless it names others. */
  planner(loop: string, until: AbortSignal, beat: Heartbeat, now?: () => Parts): Planner;
}

/** The flow: puts its loops to work. Those that plan end in `absorb`; what it commits wakes those that deliver and ask. */
function flow({ sources, workers, confirms, recalls, reconciles }: Parts, shared: Shared): void {
  const { parts, readers, loops, giants, ending, cut, planner } = shared;
  for (const source of sources.filter((one) => !readers.has(one))) {
    const name = `feed ${source.name}`;
    readers.begin(source, name, (stop, beat) => {
      const until = AbortSignal.any([ending, stop]);
      return intake(source, parts, giants, planner(name, until, beat, parts), until, beat);
    });
  }
  loops.begin("giants", "giants", (stop, beat) =>
    giants.run(planner("giants", cut, beat), readingElsewhere(parts), stop, cut, beat),
  );
  for (const worker of workers) {
    const name = `deliver ${worker.destination.name}`;
    loops.begin(name, name, (stop, beat) => deliver(worker, stop, cut, beat));
  }
  for (const worker of confirms) {
    const name = `confirm ${worker.instance}`;
    loops.begin(name, name, (stop, beat) => confirm(worker, planner(name, stop, beat), stop, beat));
  }
  for (const worker of recalls) {
    const name = `recall ${worker.instance}`;
    loops.begin(name, name, (stop, beat) => recall(worker, planner(name, stop, beat), stop, beat));
  }
  for (const worker of reconciles) {
    const name = `reconcile ${worker.instance}`;
    loops.begin(name, name, (stop, beat) => reconcile(worker, planner(name, stop, beat), stop, beat));
  }
}

/** The parts for whatever is no frame: what it changes of memory, frames that come may tell anew. */
function stirring(parts: Parts): Parts {
  const { observer } = parts;
  const planned: Observer["planned"] = (plan, again) => {
    stir(parts);
    observer.planned(plan, again);
  };
  return { ...parts, observer: { ...observer, planned } };
}

/** From now on, no source may leave out what only says the same again. */
function stir({ sources }: Pick<Parts, "sources">): void {
  for (const source of sources) {
    source.stir?.();
  }
}

/** The fast half, in order: frames are done once all that they make owed is committed. */
async function intake(
  source: Source,
  parts: () => Parts,
  giants: Giants,
  planner: Planner,
  signal: AbortSignal,
  beat: Heartbeat,
): Promise<void> {
  // That nothing comes is no fault of the loop; what has come must be dealt with.
  beat(Number.POSITIVE_INFINITY);
  const turns = new TurnSize();
  for await (const batch of source.frames(signal)) {
    for (let from = 0; from < batch.length; ) {
      beat(WORK_MS);
      const startedAt = planner.clock.now();
      const { rules } = planner;
      const { count, read, away } = readTurn(batch.slice(from, from + turns.size), parts(), rules);
      parts().observer.received(batch.slice(from, from + count));
      const messages = giants.pass(read);
      if (messages.length > 0) {
        const traces = await absorb(messages, planner);
        source.quiet?.(quietFrames(read, traces, rules));
      }
      giants.take(away ? [away] : []);
      from += count;
      turns.took(count, planner.clock.now() - startedAt);
      // Behind a backlog all of this resolves without the event loop ever turning: deliveries and signals must have theirs.
      await new Promise((resolve) => setImmediate(resolve));
      beat(Number.POSITIVE_INFINITY);
      await giants.room(signal);
    }
    beat(Number.POSITIVE_INFINITY);
  }
}

/** The service at work. */
export interface Running {
  /** Resolves when `signal` aborts or every source has ended; rejects when a part fails that nothing works without. */
  readonly ended: Promise<void>;
  /**
   * Goes on with other parts: what is in flight ends as it began, and the loop that takes the place of another waits for that.
   * A source that is in both goes on, so that no frame falls between. Resolves when nothing uses the parts before any more.
   */
  swap(next: Parts): Promise<void>;
}

/** How the flow is started: commands and the service get it handed down from `main.ts`. */
export type Start = typeof start;

/**
 * Runs the flow until `signal` aborts or every source has ended; what is owed then stays in the store. First it plans what
 * `opening` says, then all loops begin, and `begun` is called. In the end attempts in flight get `graceMs`.
 */
export function start(first: Parts, signal: AbortSignal, begun: () => void = () => {}): Running {
  const liveness = first.liveness ?? new Liveness();
  const failed = new AbortController();
  const cut = new AbortController();
  const ending = AbortSignal.any([signal, failed.signal]);
  const fail = (error: unknown) => failed.abort(error);
  const readers = new Loops<Source>(liveness, fail);
  const loops = new Loops<string>(liveness, fail);
  const giants = new Giants();
  const store = withMemoryCache(first.store);
  const announcers = new Loops<string>(liveness, fail);
  let parts = first;
  let stopping = false;
  const planner: Shared["planner"] = (loop, until, beat, now = () => stirring(parts)) =>
    newestPlanner({ store, clock: first.clock, giants }, now, insisting({ loop }, first.clock, first.log, until, beat));
  const shared = { parts: () => parts, readers, loops, giants, ending, cut: cut.signal, planner };

  async function staff(next: Parts): Promise<void> {
    parts = next;
    // What was quiet was so by the rules before.
    stir(next);
    const left = Promise.all([loops.stop(), readers.stop(next.sources)]);
    flow(next, shared);
    await left;
  }

  async function open(): Promise<void> {
    if (first.opening.length > 0) {
      await liveness.watch("opening", (beat) => absorb(first.opening, planner("opening", ending, beat)));
    }
    await staff(first);
    begun();
  }

  async function work(): Promise<void> {
    const { notices } = first;
    if (notices) {
      announcers.begin("announce", "announce", (stop, beat) =>
        announce(notices, planner("announce", cut.signal, beat), stop, beat),
      );
    }
    await opened;
    await readers.ended();
    if (first.drains) {
      await drained(first, ending).catch(fail);
    }
    stopping = true;
    // Never unref'd: an empty event loop would exit before the cleanup.
    const deadline = setTimeout(() => cut.abort(), first.graceMs);
    await loops.stop();
    await announcers.stop(); // last: the loops may have had something to say
    clearTimeout(deadline);
    failed.signal.throwIfAborted();
  }

  const opened = open().catch(fail);
  return {
    ended: work(),
    async swap(next) {
      await opened;
      await (stopping ? loops.ended() : staff(next));
    },
  };
}

async function drained({ store, clock }: Parts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await store.owed()).some(({ owed }) => owed > 0)) {
    await clock.sleep(20, signal);
  }
}
