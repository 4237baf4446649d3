/** A loop says that it turns, and that it will say so again within so long; `Infinity`: it waits for what comes from outside. */
export type Heartbeat = (withinMs: number) => void;

/** Does nothing with beats: for loops whose liveness is not watched. */
export const unheard: Heartbeat = () => {};

/** What a loop does between two beats beside waiting: planning, a transaction on a slow disk. */
export const WORK_MS = 60_000;

/** No loop of a machine that is merely busy is called stuck. */
const SLACK_MS = 30_000;

/**
 * Knows of every loop whether it still turns. It goes by a clock that is never set, so that neither a correction of the
 * time nor a machine that slept makes a loop look stuck.
 */
export class Liveness {
  readonly #now: () => number;
  readonly #loops = new Set<{ readonly name: string; dueAt: number }>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Runs `work` as a loop of that name; it is forgotten when it ends, in whatever way. */
  async watch<T>(name: string, work: (beat: Heartbeat) => Promise<T>): Promise<T> {
    const loop = { name, dueAt: 0 };
    const beat: Heartbeat = (withinMs) => {
      loop.dueAt = this.#now() + withinMs + SLACK_MS;
    };
    beat(WORK_MS);
    this.#loops.add(loop);
    try {
      return await work(beat);
    } finally {
      this.#loops.delete(loop);
    }
  }

  /** The names of the loops that have not turned for longer than they may, in order; empty: all is well. */
  stuck(): readonly string[] {
    const now = this.#now();
    const late = [...this.#loops].filter(({ dueAt }) => dueAt < now);
    return [...new Set(late.map(({ name }) => name))].sort();
  }
}
