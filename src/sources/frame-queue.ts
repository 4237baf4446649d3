/** Frames one after the other in one buffer, as they go from one thread to another. */
export interface FrameBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How long each is. */
  readonly lengths: readonly number[];
  /** When each was received, by the monotonic clock that all threads share. */
  readonly atMs: readonly number[];
  /** By which endpoint each came, by its place among them. */
  readonly endpoints: readonly number[];
  /** What the batch is charged with until it is released; a giant is charged apart from the others. */
  readonly cost: number;
  readonly giant: boolean;
}

/** How much a queue may hold. */
export interface QueueLimits {
  /** All frames but giants, in bytes. */
  readonly bytes: number;
  /** A frame of more bytes is a giant. */
  readonly giantAbove: number;
  /** All giants, in bytes. */
  readonly giantBytes: number;
}

interface Page {
  buffer: ArrayBuffer;
  used: number;
  readonly lengths: number[];
  readonly atMs: number[];
  readonly endpoints: number[];
  readonly topics: string[];
}

/**
 * A queue bounded in bytes. Publications (`misp_json`) leave it first; when it is full, a publication pushes out the newest
 * of the other frames, and anything else is not let in. What was taken stays charged until it is released. Giants have room
 * of their own and leave at once, so that none of them takes the room of all others.
 *
 * Frames are written one after the other into pages, which leave as they are: a frame is copied once, and a batch is one
 * buffer. A frame above a limit is let in only when nothing else is held under that limit, so that it is not refused for
 * ever. The class refers to nothing outside of itself, because a worker evaluates its text (see zeromq/receiver.ts).
 */
export class FrameQueue {
  readonly #limits: QueueLimits;
  readonly #pageBytes: number;
  readonly #publications: Page[] = [];
  readonly #others: Page[] = [];
  readonly #giants: Page[] = [];
  readonly #dropped: Record<string, number> = {};
  #spare: ArrayBuffer | undefined;
  #othersCost = 0;
  #queued = 0;
  #taken = 0;
  #giantBytes = 0;
  #drops = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
    // Small enough that many of them fit in, and the consumer gets what it can do in one turn.
    this.#pageBytes = Math.min(2 ** 17, Math.max(1, Math.floor(limits.bytes / 16)));
  }

  /** How many frames were dropped, in all and by topic. */
  get drops(): number {
    return this.#drops;
  }
  get dropped(): Readonly<Record<string, number>> {
    return this.#dropped;
  }

  /** Lets a frame in, or drops by kind; `topic` is a name of MISP's form, or `other`. */
  push(message: Uint8Array, topic: string, atMs: number, endpoint = 0): void {
    if (message.byteLength > this.#limits.giantAbove) {
      this.#pushGiant(message, topic, atMs, endpoint);
      return;
    }
    // The extra stands for the objects around the bytes, so that a flood of tiny frames is bounded too.
    const cost = message.byteLength + 512;
    const isPublication = topic === "misp_json";
    const held = this.#queued + this.#taken;
    const excess = held + cost - this.#limits.bytes;
    if (excess > 0 && !(isPublication && excess <= this.#othersCost) && held > 0) {
      this.#drop(topic);
      return;
    }
    while (this.#queued + this.#taken + cost > this.#limits.bytes && this.#others.length > 0) {
      this.#evict();
    }
    this.#queued += cost;
    if (!isPublication) {
      this.#othersCost += cost;
    }
    const queue = isPublication ? this.#publications : this.#others;
    this.#write(queue, message, topic, atMs, endpoint);
  }

  /**
   * The next frames, at most 512 and of one page, while what is taken stays within `window`; some are given whenever nothing
   * is taken. A giant is given alone.
   */
  take(window: number): FrameBatch | undefined {
    const giant = this.#giants.shift();
    if (giant) {
      const { buffer, used, lengths, atMs, endpoints } = giant;
      return { bytes: new Uint8Array(buffer, 0, used), lengths, atMs, endpoints, cost: used, giant: true };
    }
    const queue = this.#publications.length > 0 ? this.#publications : this.#others;
    const [page] = queue;
    if (!page) {
      return undefined;
    }
    const cost = page.used + 512 * page.lengths.length;
    if (this.#taken > 0 && this.#taken + cost > window) {
      return undefined;
    }
    queue.shift();
    if (queue === this.#others) {
      this.#othersCost -= cost;
    }
    this.#queued -= cost;
    this.#taken += cost;
    this.#shrink(page);
    const { buffer, used, lengths, atMs, endpoints } = page;
    return { bytes: new Uint8Array(buffer, 0, used), lengths, atMs, endpoints, cost, giant: false };
  }

  /** What was taken is done with. */
  release({ cost, giant }: Pick<FrameBatch, "cost" | "giant">): void {
    if (giant) {
      this.#giantBytes -= cost;
    } else {
      this.#taken -= cost;
    }
  }

  #pushGiant(message: Uint8Array, topic: string, atMs: number, endpoint: number): void {
    const bytes = message.byteLength;
    if (this.#giantBytes > 0 && this.#giantBytes + bytes > this.#limits.giantBytes) {
      this.#drop(topic);
      return;
    }
    this.#giantBytes += bytes;
    const buffer = new Uint8Array(message).buffer;
    this.#giants.push({ buffer, used: bytes, lengths: [bytes], atMs: [atMs], endpoints: [endpoint], topics: [topic] });
  }

  #write(queue: Page[], message: Uint8Array, topic: string, atMs: number, endpoint: number): void {
    let page = queue.at(-1);
    if (!page || page.lengths.length >= 512 || page.used + message.byteLength > page.buffer.byteLength) {
      if (page) {
        this.#shrink(page);
      }
      page = this.#open(message.byteLength);
      queue.push(page);
    }
    // A copy of its own: libzmq keeps a whole receive buffer for a small message, and only our own can be transferred.
    new Uint8Array(page.buffer, page.used).set(message);
    page.used += message.byteLength;
    page.lengths.push(message.byteLength);
    page.atMs.push(atMs);
    page.endpoints.push(endpoint);
    page.topics.push(topic);
  }

  #open(bytes: number): Page {
    let buffer: ArrayBuffer;
    if (bytes <= this.#pageBytes && this.#spare) {
      buffer = this.#spare;
      this.#spare = undefined;
    } else {
      buffer = new ArrayBuffer(Math.max(bytes, this.#pageBytes));
    }
    return { buffer, used: 0, lengths: [], atMs: [], endpoints: [], topics: [] };
  }

  /** A page that is mostly empty holds no more memory than it is charged with; its buffer is kept for the next one. */
  #shrink(page: Page): void {
    const { buffer, used } = page;
    if (used * 2 > buffer.byteLength) {
      return;
    }
    page.buffer = buffer.slice(0, used);
    if (buffer.byteLength === this.#pageBytes) {
      this.#spare = buffer;
    }
  }

  /** Drops the newest of what is no publication. */
  #evict(): void {
    const page = this.#others.at(-1);
    const bytes = page?.lengths.pop();
    if (!page || bytes === undefined) {
      return;
    }
    page.used -= bytes;
    page.atMs.pop();
    page.endpoints.pop();
    this.#drop(page.topics.pop() ?? "other");
    this.#queued -= bytes + 512;
    this.#othersCost -= bytes + 512;
    if (page.lengths.length === 0) {
      this.#others.pop();
    }
  }

  #drop(topic: string): void {
    // Names become log lines and metrics, and a sender may make up any number of them.
    const label = topic in this.#dropped || Object.keys(this.#dropped).length < 32 ? topic : "other";
    this.#drops++;
    this.#dropped[label] = (this.#dropped[label] ?? 0) + 1;
  }
}
