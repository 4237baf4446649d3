import type { Lane } from "../delivery/deliver.ts";
import type { Ledger, Pause } from "../model.ts";

/** A destination that refuses us. */
export interface Suspended {
  readonly at: number;
  readonly reason: string;
}

/**
 * What operators do to delivery loops, and what they should know of them: a pause lasts across restarts, an urge is for
 * this moment.
 */
export class Levers {
  readonly #ledger: Ledger;
  readonly #pauses: Map<string, Pause>;
  readonly #urged = new Set<string>();
  readonly #suspended = new Map<string, Suspended>();

  constructor(ledger: Ledger, pauses: readonly Pause[]) {
    this.#ledger = ledger;
    this.#pauses = new Map(pauses.map((pause) => [pause.destination, pause]));
  }

  paused(destination: string): Pause | undefined {
    return this.#pauses.get(destination);
  }

  suspended(destination: string): Suspended | undefined {
    return this.#suspended.get(destination);
  }

  /** False: it was paused already. */
  async pause(pause: Pause): Promise<boolean> {
    if (this.#pauses.has(pause.destination)) return false;
    // At once, also while the store writes: what is taken meanwhile was taken before.
    this.#pauses.set(pause.destination, pause);
    await this.#ledger.pause(pause);
    return true;
  }

  /** False: it was not paused. The loop must be woken. */
  async resume(destination: string, now: number): Promise<boolean> {
    if (!this.#pauses.has(destination)) return false;
    await this.#ledger.resume(destination, now);
    this.#pauses.delete(destination);
    return true;
  }

  /** The loop tries at once, also when the other side asked it to wait. It must be woken. */
  urge(destination: string): void {
    this.#urged.add(destination);
  }

  /** The part of a lane that asks what operators want, and tells them how it is. */
  of(destination: string): Required<Pick<Lane, "paused" | "urged" | "suspended">> {
    return {
      paused: () => this.#pauses.has(destination),
      urged: () => this.#urged.delete(destination),
      suspended: (suspension) => {
        if (suspension) this.#suspended.set(destination, suspension);
        else this.#suspended.delete(destination);
      },
    };
  }
}

/** With the pauses that the store remembers. */
export async function openLevers(ledger: Ledger): Promise<Levers> {
  return new Levers(ledger, await ledger.paused());
}
