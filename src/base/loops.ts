import type { Heartbeat, Liveness } from "./liveness.ts";

/** Works until `stop` aborts; `beat` says that it still turns. */
export type LoopWork = (stop: AbortSignal, beat: Heartbeat) => Promise<void>;

interface Loop {
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** Loops that run side by side, one for each key; a loop that fails does not end the others, but `fail` hears of it. */
export class Loops<Key> {
  readonly #loops = new Map<Key, Loop>();
  readonly #liveness: Liveness;
  readonly #fail: (error: unknown) => void;

  constructor(liveness: Liveness, fail: (error: unknown) => void) {
    this.#liveness = liveness;
    this.#fail = fail;
  }

  /** Whether the loop of this key has not ended yet. */
  has(key: Key): boolean {
    return this.#loops.has(key);
  }

  /** Begins a loop, and calls it `name` where its liveness is shown. One with the same key ends first. */
  begin(key: Key, name: string, work: LoopWork): void {
    const before = this.#loops.get(key);
    const stop = new AbortController();
    const run = async () => {
      await before?.done;
      await this.#liveness.watch(name, (beat) => work(stop.signal, beat));
    };
    const done = run()
      .catch(this.#fail)
      .finally(() => {
        if (this.#loops.get(key) === loop) {
          this.#loops.delete(key);
        }
      });
    const loop = { stop, done };
    this.#loops.set(key, loop);
  }

  /** Asks all loops but those of `kept` to stop; resolves when they have ended. */
  async stop(kept: readonly Key[] = []): Promise<void> {
    const leaving = [...this.#loops].flatMap(([key, loop]) => (kept.includes(key) ? [] : loop));
    for (const { stop } of leaving) {
      stop.abort();
    }
    await Promise.all(leaving.map(({ done }) => done));
  }

  /** Resolves when no loop is left, those included that begin in the meantime. */
  async ended(): Promise<void> {
    while (this.#loops.size > 0) {
      await Promise.all([...this.#loops.values()].map(({ done }) => done));
    }
  }
}
