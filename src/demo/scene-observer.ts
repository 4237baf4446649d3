import type { Observer } from "../absorbing/observer.ts";
import type { Parts } from "../app.ts";
import { UsageError } from "../base/errors.ts";
import type { RecordLine } from "../model/outbox.ts";
import type { Payload } from "../model/payload.ts";
import type { Trace } from "../planning/plan.ts";

/** What was seen of one scene. */
export interface Scene {
  readonly traces: readonly Trace[];
  /** `atMs` is by the clock of `performance.now()`. */
  readonly shown: readonly { readonly payload: Payload; readonly atMs: number }[];
  readonly settled: readonly RecordLine[];
}

interface Observed extends Scene {
  readonly traces: Trace[];
  readonly shown: { payload: Payload; atMs: number }[];
  readonly settled: RecordLine[];
}

const PATIENCE_MS = 20_000;

/** Watches the parts at work, without changing what they do. */
export class SceneObserver {
  readonly #scenes: Observed[] = [];
  #current: Observed = { traces: [], shown: [], settled: [] };
  #wake: () => void = () => {};

  /** All scenes so far. */
  get scenes(): readonly Scene[] {
    return this.#scenes;
  }

  /** Starts a scene: what is seen from now on belongs to it. */
  next(): Scene {
    this.#current = { traces: [], shown: [], settled: [] };
    this.#scenes.push(this.#current);
    return this.#current;
  }

  /** The same parts, watched; `announce` is told of a payload just before it is shown. */
  watch(parts: Parts, announce: (payload: Payload) => void): Parts {
    const observer: Observer = {
      ...parts.observer,
      planned: ({ traces }) => {
        this.#current.traces.push(...traces);
        this.#wake();
      },
      settled: (line) => {
        this.#current.settled.push(line);
        this.#wake();
      },
    };
    return {
      ...parts,
      observer,
      workers: parts.workers.map((worker) => ({
        ...worker,
        destination: {
          name: worker.destination.name,
          send: async (payload, signal) => {
            announce(payload);
            const outcome = await worker.destination.send(payload, signal);
            if (outcome.kind === "done") {
              this.#current.shown.push({ payload, atMs: performance.now() });
            }
            return outcome;
          },
          preview: (payload) => worker.destination.preview(payload),
          [Symbol.asyncDispose]: () => worker.destination[Symbol.asyncDispose](),
        },
        observer,
      })),
    };
  }

  /** Resolves when `condition` holds; rejects when `signal` aborts, or with a UsageError when it takes far too long. */
  async until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    let late = false;
    const wake = () => this.#wake();
    const timer = setTimeout(() => {
      late = true;
      wake();
    }, PATIENCE_MS);
    signal.addEventListener("abort", wake);
    try {
      while (!condition()) {
        signal.throwIfAborted();
        if (late) {
          throw new UsageError("the demo came to a halt: a frame on the loopback interface got lost", 1);
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
    }
  }
}

/** How many decisions of a scene were `verdict` for `destination`. */
export function countVerdicts({ traces }: Scene, destination: string, verdict: string): number {
  return traces
    .flatMap(({ destinations }) => destinations)
    .filter((decision) => decision.name === destination && decision.verdict === verdict).length;
}

/** The payloads of a scene for one destination. */
export function shownTo({ shown }: Scene, destination: string): Scene["shown"] {
  return shown.filter(({ payload }) => payload.destination === destination);
}
