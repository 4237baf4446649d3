import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { FrameQueue, type QueuedFrame } from "../frame-queue.ts";
import { type FromReceiver, type ReceiveOptions, receive, type ToReceiver } from "./worker.ts";

/** The main thread's end of a receiving thread. */
export interface Receiver {
  /** What arrived since the last call, at most 64 frames; undefined when closed. To ask again says that they are consumed. */
  next(): Promise<readonly QueuedFrame[] | undefined>;
  /** Closes the sockets and resolves when the thread has ended. */
  close(): Promise<void>;
}

const MAX_BATCH = 64;
const EXIT_WAIT_MS = 2000;

/** Starts a receiving thread; `observe` is told all that it says, also while nobody asks for frames. */
export function openReceiver(
  options: Omit<ReceiveOptions, "ended">,
  observe: (message: FromReceiver) => void,
): Receiver {
  const ended = new Int32Array(new SharedArrayBuffer(4));
  const workerData: ReceiveOptions = { ...options, ended };
  const worker = new Worker(PROGRAM, { eval: true, workerData, execArgv: [], name: "zeromq" });
  const post = (message: ToReceiver) => worker.postMessage(message);

  let arrived: QueuedFrame[] = [];
  let given = 0;
  let failure: Error | undefined;
  let closing = false;
  let wake = () => {};

  worker.on("message", (message: FromReceiver) => {
    if (message.type === "frames") {
      arrived.push(...message.frames);
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
      if (given > 0) {
        post({ type: "consumed", cost: given });
      }
      given = 0;
      while (arrived.length === 0 && !closing && !failure) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (closing) {
        return undefined;
      }
      if (failure) {
        throw failure;
      }
      const frames = arrived.splice(0, MAX_BATCH);
      for (const frame of frames) {
        given += frame.cost;
      }
      return frames;
    },
    close,
  };
}

const PROGRAM = `(${receive})(${FrameQueue}, require("node:worker_threads"), require(${JSON.stringify(
  createRequire(import.meta.url).resolve("zeromq"),
)}))`;

// process.exit() ends threads by force, and one that has a receive pending takes the process down with SIGABRT (zeromq.js
// issue #411), whatever exit code was asked for. Nothing can be awaited there, but the thread can end while we block.
const stopAtExit = new Set<() => void>();
function stopAll(): void {
  for (const stop of stopAtExit) {
    stop();
  }
}
