import type { RecordLine } from "../model/outbox.ts";

/** Damage that was found in a state, and what was done about it. None of it is content. */
export interface Found {
  /** Rows that cannot be read and were set aside. */
  readonly rows: number;
  /** What was owed of them, or may have been tightened by them, and is dead. */
  readonly lines: readonly RecordLine[];
  /** Indexes were built anew. */
  readonly indexes?: true;
  /** A check found more than that: the next start repairs it or says that it cannot. */
  readonly unrepaired?: true;
}

/** What is known of damage; whoever looks later is told of what was found before. */
export class Damage {
  #rows = 0;
  #unrepaired = false;
  #untold: Found[] = [];
  #listener: ((found: Found) => void) | undefined;

  /** How many rows have been set aside since the start. */
  get rows(): number {
    return this.#rows;
  }

  /** Whether the file is used though a check found it damaged. */
  get unrepaired(): boolean {
    return this.#unrepaired;
  }

  found(found: Found): void {
    this.#rows += found.rows;
    this.#unrepaired ||= found.unrepaired ?? false;
    if (this.#listener) {
      this.#listener(found);
    } else {
      this.#untold.push(found);
    }
  }

  /** Calls `listener` for each, and at once for what was found before. */
  watch(listener: (found: Found) => void): void {
    this.#listener = listener;
    for (const found of this.#untold.splice(0)) {
      listener(found);
    }
  }
}
