import { absorb, type Planner } from "./absorbing/absorb.ts";
import { announce } from "./absorbing/announce.ts";
import type { Notices } from "./absorbing/notices.ts";
import type { Observer } from "./absorbing/observer.ts";
import { patient } from "./absorbing/planning-store.ts";
import { DecodeError, REPORT_IT } from "./base/errors.ts";
import { insisting } from "./base/insist.ts";
import { type Heartbeat, Liveness, WORK_MS } from "./base/liveness.ts";
import type { Log } from "./base/log.ts";
import type { LogLimiter } from "./base/log-limiter.ts";
import { type DeliveryWorker, deliver } from "./delivery/deliver.ts";
import type { Frame, Source } from "./model/frame.ts";
import type { Message } from "./model/message.ts";
import type { Store } from "./model/outbox.ts";
import { type RecallWorker, recall } from "./recall/recall.ts";
import { type ReconcileWorker, reconcile } from "./recall/reconcile.ts";
import { decode } from "./topics/index.ts";

/** What the service works with under one configuration; whoever opens these closes them. */
export interface Parts extends Planner {
  readonly store: Store;
  readonly sources: readonly Source[];
  readonly workers: readonly DeliveryWorker[];
  readonly recalls: readonly RecallWorker[];
  readonly reconciles: readonly ReconcileWorker[];
  readonly log: Log;
  /** By instance the account that we ask with, once it is known: what MISP says of it, we have caused ourselves. */
  readonly accounts: ReadonlyMap<string, () => string | undefined>;
  /** Says once, and then now and then, that frames cannot be read. */
  readonly unreadable: LogLimiter;
  /** How long attempts in flight may go on once we stop. */
  readonly graceMs: number;
  /** Whether a finite source that has ended waits until all that is owed has left. */
  readonly drains: boolean;
  /** Messages of our own, told before the first frame. */
  readonly opening: readonly Message[];
  /** What the parts say of themselves while they run; absent: nobody is told. */
  readonly notices?: Notices;
  readonly observer: Observer;
  /** Knows of every loop whether it turns; absent: nobody asks. */
  readonly liveness?: Liveness;
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

interface Loop {
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** Runs until `signal` aborts or every source has ended. What is owed stays in the store. */
export async function run(parts: Parts, signal: AbortSignal): Promise<void> {
  await start(parts, signal).ended;
}

/**
 * The whole service: sources are read into the store, one loop per destination empties it, and two per instance ask MISP
 * what the feed left open and what it did not tell. `begun` is called when all of them are at work.
 */
export function start(first: Parts, signal: AbortSignal, begun: () => void = () => {}): Running {
  const failed = new AbortController(); // ends the sources when a loop fails, and the other way round
  const cut = new AbortController();
  const reading = AbortSignal.any([signal, failed.signal]);
  const failures: unknown[] = [];
  const loops = new Map<string, Loop>();
  const readers = new Map<Source, Loop>();
  const liveness = first.liveness ?? new Liveness();
  let parts = first;
  let stopping = false;
  /** Whoever plans, plans by the newest rules, and waits while nothing can be written: a new process would find the same disk. */
  const plannerFor = (loop: string, until: AbortSignal, beat: Heartbeat): Planner => ({
    store: patient(first.store, insisting({ loop }, first.clock, first.log, until, beat)),
    clock: first.clock,
    get rules() {
      return parts.rules;
    },
    get wakeups() {
      return parts.wakeups;
    },
    observer: { planned: (plan, again) => parts.observer.planned(plan, again) },
  });
  const guarded = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      failures.push(error);
      failed.abort(error);
    }
  };

  /** Puts a loop in the place of the one of that name, which ends first. */
  function begin(name: string, work: (stop: AbortSignal, beat: Heartbeat) => Promise<void>): void {
    const before = loops.get(name);
    const stop = new AbortController();
    const done = guarded(async () => {
      await before?.done;
      await liveness.watch(name, (beat) => work(stop.signal, beat));
    });
    loops.set(name, { stop, done });
  }

  function read(source: Source): void {
    const stop = new AbortController();
    const until = AbortSignal.any([reading, stop.signal]);
    const name = `feed ${source.name}`;
    const work = (beat: Heartbeat) => intake(source, () => parts, plannerFor(name, until, beat), until, beat);
    const done = guarded(() => liveness.watch(name, work)).finally(() => readers.delete(source));
    readers.set(source, { stop, done });
  }

  function staff(next: Parts): Promise<unknown> {
    const leaving = [
      ...loops.values(),
      ...[...readers].flatMap(([source, it]) => (next.sources.includes(source) ? [] : it)),
    ];
    parts = next;
    for (const { stop } of leaving) {
      stop.abort();
    }
    for (const worker of next.workers) {
      begin(`deliver ${worker.destination.name}`, (stop, beat) => deliver(worker, stop, cut.signal, beat));
    }
    for (const worker of next.recalls) {
      const name = `recall ${worker.instance}`;
      begin(name, (stop, beat) => recall(worker, plannerFor(name, stop, beat), stop, beat));
    }
    for (const worker of next.reconciles) {
      const name = `reconcile ${worker.instance}`;
      begin(name, (stop, beat) => reconcile(worker, plannerFor(name, stop, beat), stop, beat));
    }
    for (const source of next.sources) {
      if (!readers.has(source)) {
        read(source);
      }
    }
    return Promise.all(leaving.map(({ done }) => done));
  }

  async function open(): Promise<void> {
    if (first.opening.length > 0) {
      await guarded(() =>
        liveness.watch("opening", (beat) => absorb(first.opening, plannerFor("opening", reading, beat))),
      );
    }
    if (failures.length > 0) {
      return;
    }
    await staff(first);
    begun();
  }

  async function work(): Promise<void> {
    const silent = new AbortController(); // when nobody is left who could say something
    const { notices } = first;
    const saying =
      notices &&
      guarded(() =>
        liveness.watch("announce", (beat) =>
          announce(notices, plannerFor("announce", cut.signal, beat), silent.signal, beat),
        ),
      );
    await opened;
    while (readers.size > 0) {
      await Promise.all([...readers.values()].map(({ done }) => done));
    }
    if (first.drains) {
      await guarded(() => drained(first, reading));
    }
    stopping = true;
    for (const { stop } of loops.values()) {
      stop.abort();
    }
    // Never unref'd: an empty event loop would exit before the cleanup.
    const deadline = setTimeout(() => cut.abort(), first.graceMs);
    await Promise.all([...loops.values()].map(({ done }) => done));
    silent.abort();
    await saying;
    clearTimeout(deadline);
    if (failures.length > 0) {
      throw failures[0];
    }
  }

  const opened = open();
  return {
    ended: work(),
    async swap(next) {
      await opened;
      if (stopping) {
        await Promise.all([...loops.values()].map(({ done }) => done));
      } else {
        await staff(next);
      }
    },
  };
}

/** The fast half, in order: frames are done once all that they make owed is committed. */
async function intake(
  source: Source,
  parts: () => Parts,
  planner: Planner,
  signal: AbortSignal,
  beat: Heartbeat,
): Promise<void> {
  // That nothing comes is no fault of the loop; what has come must be dealt with.
  beat(Number.POSITIVE_INFINITY);
  for await (const frames of source.frames(signal)) {
    beat(WORK_MS);
    parts().observer.received(frames);
    const messages = frames.flatMap((frame) => read(frame, parts()) ?? []);
    if (messages.length > 0) {
      await absorb(messages, planner);
    }
    // Behind a backlog all of this resolves without the event loop ever turning: deliveries and signals must have theirs.
    await new Promise((resolve) => setImmediate(resolve));
    beat(Number.POSITIVE_INFINITY);
  }
}

/** A frame that cannot be read is counted and logged; no frame may stop the feed, and none of ours may beget the next. */
function read(frame: Frame, { accounts, unreadable, log }: Parts): Message | undefined {
  // One of those that we know, or empty: a frame of any other is not looked into.
  const { instance, topic } = frame;
  try {
    const message = decode(frame);
    const own = accounts.get(instance)?.();
    return own !== undefined && message?.actor === own ? undefined : message;
  } catch (error) {
    if (error instanceof DecodeError) {
      unreadable.say({ instance, topic, reason: error.message }, topic);
    } else {
      log.error({ err: error, instance, topic, hint: REPORT_IT }, "Dropped a frame by a bug");
    }
    return undefined;
  }
}

async function drained({ store, clock }: Parts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await store.owed()).some(({ owed }) => owed > 0)) {
    await clock.sleep(20, signal);
  }
}
