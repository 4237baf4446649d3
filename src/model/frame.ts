// Instants are epoch milliseconds (`…At`), spans are milliseconds (`…Ms`): both are plain numbers in the store.

/** Topic and bytes as a source received them, with the transport's envelope removed. */
export interface Frame {
  readonly instance: string;
  /** Empty when the envelope had none. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly receivedAt: number;
}

/** Yields what arrived since it was last asked, in order; ends when `signal` aborts, or when a finite source is read. */
export interface Source {
  readonly name: string;
  frames(signal: AbortSignal): AsyncIterable<readonly Frame[]>;
}
