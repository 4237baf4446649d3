/** Which attributes there are, and how each is, in few bytes: enough to tell what another time is different. */
export interface Fingerprint {
  /** Base64 of eight bytes for each: five that stand for its UUID, three for its state. */
  readonly parts: string;
  /** There are more than are in it. */
  readonly partial?: true;
}
