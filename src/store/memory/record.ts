import type { RecordLine } from "../../model/outbox.ts";
import { wasTold } from "../part-ends.ts";
import { addUp, countRefusals, isSameRefusal } from "../refusals.ts";
import type { Tables } from "./rows.ts";

/** The record of what became of deliveries, in memory. */
export class Records {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** What planning has decided not to tell. */
  addAll(lines: readonly RecordLine[]): void {
    for (const line of countRefusals(lines)) {
      if (!this.#isKnown(line)) {
        this.add(line);
      }
    }
  }

  add(record: RecordLine): void {
    const silence = record.silence === undefined ? undefined : this.#tables.silences.get(record.silence);
    if (silence) {
      silence.muted += 1;
    }
    const at = this.#tables.records.findLastIndex((line) => isSameRefusal(line, record));
    const [before] = at < 0 ? [] : this.#tables.records.splice(at, 1);
    this.#tables.records.push(before ? addUp(before, record) : record);
  }

  /** What comes again while it is muted is muted once, and what is owed has an end of its own. */
  #isKnown({ delivery, outcome }: RecordLine): boolean {
    if (outcome !== "muted") {
      return false;
    }
    const isEnded = (line: RecordLine) => line.delivery === delivery && (wasTold(line) || line.outcome === "muted");
    return this.#tables.owed.has(delivery) || this.#tables.records.some(isEnded);
  }
}
