import type { RecordLine } from "../model.ts";
import type { Plan } from "../planning/plan.ts";

/** What happened since the start, by its outcome. */
export class Totals {
  #messages = 0;
  #told = 0;
  #muted = 0;
  readonly #refused = new Map<string, number>();
  readonly #dead = new Map<string, number>();

  /** A plan that was committed. */
  planned({ effects, traces }: Plan): void {
    this.#messages += traces.length;
    for (const line of effects.records) this.settled(line);
  }

  /** A line that entered the record. */
  settled({ outcome, reason = "unknown" }: RecordLine): void {
    if (outcome === "sent" || outcome === "unproven") this.#told += 1;
    else if (outcome === "muted") this.#muted += 1;
    else bump(outcome === "refused" ? this.#refused : this.#dead, reason);
  }

  get counts() {
    return {
      messages: this.#messages,
      told: this.#told,
      refused: Object.fromEntries(this.#refused),
      muted: this.#muted,
      dead: Object.fromEntries(this.#dead),
    };
  }
}

function bump(map: Map<string, number>, reason: string): void {
  map.set(reason, (map.get(reason) ?? 0) + 1);
}
