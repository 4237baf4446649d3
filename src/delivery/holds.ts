import type { Hold, Ledger } from "../model/ledger.ts";

/** What opens and closes the way to one destination; a delivery loop asks before it takes anything. */
export interface Breaker {
  /** An operator holds it, until the loop's wakeup rings. */
  paused(): boolean;
  /** True once after an operator asked to try now: a rest that the other side imposed is over. */
  urged(): boolean;
  /** It refuses us. */
  suspended(): Hold | undefined;
  suspend(reason: string, now: number): Promise<void>;
  /** Returns how long it was suspended. */
  recover(now: number): Promise<number>;
}

/** Everything that holds a destination. It lasts across restarts; an urge is for this moment. */
export class Holds {
  readonly #ledger: Pick<Ledger, "hold" | "release"> | undefined;
  readonly #holds: Hold[];
  readonly #urged = new Set<string>();

  /** Without a ledger it lasts as long as the process. */
  constructor(ledger?: Pick<Ledger, "hold" | "release">, holds: readonly Hold[] = []) {
    this.#ledger = ledger;
    this.#holds = [...holds];
  }

  get all(): readonly Hold[] {
    return this.#holds;
  }

  find(destination: string, kind: Hold["kind"]): Hold | undefined {
    return this.#holds.find((hold) => hold.destination === destination && hold.kind === kind);
  }

  /** False: it was held in this way already. */
  async add(hold: Hold): Promise<boolean> {
    if (this.find(hold.destination, hold.kind)) {
      return false;
    }
    // At once, also while the store writes: what is taken meanwhile was taken before.
    this.#holds.push(hold);
    try {
      await this.#ledger?.hold(hold);
    } catch (error) {
      this.#remove(hold);
      throw error;
    }
    return true;
  }

  /** Returns what has held it. The loop must be woken. */
  async release(destination: string, kind: Hold["kind"], now: number): Promise<Hold | undefined> {
    const hold = this.find(destination, kind);
    if (!hold) {
      return undefined;
    }
    await this.#ledger?.release(destination, kind, now);
    this.#remove(hold);
    return hold;
  }

  #remove(hold: Hold): void {
    const at = this.#holds.indexOf(hold);
    if (at >= 0) {
      this.#holds.splice(at, 1);
    }
  }

  /** The loop tries at once, also when the other side asked it to wait. It must be woken. */
  urge(destination: string): void {
    this.#urged.add(destination);
  }

  breaker(destination: string): Breaker {
    return {
      paused: () => this.find(destination, "paused") !== undefined,
      urged: () => this.#urged.delete(destination),
      suspended: () => this.find(destination, "suspended"),
      suspend: async (reason, now) =>
        void (await this.add({ destination, kind: "suspended", since: now, note: reason })),
      recover: async (now) => {
        const hold = await this.release(destination, "suspended", now);
        return hold ? Math.max(0, now - hold.since) : 0;
      },
    };
  }
}

/** With what the store remembers. */
export async function openHolds(ledger: Ledger): Promise<Holds> {
  return new Holds(ledger, await ledger.holds());
}
