import type * as Threads from "node:worker_threads";
import type * as ZeroMQ from "zeromq";
import type { Needless } from "../../model/frame.ts";
import type { FrameLook } from "../frame-look.ts";
import type { FrameBatch, FrameQueue } from "../frame-queue.ts";
import type { Link, LinkState } from "./link.ts";

/** What the receiving thread is started with. */
export interface ReceiveOptions {
  readonly endpoints: readonly string[];
  readonly username: string | null;
  readonly password: string | null;
  readonly heartbeatMs: number;
  readonly queueBytes: number;
  /** A larger frame is refused. */
  readonly maxFrameBytes: number;
  /** A larger one is a giant. */
  readonly giantAbove: number;
  readonly needless: Needless;
  /** Becomes 1 when the thread has ended, for a main thread that cannot wait in any other way. */
  readonly ended: Int32Array<SharedArrayBuffer>;
}

/** Totals since the start, by topic but for the first. */
export interface ReceiverTotals {
  readonly received: number;
  readonly lastAtMs: number;
  /** The queue had no room for them. */
  readonly dropped: Readonly<Record<string, number>>;
  /** They could not matter to anybody. */
  readonly skipped: Readonly<Record<string, number>>;
}

export type FromReceiver =
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "link"; readonly endpoint: string; readonly state: LinkState }
  /** Of a frame that is too large: its beginning, and how large it is. */
  | { readonly type: "refused"; readonly topic: string; readonly head: Uint8Array; readonly bytes: number }
  | { readonly type: "frames"; readonly batch?: FrameBatch; readonly totals?: ReceiverTotals };

export type ToReceiver =
  | { readonly type: "consumed"; readonly cost: number; readonly giant: boolean }
  | { readonly type: "needless"; readonly table: Needless }
  /** What was planned and changed nothing, with when it was received. */
  | { readonly type: "quiet"; readonly frames: readonly (readonly [frame: Uint8Array, atMs: number])[] }
  /** What is remembered was changed by something else than a frame. */
  | { readonly type: "stir" }
  | { readonly type: "close" };

/** What the thread's program is made of: the modules that it uses, and the classes that it has the text of. */
export interface ReceiverTools {
  readonly threads: typeof Threads;
  readonly zeromq: typeof ZeroMQ;
  readonly FrameQueue: typeof FrameQueue;
  readonly FrameLook: typeof FrameLook;
  readonly Link: typeof Link;
  readonly Receiving: typeof Receiving;
}

/**
 * The receiving thread: owns the sockets, reads them without ever waiting for anybody, and hands frames over as fast as
 * the main thread consumes them.
 *
 * A thread, because libzmq needs the application to serve its socket: it sends the subscription again after a reconnect
 * only from there, so that a main thread that is busy while MISP's publisher restarts loses all of its backlog
 * (bench/README.md has the numbers).
 *
 * The class refers to nothing outside of itself, because the thread evaluates its text: a worker cannot be started from
 * this file, which is TypeScript under the test runner and JavaScript in the package, and Node 20 loads only the latter.
 */
export class Receiving {
  readonly #port: Threads.MessagePort;
  readonly #options: ReceiveOptions;
  readonly #queue: FrameQueue;
  readonly #look: FrameLook;
  readonly #links: Link[] = [];
  readonly #skipped: Record<string, number> = {};
  /** Handed over but not yet consumed: enough to keep the main thread busy, little enough to leave the rest to the queue. */
  readonly #window: number;
  #totalsTimer: NodeJS.Timeout | undefined;
  #received = 0;
  #lastAtMs = 0;
  #toldReceived = 0;
  #toldDrops = 0;
  #flushing = false;
  #closed = false;

  constructor(tools: ReceiverTools, port: Threads.MessagePort, options: ReceiveOptions) {
    this.#port = port;
    this.#options = options;
    this.#window = Math.min(2 ** 20, options.queueBytes / 4);
    this.#queue = new tools.FrameQueue({
      bytes: options.queueBytes,
      giantAbove: options.giantAbove,
      giantBytes: options.maxFrameBytes * 2,
    });
    this.#look = new tools.FrameLook(options.needless);
    this.#failAloud();
    port.on("message", (message: ToReceiver) => this.#obey(message));
    for (const endpoint of options.endpoints) {
      const link = this.#link(tools, endpoint, this.#links.length);
      this.#links.push(link);
      link.open();
    }
  }

  #link({ zeromq, Link: LinkClass }: ReceiverTools, endpoint: string, place: number): Link {
    const { username, password, heartbeatMs, maxFrameBytes } = this.#options;
    // What is a little too large is seen, named and refused; libzmq itself takes the rest for an attack.
    const maxMessageBytes = Math.max(2 ** 28, maxFrameBytes * 2);
    return new LinkClass(
      zeromq,
      { endpoint, username, password, heartbeatMs, maxMessageBytes },
      {
        state: (where, state) => this.#post({ type: "link", endpoint: where, state }),
        frame: (frame, atMs) => this.#take(frame, atMs, place),
      },
    );
  }

  #obey(message: ToReceiver): void {
    switch (message.type) {
      case "consumed":
        this.#queue.release(message);
        this.#flush();
        break;
      case "needless":
        this.#look.needless = message.table;
        this.#look.stir(this.#now());
        break;
      case "quiet":
        for (const [frame, atMs] of message.frames) {
          this.#look.quiet(frame, atMs);
        }
        break;
      case "stir":
        this.#look.stir(this.#now());
        break;
      case "close":
        this.#close();
        break;
      default:
        message satisfies never;
    }
  }

  #take(frame: Uint8Array, atMs: number, endpoint: number): void {
    this.#received++;
    this.#lastAtMs = atMs;
    this.#tellTotalsSoon();
    const topic = this.#look.topic(frame);
    if (frame.byteLength > this.#options.maxFrameBytes) {
      this.#post({ type: "refused", topic, head: frame.slice(0, 8192), bytes: frame.byteLength });
    } else if (this.#look.matters(frame, topic, atMs)) {
      this.#queue.push(frame, topic, atMs, endpoint);
      this.#flushSoon();
    } else {
      this.#skipped[topic] = (this.#skipped[topic] ?? 0) + 1;
    }
  }

  #now(): number {
    return Number(process.hrtime.bigint()) / 1e6;
  }

  /** Once per turn of the loop: what came in one turn leaves together. */
  #flushSoon(): void {
    if (this.#flushing) {
      return;
    }
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    for (let batch = this.#queue.take(this.#window); batch; batch = this.#queue.take(this.#window)) {
      this.#post({ type: "frames", batch, totals: this.#totals() }, [batch.bytes.buffer]);
    }
  }

  #totals(): ReceiverTotals {
    this.#toldReceived = this.#received;
    this.#toldDrops = this.#queue.drops;
    const { dropped } = this.#queue;
    return { received: this.#received, lastAtMs: this.#lastAtMs, dropped, skipped: this.#skipped };
  }

  /** The totals go on when no frame does, because the main thread consumes none, or it could not matter. */
  #tellTotalsSoon(): void {
    this.#totalsTimer ??= setTimeout(() => {
      this.#totalsTimer = undefined;
      this.#tellTotals();
    }, 250);
  }

  #tellTotals(): void {
    if (this.#toldReceived !== this.#received || this.#toldDrops !== this.#queue.drops) {
      this.#post({ type: "frames", totals: this.#totals() });
    }
  }

  #post(message: FromReceiver, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  #failAloud(): void {
    process.on("uncaughtException", (error) => {
      this.#post({ type: "failed", reason: error.message });
      this.#close();
    });
    process.on("exit", () => {
      Atomics.store(this.#options.ended, 0, 1);
      Atomics.notify(this.#options.ended, 0);
    });
  }

  /**
   * The thread ends by itself once nothing is open. Ending it in any other way while a receive is pending, be it terminate()
   * or an error, aborts the whole process.
   */
  #close(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    clearTimeout(this.#totalsTimer);
    for (const link of this.#links) {
      link.close();
    }
    this.#port.close();
  }
}

/** The thread's program. */
export function receive(tools: ReceiverTools): void {
  const { parentPort, workerData } = tools.threads;
  if (!parentPort) {
    throw new Error("receive() runs in a worker thread only");
  }
  new tools.Receiving(tools, parentPort, workerData);
}
