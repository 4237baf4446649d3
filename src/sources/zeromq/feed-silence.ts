const RECHECK_MS = 500;

/** Whom a watched feed tells. */
export interface SilenceListener {
  readonly fell: (since: number) => void;
  /** Frames arrive again; `since` is when the silence began. */
  readonly ended: (since: number, silentMs: number) => void;
}

/** Since when a feed is silent; whoever watches it anew goes on from there. */
export interface SilentSince {
  since?: number;
}

/** Notices that a feed says nothing, also one that has never said anything, and that it is back; counts from when it is made. */
export class FeedSilence {
  readonly #afterMs: number;
  readonly #now: () => number;
  readonly #listener: SilenceListener;
  readonly #state: SilentSince;
  /** When something came last. */
  #since: number;
  #isOverdue = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(afterMs: number, now: () => number, state: SilentSince, listener: SilenceListener) {
    this.#afterMs = afterMs;
    this.#now = now;
    this.#state = state;
    this.#listener = listener;
    this.#since = state.since ?? now();
    if (state.since === undefined) {
      this.#wait(afterMs);
    }
  }

  /** Something has come. */
  end(at: number): void {
    const before = this.#since;
    this.#since = at;
    if (this.#state.since === undefined) {
      return;
    }
    delete this.#state.since;
    this.#isOverdue = false;
    this.#listener.ended(before, at - before);
    this.#wait(this.#afterMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    delete this.#state.since;
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#check(), ms);
  }

  #check(): void {
    this.#since = Math.min(this.#since, this.#now()); // a clock that was set back must not make it wait for longer
    const leftMs = this.#since + this.#afterMs - this.#now();
    if (leftMs > 0) {
      this.#isOverdue = false;
      this.#wait(Math.min(leftMs, this.#afterMs));
      return;
    }
    if (!this.#isOverdue) {
      // A process that was busy, or asleep, learns only in its next turns what the receiving thread got meanwhile.
      this.#isOverdue = true;
      this.#wait(RECHECK_MS);
      return;
    }
    this.#state.since = this.#since;
    this.#listener.fell(this.#since);
  }
}
