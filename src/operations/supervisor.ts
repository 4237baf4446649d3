/** Whoever started the service, and wants to know what it does. */
export interface Supervisor {
  /** The outbox is open, every source is read, every loop is at work. */
  running(): void;
  /** The configuration is read again. */
  reloading(): void;
  /** A configuration is in force: the new one or, if that was refused, the one before. */
  reloaded(): void;
}
