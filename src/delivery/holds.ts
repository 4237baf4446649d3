import type { Hold, Ledger } from "../model/ledger.ts";

/** What opens and closes the way to one destination; a delivery loop asks before it takes anything. */
export interface Breaker {
  /** An operator holds it, until the loop's wakeup rings or the pause has ended. */
  paused(): Hold | undefined;
  /** Its pause has ended by itself. */
  resume(now: number): Promise<void>;
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
  readonly #ledger: Pick<Ledger, "hold" | "limit" | "release"> | undefined;
  readonly #holds: Hold[];
  readonly #urged = new Set<string>();

  /** Without a ledger it lasts as long as the process. */
  constructor(ledger?: Pick<Ledger, "hold" | "limit" | "release">, holds: readonly Hold[] = []) {
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

  /** Pauses a destination, or gives its pause another end; false: it is paused so already. The loop must be woken. */
  async pause(hold: Hold): Promise<boolean> {
    const found = this.find(hold.destination, "paused");
    if (!found) {
      return this.add(hold);
    }
    if (found.until === hold.until) {
      return false;
    }
    const { until: _, ...standing } = found;
    const changed = { ...standing, note: hold.note, ...(hold.until !== undefined && { until: hold.until }) };
    await this.#ledger?.limit(changed);
    this.#replace(found, changed);
    return true;
  }

  /** The pauses that have ended by themselves are over; names their destinations, whose loops must be woken. */
  async expire(now: number): Promise<readonly string[]> {
    const over = this.#holds.filter(({ until = Number.POSITIVE_INFINITY }) => until <= now);
    for (const { destination, kind } of over) {
      await this.release(destination, kind, now);
    }
    return over.map(({ destination }) => destination);
  }

  /** Takes over when pauses end from what is stored, which goes by the clock as it is set now. */
  follow(stored: readonly Hold[]): void {
    for (const { destination, kind, until } of stored) {
      const found = this.find(destination, kind);
      if (found?.until !== undefined && until !== undefined) {
        this.#replace(found, { ...found, until });
      }
    }
  }

  #replace(before: Hold, after: Hold): void {
    const at = this.#holds.indexOf(before);
    if (at >= 0) {
      this.#holds[at] = after;
    }
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
      paused: () => this.find(destination, "paused"),
      resume: async (now) => void (await this.release(destination, "paused", now)),
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
