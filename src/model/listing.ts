/** Which parts an event had when all of them were listed last, kept where alerts about it wait that are older. */
export interface Listing {
  readonly instance: string;
  /** `EventMemory.key` of the event. */
  readonly eventKey: string;
  /** Until when it was so, by our clock. */
  readonly at: number;
  /** The newest change of the event in it, by MISP's clock. */
  readonly changedAt: number;
  /** MISP's REST API listed them, which leaves out what the key may not see. */
  readonly asked?: true;
  /** Short names of the parts, sorted, in base64. */
  readonly names: string;
}
