import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Needless } from "../../model/frame.ts";
import { FrameLook } from "../frame-look.ts";
import { type FrameBatch, FrameQueue } from "../frame-queue.ts";
import { Link } from "./link.ts";
import { type FromReceiver, type ReceiveOptions, Receiving, receive, type ToReceiver } from "./worker.ts";

/** The main thread's end of a receiving thread. */
export interface Receiver {
  /**
   * What has come, as far as it can be done in one turn: a giant, or other batches, at most 512 frames together unless the first
   * has more; nothing when closed. To ask again says that those before are consumed, but for a giant.
   */
  next(): Promise<readonly FrameBatch[]>;
  /** A giant is consumed. */
  release(giant: FrameBatch): void;
  /** From now on, these frames need not be handed over. */
  spare(needless: Needless): void;
  /** These were planned and changed nothing; each with when it was received. */
  quiet(frames: readonly (readonly [frame: Uint8Array, atMs: number])[]): void;
  /** What is remembered was changed by something else than a frame. */
  stir(): void;
  /** Closes the sockets and resolves when the thread has ended. */
  close(): Promise<void>;
}

const EXIT_WAIT_MS = 2000;
const MOST_FRAMES = 512;

/** Starts a receiving thread; `observe` is told all that it says, also while no frames are asked for. */
export function openReceiver(
  options: Omit<ReceiveOptions, "ended">,
  observe: (message: FromReceiver) => void,
): Receiver {
  const ended = new Int32Array(new SharedArrayBuffer(4));
  const workerData: ReceiveOptions = { ...options, ended };
  const worker = new Worker(PROGRAM, { eval: true, workerData, execArgv: [], name: "zeromq" });
  const post = (message: ToReceiver) => worker.postMessage(message);

  let arrived: FrameBatch[] = [];
  let given: readonly FrameBatch[] = [];
  let failure: Error | undefined;
  let closing = false;
  let wake = () => {};

  worker.on("message", (message: FromReceiver) => {
    if (message.type === "frames" && message.batch) {
      arrived.push(message.batch);
    }
    if (message.type === "failed") {
      failure = new Error(`Cannot receive from ZeroMQ: ${message.reason}`);
    }
    observe(message);
    wake();
  });
  worker.on("error", (error) => {
    failure ??= new Error("The thread that receives from ZeroMQ failed", { cause: error });
    wake();
  });
  const exited = new Promise<void>((resolve) => {
    worker.once("exit", () => {
      stopAtExit.delete(stopNow);
      if (stopAtExit.size === 0) {
        process.off("exit", stopAll);
      }
      if (!closing) {
        failure ??= new Error("The thread that receives from ZeroMQ ended");
      }
      wake();
      resolve();
    });
  });

  function consumed(batches: readonly FrameBatch[]): void {
    const cost = batches.reduce((sum, batch) => sum + batch.cost, 0);
    if (cost > 0) {
      post({ type: "consumed", cost, giant: batches.some(({ giant }) => giant) });
    }
  }

  function close(): Promise<void> {
    if (!closing) {
      post({ type: "close" });
    }
    closing = true;
    arrived = [];
    wake();
    return exited;
  }

  function stopNow(): void {
    void close();
    Atomics.wait(ended, 0, 0, EXIT_WAIT_MS);
  }
  if (stopAtExit.size === 0) {
    process.on("exit", stopAll);
  }
  stopAtExit.add(stopNow);

  return {
    async next() {
      consumed(given.filter(({ giant }) => !giant));
      given = [];
      while (arrived.length === 0 && !closing && !failure) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (closing) {
        return [];
      }
      if (failure) {
        throw failure;
      }
      given = arrived.splice(0, countTogether(arrived));
      return given;
    },
    release: (giant) => consumed([giant]),
    spare: (table) => post({ type: "needless", table }),
    quiet: (frames) => post({ type: "quiet", frames }),
    stir: () => post({ type: "stir" }),
    close,
  };
}

/** How many batches are done together: what came while the main thread was busy is many small ones, and each turn costs something. */
function countTogether(batches: readonly FrameBatch[]): number {
  let frames = 0;
  for (const [count, { lengths, giant }] of batches.entries()) {
    frames += lengths.length;
    if (count > 0 && (giant || frames > MOST_FRAMES)) {
      return count;
    }
    if (giant) {
      return 1;
    }
  }
  return batches.length;
}

/** Runs in the thread what refers to nothing but what it is given: each part is evaluated from its text, under its name. */
const PROGRAM = `(${receive})({
  FrameQueue: ${FrameQueue},
  FrameLook: ${FrameLook},
  Link: ${Link},
  Receiving: ${Receiving},
  threads: require("node:worker_threads"),
  zeromq: require(${JSON.stringify(createRequire(import.meta.url).resolve("zeromq"))}),
})`;

// process.exit() ends threads by force, and one that has a receive pending takes the process down with SIGABRT (zeromq.js
// issue #411), whatever exit code was asked for. Nothing can be awaited there, but the thread can end while we block.
const stopAtExit = new Set<() => void>();
function stopAll(): void {
  for (const stop of stopAtExit) {
    stop();
  }
}
