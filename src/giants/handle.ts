import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Frame } from "../model/frame.ts";
import type { Plan } from "../planning/plan.ts";
import type { GiantQuestion, Read, Rows } from "./work.ts";

export type ToThread =
  | { readonly type: "read"; readonly name: string; readonly frame: Frame; readonly mostText: number }
  | ({ readonly type: "plan" } & GiantQuestion)
  | { readonly type: "next" };

export type FromThread =
  | Read
  | { readonly type: "planned"; readonly plan: Plan }
  | { readonly type: "rows"; readonly rows?: Rows };

/** The thread has ended before it answered: it took more memory than it may, or has a bug. */
export class GiantError extends Error {
  override readonly name = "GiantError";
  readonly isTooLarge: boolean;

  constructor(cause: unknown) {
    super("A thread that reads a frame ended", { cause });
    this.isTooLarge = cause instanceof Error && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
  }
}

/** The main loop's end of the thread of one giant. */
export interface GiantThread {
  /** `mostText`: what has more text than this is not handed over. */
  read(name: string, frame: Frame, mostText: number): Promise<Read>;
  plan(question: GiantQuestion): Promise<Plan>;
  /** The next rows of the plan. */
  next(): Promise<Rows | undefined>;
  close(): Promise<void>;
}

/** What the thread may have of JavaScript heap: what the largest event of MISP's own shape of so many bytes takes, and more. */
export function heapMiBFor(bytes: number): number {
  return 256 + Math.ceil((4 * bytes) / 2 ** 20);
}

/** Starts a thread for a frame of so many bytes. All that is asked of it throws GiantError once it has ended. */
export function openGiantThread(bytes: number): GiantThread {
  // It stands beside this file, as TypeScript or as JavaScript.
  const program = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(program, { resourceLimits: { maxOldGenerationSizeMb: heapMiBFor(bytes) }, name: "giant" });
  let failure: GiantError | undefined;
  let settle: { resolve(answer: FromThread): void; reject(error: unknown): void } | undefined;
  const fail = (cause: unknown) => {
    failure ??= new GiantError(cause);
    settle?.reject(failure);
  };
  worker.on("message", (answer: FromThread) => settle?.resolve(answer));
  worker.on("error", fail);
  worker.on("exit", fail);

  async function ask(question: ToThread, transfer: readonly ArrayBuffer[] = []): Promise<FromThread> {
    if (failure) {
      throw failure;
    }
    return await new Promise((resolve, reject) => {
      settle = { resolve, reject };
      worker.postMessage(question, transfer);
    });
  }

  return {
    async read(name, { instance, topic, payload, receivedAt }, mostText) {
      // A giant has a buffer to itself, which changes hands.
      const { buffer } = payload;
      const transfer = buffer instanceof ArrayBuffer && payload.byteLength * 2 > buffer.byteLength ? [buffer] : [];
      const frame = { instance, topic, payload, receivedAt };
      return (await ask({ type: "read", name, frame, mostText }, transfer)) as Read;
    },
    async plan(question) {
      const answer = await ask({ type: "plan", ...question });
      return (answer as Extract<FromThread, { type: "planned" }>).plan;
    },
    async next() {
      return ((await ask({ type: "next" })) as Extract<FromThread, { type: "rows" }>).rows;
    },
    async close() {
      await worker.terminate();
    },
  };
}
