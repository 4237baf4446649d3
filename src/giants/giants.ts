import { randomUUID } from "node:crypto";
import { absorb, type GiantPlan, type GiantPlans, type Planner } from "../absorbing/absorb.ts";
import { type Heartbeat, WORK_MS } from "../base/liveness.ts";
import { Wakeup } from "../base/wakeup.ts";
import type { Frame } from "../model/frame.ts";
import { type FrameName, NAME_BYTES, nameOf } from "../model/frame-name.ts";
import type { Message } from "../model/message.ts";
import { GiantError, type GiantThread, openGiantThread } from "./handle.ts";
import type { ReadFrame } from "./reading.ts";
import { plainRules } from "./rules.ts";

/** What waits behind a giant may have so many bytes of frames; then reading waits, too. */
const HELD_BYTES = 2 ** 24;
/** What waited is planned in turns of so many. */
const TURN = 256;
/** Reading and planning 256 MiB on a busy machine. */
const GIANT_MS = 600_000;
/** So long the parts of a publication are kept while MISP is asked about it; then it is told without them. */
const CONFIRM_MS = 60_000;

/** What the loop of the giants does with what it has read, and says of what it has not. */
export interface GiantReader {
  /** The message, if it is to be planned. */
  accept(message: Message | undefined, frame: Frame): Message | undefined;
  unreadable(frame: Frame, reason: string): void;
  failed(frame: Frame, error: unknown): void;
}

/** What waits behind one. */
type Held = Pick<ReadFrame, "message" | "bytes">;

interface Task {
  readonly name: string;
  frame: Frame;
  readonly bytes: number;
  /** The event that it is about; undefined: any of its instance. */
  about: FrameName | undefined;
  /** What has come about the same event since. */
  held: Held[];
}

interface Live {
  readonly thread: GiantThread;
  readonly done: AbortController;
  /** The service stops: what is not planned by now is left to reconcile, and not told by its title alone. */
  isCut: boolean;
  /** It is being planned for the first time; what MISP was asked about is on disk. */
  isFirst: boolean;
}

/**
 * Frames that are too large for the main loop: each is read and planned in a thread of its own, one after the other, while
 * all other frames pass. What comes about the same event meanwhile waits behind it.
 */
export class Giants implements GiantPlans {
  readonly #open: typeof openGiantThread;
  readonly #wakeup = new Wakeup();
  readonly #tasks: Task[] = [];
  readonly #live = new Map<string, Live>();
  #heldBytes = 0;
  #roomy = () => {};

  constructor(open = openGiantThread) {
    this.#open = open;
  }

  /** These come next. */
  take(frames: readonly Frame[]): void {
    for (const frame of frames) {
      // Of another topic the first names are those of a part.
      const name = frame.topic === "misp_json" ? nameOf(frame.payload) : {};
      const about = name.id === undefined && name.uuid === undefined ? undefined : name;
      const bytes = frame.payload.byteLength;
      this.#tasks.push({ name: randomUUID(), frame, bytes, about, held: [] });
      // The source counts what is large; what only takes long is counted with what waits.
      this.#heldBytes += frame.giant ? 0 : bytes;
    }
    if (frames.length > 0) {
      this.#wakeup.wake();
    }
  }

  /** Those that need not wait behind a giant; the others are planned after it. */
  pass(read: readonly Held[]): readonly Message[] {
    if (this.#tasks.length === 0) {
      return read.map(({ message }) => message);
    }
    return read.flatMap((one) => {
      const task = this.#tasks.findLast((other) => isAbout(one.message, other));
      if (!task) {
        return one.message;
      }
      task.held.push(one);
      this.#heldBytes += one.bytes;
      return [];
    });
  }

  /** Resolves when what waits is not too much, or `stop` aborts. */
  async room(stop: AbortSignal): Promise<void> {
    while (this.#heldBytes > HELD_BYTES && !stop.aborted) {
      await new Promise<void>((resolve) => {
        this.#roomy = resolve;
        stop.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  /** Deals with one giant after the other until `stop` aborts; `cut` ends the one that is in work. */
  async run(
    planner: Planner,
    reader: GiantReader,
    stop: AbortSignal,
    cut: AbortSignal,
    beat: Heartbeat,
  ): Promise<void> {
    while (!stop.aborted) {
      const woken = this.#wakeup.next();
      const [task] = this.#tasks;
      if (!task) {
        beat(Number.POSITIVE_INFINITY);
        await planner.clock.sleep(GIANT_MS, AbortSignal.any([woken, stop]));
        continue;
      }
      beat(GIANT_MS);
      await this.#deal(task, planner, reader, cut);
      beat(WORK_MS);
    }
  }

  async plan(...[message, known, now, rules, asked]: Parameters<GiantPlans["plan"]>): Promise<GiantPlan | undefined> {
    const live = this.#live.get(message.giant?.name ?? "");
    if (!live) {
      return undefined;
    }
    try {
      const { thread, done } = live;
      const question = { message, known, now, rules: plainRules(rules), ...(asked && { asked }) };
      const plan = await thread.plan(question);
      // What only teaches memory is not the last that is asked of it.
      const isLast = asked === undefined || asked.destinations.length > 0;
      const next = () => thread.next().catch((error) => this.#lost(live, error, "lost" as const));
      return { plan, next, done: () => isLast && done.abort() };
    } catch (error) {
      return this.#lost(live, error, undefined);
    }
  }

  /** The thread has ended, and its parts with it. */
  #lost<T>(live: Live, error: unknown, otherwise: T): T {
    if (live.isCut && live.isFirst) {
      throw error;
    }
    live.done.abort(error);
    return otherwise;
  }

  async #deal(task: Task, planner: Planner, reader: GiantReader, cut: AbortSignal): Promise<void> {
    const { name, bytes } = task;
    const whole = task.frame;
    // What is left of it here once it has been handed over.
    const frame = { ...whole, payload: whole.payload.slice(0, NAME_BYTES) };
    task.frame = frame;
    const thread = this.#open(bytes);
    const done = new AbortController();
    const live: Live = { thread, done, isCut: false, isFirst: true };
    this.#live.set(name, live);
    const end = () => {
      live.isCut = true;
      void thread.close();
    };
    cut.addEventListener("abort", end, { once: true });
    try {
      const mostText = planner.rules.routes.get("event.published")?.mostText ?? Number.POSITIVE_INFINITY;
      const read = await thread.read(name, whole, mostText);
      if (read.type === "unreadable") {
        reader.unreadable(frame, read.reason);
        return;
      }
      const message = reader.accept(read.message, frame);
      if (!message) {
        return;
      }
      task.about = message.event ?? {};
      await absorb([message], planner);
      live.isFirst = false;
      await this.#release(task, planner);
      if (message.giant && !done.signal.aborted) {
        await planner.clock.sleep(CONFIRM_MS, AbortSignal.any([done.signal, cut]));
      }
      if (done.signal.reason instanceof GiantError) {
        throw done.signal.reason;
      }
    } catch (error) {
      if (!(error instanceof GiantError)) {
        throw error;
      }
      if (!cut.aborted) {
        refuse(frame, error, reader);
      }
    } finally {
      cut.removeEventListener("abort", end);
      this.#live.delete(name);
      await thread.close();
      frame.giant?.done();
      if (!frame.giant) {
        this.#heldBytes -= bytes;
        this.#roomy();
      }
      if (!cut.aborted) {
        await this.#release(task, planner);
      }
    }
  }

  /** What waited behind a giant is planned, in order; from then on nothing waits for it. */
  async #release(task: Task, planner: Planner): Promise<void> {
    while (task.held.length > 0) {
      const turn = task.held.splice(0, TURN);
      this.#heldBytes -= turn.reduce((sum, { bytes }) => sum + bytes, 0);
      this.#roomy();
      await absorb(
        turn.map(({ message }) => message),
        planner,
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    const place = this.#tasks.indexOf(task);
    if (place >= 0) {
      this.#tasks.splice(place, 1);
    }
  }
}

function refuse(frame: Frame, { isTooLarge, cause }: GiantError, reader: GiantReader): void {
  if (!isTooLarge) {
    reader.failed(frame, cause);
  }
  frame.giant?.refused();
}

function isAbout({ instance, event }: Message, { frame, about }: Task): boolean {
  if (!event || instance !== frame.instance) {
    return false;
  }
  if (!about) {
    return true;
  }
  if (event.uuid !== undefined && about.uuid !== undefined) {
    return event.uuid === about.uuid;
  }
  return event.id === undefined || about.id === undefined || event.id === about.id;
}
