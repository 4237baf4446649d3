import type { Floods } from "../../model/pacing.ts";
import { NO_FLOODS, setBack } from "../../pacing/flood.ts";
import { parseBody } from "./rows.ts";
import type { Statements } from "./statements.ts";

type FloodStatements = Pick<Statements, "floods" | "putFloods" | "allFloods">;

/** How fast alerts come to destinations, read once and written once; within one transaction. */
export class FloodRows {
  readonly #sql: FloodStatements;
  readonly #read = new Map<string, Floods>();
  readonly #changed = new Map<string, Floods>();

  constructor(sql: FloodStatements) {
    this.#sql = sql;
  }

  of(destination: string): Floods {
    const known = this.#read.get(destination);
    if (known) {
      return known;
    }
    const body = this.#sql.floods.get(destination)?.body;
    const floods = body === undefined ? NO_FLOODS : parseBody<Floods>(body);
    this.#read.set(destination, floods);
    return floods;
  }

  put(destination: string, floods: Floods): void {
    this.#read.set(destination, floods);
    this.#changed.set(destination, floods);
  }

  write(): void {
    for (const [destination, floods] of this.#changed) {
      this.#sql.putFloods.run(destination, JSON.stringify(floods));
    }
  }
}

/** The clock was set back by so much. */
export function setBackFloods(sql: FloodStatements, by: number): void {
  for (const { destination, body } of sql.allFloods.all()) {
    sql.putFloods.run(destination, JSON.stringify(setBack(parseBody<Floods>(body), by)));
  }
}
