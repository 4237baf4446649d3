// Instants are epoch milliseconds (`…At`), spans are milliseconds (`…Ms`): both are plain numbers in the store.

/** Topic and bytes as a source received them, with the transport's envelope removed. */
export interface Frame {
  readonly instance: string;
  /** Empty when the envelope had none. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly receivedAt: number;
  /** Which of equal frames it is, as the transport tells them apart: the same for every copy. Absent: its arrival must do. */
  readonly occurrence?: string;
  /** Present where it is too large for the main loop. */
  readonly giant?: GiantRoom;
}

/** The room that a source keeps for a giant: whoever has dealt with the frame, or cannot, says so. */
export interface GiantRoom {
  done(): void;
  refused(): void;
}

/** Yields what arrived since it was last asked, in order; ends when `signal` aborts, or when a finite source is read. */
export interface Source {
  readonly name: string;
  frames(signal: AbortSignal): AsyncIterable<readonly Frame[]>;
  /** These of its frames were planned and told nobody anything: what says the same again need not be yielded. */
  quiet?(frames: readonly Frame[]): void;
  /** What is remembered was changed by something else than a frame: nothing is the same any more. */
  stir?(): void;
}

/**
 * Frames that can change nothing, by topic: all of them, or those with one of these actions. What is not in here may matter,
 * to a rule or to what is remembered.
 */
export type Needless = Readonly<Record<string, "all" | readonly string[]>>;
