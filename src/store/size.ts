import type { Undecided } from "../model/memory.ts";
import type { RecordLine } from "../model/outbox.ts";

/** What one step took out of the file. What is undecided is only named: who knows the rules refuses it. */
export type Eviction =
  | { readonly what: "records" | "memory" | "unconfirmed"; readonly rows: number }
  | { readonly what: "undecided"; readonly undecided: readonly Undecided[] }
  | { readonly what: "owed"; readonly lines: readonly RecordLine[] };

/** The room that a store takes, in bytes, and how it is made smaller. */
export interface Size {
  /** What is in use, and what the file has on the disk, without its log of the last changes. */
  measure(): Promise<{ readonly used: number; readonly file: number }>;
  /**
   * Where more than `maxBytes` is in use, takes out a transaction's worth of what is missed least: the oldest of the
   * record; memory of the events that were not touched for longest and of which nothing is owed; what is undecided; what MISP is to confirm;
   * the oldest owed of the destination that owes most, as dead; then what was spared of the record and memory, because
   * it is of the last hour. Undefined: it fits, or there is nothing to take out.
   */
  shed(maxBytes: number, now: number): Promise<Eviction | undefined>;
  /** Gives room that is not in use back to the disk, a little at a time; true: there may be more. */
  giveBack(): Promise<boolean>;
}
