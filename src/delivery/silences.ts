import type { Log } from "../base/log.ts";
import type { Ledger } from "../model/ledger.ts";
import type { Silence } from "../model/silence.ts";
import { type CompiledSilence, compileSilence } from "../routing/silence.ts";

/** So many may be in force at a time: each is asked about every alert. */
export const MAX_SILENCES = 200;

/** The silences that are in force, or were lately. They last across restarts, and end by themselves. */
export class Silences {
  readonly #ledger: Pick<Ledger, "silences" | "silence"> | undefined;
  #compiled: readonly CompiledSilence[] = [];

  /** Without a ledger they last as long as the process. */
  constructor(ledger?: Pick<Ledger, "silences" | "silence">) {
    this.#ledger = ledger;
  }

  /** Those that have not ended by then. */
  inForce(now: number): readonly CompiledSilence[] {
    // None, as a rule: this is asked for each batch.
    return this.#compiled.length === 0 ? this.#compiled : this.#compiled.filter(({ silence }) => silence.until > now);
  }

  /** At once and for good; with the id of another it takes its place. Throws for conditions that cannot be compiled. */
  async put(silence: Silence): Promise<void> {
    const compiled = compileSilence(silence);
    const replaced = this.#compiled.filter((one) => one.silence.id === silence.id);
    this.#compiled = [...this.#compiled.filter((one) => !replaced.includes(one)), compiled];
    try {
      await this.#ledger?.silence(silence);
    } catch (error) {
      this.#compiled = [...this.#compiled.filter((one) => one !== compiled), ...replaced];
      throw error;
    }
  }

  /** Goes by what the store has: it knows what of a time a clock only claimed. One that cannot be read mutes nothing. */
  async refresh(now: number, log: Log): Promise<void> {
    const before = this.#compiled;
    const stored = (await this.#ledger?.silences(now)) ?? [];
    if (this.#compiled !== before) {
      return; // one was put meanwhile: the next look has all of them
    }
    this.#compiled = stored.flatMap((silence) => {
      try {
        return [compileSilence(silence)];
      } catch (error) {
        const { id } = silence;
        const hint = "it mutes nothing: add it again, and remove this one with misp-herald silence remove";
        log.error({ err: error, silence: id, hint }, "The conditions of a silence cannot be read");
        return [];
      }
    });
  }
}

/** With what the store remembers. */
export async function openSilences(ledger: Ledger, now: number, log: Log): Promise<Silences> {
  const silences = new Silences(ledger);
  await silences.refresh(now, log);
  return silences;
}
