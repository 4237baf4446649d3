import type { PartMemory } from "../../model/memory.ts";
import type { Batch } from "../../model/outbox.ts";
import type { ToldParts } from "../../model/told.ts";
import { nameOf } from "../names.ts";
import type { MemoryRows } from "./memory.ts";
import { parseToldParts } from "./rows.ts";
import type { Statements } from "./statements.ts";

/** What a batch brings of it into memory. */
const TOLD_PARTS_BYTES = 16 * 2 ** 20;

/** What destinations were told of events, in SQLite. Every call is part of a transaction. */
export class ToldRows {
  readonly #sql: Statements;
  readonly #memory: MemoryRows;

  constructor(sql: Statements, memory: MemoryRows) {
    this.#sql = sql;
    this.#memory = memory;
  }

  keep(told: readonly ToldParts[], now: number): void {
    for (const one of told) {
      const { instance, eventUuid, destination, whole } = one;
      this.#sql.putToldParts.run(instance, eventUuid, destination, now, whole ? 1 : 0, JSON.stringify(one));
    }
  }

  /** What the destination was told of the events of these deliveries, as much as there is room for. */
  of(entries: Batch["entries"]): NonNullable<Batch["told"]> {
    const told: { parts: ToldParts; rows: readonly PartMemory[] }[] = [];
    const seen = new Set<string>();
    let bytes = 0;
    for (const { delivery } of entries) {
      const { instance, eventUuid, destination } = delivery;
      // A reminder is not compared with what it reminds of.
      const isSeen = eventUuid === undefined || seen.has(nameOf(instance, eventUuid));
      if (isSeen || delivery.reminder || bytes > TOLD_PARTS_BYTES) {
        continue;
      }
      seen.add(nameOf(instance, eventUuid));
      const body = this.#sql.toldParts.get(instance, eventUuid, destination)?.body;
      if (body === undefined) {
        continue;
      }
      bytes += body.length;
      const parts = parseToldParts(body);
      told.push({ parts, rows: this.#memory.named(instance, eventUuid, parts.named) });
    }
    return told;
  }
}
