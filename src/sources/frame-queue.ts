/** One frame on its way from a socket to the main thread. */
export interface QueuedFrame {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** When it was received, by the monotonic clock that all threads share. */
  readonly atMs: number;
  /** What it is charged with until it is released. */
  readonly cost: number;
}

/**
 * A queue bounded in bytes that, when full, drops by kind: a publication (`misp_json`) pushes out the newest of the other
 * frames, anything else is not let in. What was taken stays charged until it is released.
 *
 * A frame above the limit is let in only when nothing else is held, so that it is not refused for ever. The class refers
 * to nothing outside of itself, because a worker evaluates its text (see zeromq-worker.ts).
 */
export class FrameQueue {
  readonly #limit: number;
  /** Apart, so that making room is no search; the number tells which came first. */
  readonly #publications: { items: { frame: QueuedFrame; order: number }[]; next: number } = { items: [], next: 0 };
  readonly #others: { items: { frame: QueuedFrame; order: number; topic: string }[]; next: number } = {
    items: [],
    next: 0,
  };
  readonly #dropped: Record<string, number> = {};
  #order = 0;
  #othersCost = 0;
  #queued = 0;
  #taken = 0;
  #drops = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many frames were dropped, in all and by topic. */
  get drops(): number {
    return this.#drops;
  }
  get dropped(): Readonly<Record<string, number>> {
    return this.#dropped;
  }
  get size(): number {
    return this.#publications.items.length - this.#publications.next + this.#others.items.length - this.#others.next;
  }
  /** The cost of what was taken and not yet released. */
  get taken(): number {
    return this.#taken;
  }

  push(message: Uint8Array, atMs: number): void {
    // A copy of its own: libzmq keeps a whole receive buffer for a small message, and only such bytes can be transferred.
    // The extra stands for the objects around the bytes, so that a flood of tiny frames is bounded too.
    const cost = message.byteLength + 512;
    const topic = this.#topic(message);
    const publication = topic === "misp_json";
    const excess = this.#queued + this.#taken + cost - this.#limit;
    if (excess > 0 && !(publication && excess <= this.#othersCost) && this.#queued + this.#taken > 0) {
      this.#drop(topic);
      return;
    }
    while (this.#queued + this.#taken + cost > this.#limit && this.#others.items.length > this.#others.next) {
      const evicted = this.#others.items.pop();
      if (!evicted) {
        break;
      }
      this.#queued -= evicted.frame.cost;
      this.#othersCost -= evicted.frame.cost;
      this.#drop(evicted.topic);
    }
    const frame = { bytes: new Uint8Array(message), atMs, cost };
    this.#order++;
    this.#queued += cost;
    if (publication) {
      this.#publications.items.push({ frame, order: this.#order });
    } else {
      this.#others.items.push({ frame, order: this.#order, topic });
      this.#othersCost += cost;
    }
  }

  /** The oldest frames, at most `count`, while what is taken stays within `window`; one is given whenever nothing is taken. */
  take(count: number, window: number): QueuedFrame[] {
    const frames: QueuedFrame[] = [];
    while (frames.length < count) {
      const publication = this.#publications.items[this.#publications.next];
      const other = this.#others.items[this.#others.next];
      const publicationFirst = publication && (!other || publication.order < other.order);
      const first = publicationFirst ? publication : other;
      if (!first || (this.#taken > 0 && this.#taken + first.frame.cost > window)) {
        break;
      }
      if (!publicationFirst) {
        this.#othersCost -= first.frame.cost;
      }
      this.#advance(publicationFirst ? this.#publications : this.#others);
      this.#queued -= first.frame.cost;
      this.#taken += first.frame.cost;
      frames.push(first.frame);
    }
    return frames;
  }

  release(cost: number): void {
    this.#taken -= cost;
  }

  #advance(worker: { items: unknown[]; next: number }): void {
    worker.next++;
    // Cutting the array at every step would cost its whole length each time.
    if (worker.next === worker.items.length || worker.next >= 1024) {
      worker.items.splice(0, worker.next);
      worker.next = 0;
    }
  }

  #drop(topic: string): void {
    // Names become log lines and metrics, and a sender may make up any number of them.
    const label = topic in this.#dropped || Object.keys(this.#dropped).length < 32 ? topic : "other";
    this.#drops++;
    this.#dropped[label] = (this.#dropped[label] ?? 0) + 1;
  }

  /** The topic where it can be one of MISP's; anything else, which may be any bytes, is `other`. */
  #topic(message: Uint8Array): string {
    const space = message.subarray(0, 64).indexOf(0x20);
    const topic = space < 0 ? "" : String.fromCharCode(...message.subarray(0, space));
    return /^misp_json[a-z_]*$/.test(topic) ? topic : "other";
  }
}
