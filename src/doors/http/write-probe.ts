import { StoreError } from "../../base/errors.ts";
import type { StateAccess } from "../../operations/daemon.ts";

/** Trying to write costs a disk a moment, and anybody may ask. */
const EVERY_MS = 5_000;

/** Whether the state file can be written: tried every 5 s at most, for whoever asks. */
export class WriteProbe {
  readonly #now: () => number;
  #last: { readonly at: number; readonly result: Promise<string | undefined> } | undefined;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Why it cannot be written, in words; undefined: it can. */
  trouble({ store }: Pick<StateAccess, "store">): Promise<string | undefined> {
    if (!this.#last || this.#now() - this.#last.at >= EVERY_MS) {
      const result = store.ledger.probe().then(
        () => undefined,
        // Only its own words: they name the file, and no one's content.
        (error: unknown) => (error instanceof StoreError ? error.message : "the state file cannot be written"),
      );
      this.#last = { at: this.#now(), result };
    }
    return this.#last.result;
  }
}
