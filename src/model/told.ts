import type { Item } from "./alert.ts";
import type { Fingerprint } from "./fingerprint.ts";

/** How long it is known what people were told of attributes. */
export const TOLD_PARTS_MS = 30 * 86_400_000;

/** What one destination was told of the attributes of one event last. */
export interface ToldParts {
  readonly instance: string;
  readonly eventUuid: string;
  readonly destination: string;
  /** When, by our clock. */
  readonly at: number;
  readonly parts: Fingerprint;
  /** Some of them, those for detection first, so that they can be named when they are taken back; guarded again before that. */
  readonly named: readonly Item[];
  /** A program's, who is told of each part that is taken back: kept as long as is known who was told of the event. */
  readonly whole?: true;
  /** Of its objects. */
  readonly objects?: Fingerprint;
  /** All that was told was taken back, which the destination was told at `at`. */
  readonly withdrawn?: true;
  /** How the publication was told last. */
  readonly urgent?: true;
  readonly mentions?: readonly string[];
}

/** How what a destination is told now compares with what it was told last; all of both is known. */
export interface Comparison {
  readonly toldAt: number;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly unchanged: number;
  /** The destination was told last that all of it is taken back: now it holds again. */
  readonly again?: true;
}
