import type { RecordLine } from "../../model/outbox.ts";
import { reminderOfNewer, remindersAfter } from "../../pacing/remind.ts";
import { nameOf } from "../names.ts";
import { wasTold } from "../part-ends.ts";
import type { OwedParts } from "./parts.ts";
import type { OwedDelivery, Tables } from "./rows.ts";
import type { Waiting } from "./waiting.ts";

/** Reminders, in memory. */
export class Reminders {
  readonly #tables: Tables;
  readonly #waiting: Waiting;
  readonly #parts: OwedParts;

  constructor(tables: Tables, rows: { readonly waiting: Waiting; readonly parts: OwedParts }) {
    this.#tables = tables;
    this.#waiting = rows.waiting;
    this.#parts = rows.parts;
  }

  /** Owes what follows a delivery that is over. */
  follow({ delivery, alert, owedSince }: OwedDelivery, line: RecordLine, now: number): void {
    const { instance, eventUuid, destination } = delivery;
    const acknowledged = this.#tables.acknowledged.get(nameOf(instance, eventUuid));
    if (acknowledged && acknowledged.at >= owedSince) {
      return;
    }
    const waiting = delivery.reminder ? undefined : this.#of(instance, eventUuid, destination);
    for (const next of remindersAfter(delivery, line, now)) {
      const { owed, records } = this.#tables;
      if (!waiting && !owed.has(next.id) && !records.some((one) => one.delivery === next.id && wasTold(one))) {
        this.#waiting.owe(next, alert, this.#waiting.place(next, undefined, now));
      } else if (waiting && waiting.batch === undefined) {
        const newer = reminderOfNewer(delivery, waiting.delivery, now);
        owed.delete(waiting.delivery.id);
        this.#parts.forget(waiting);
        this.#waiting.owe(newer, alert, waiting.groupKey);
      }
    }
  }

  #of(instance: string, eventUuid: string | undefined, destination: string): OwedDelivery | undefined {
    return [...this.#tables.owed.values()].find(
      ({ delivery: one }) =>
        one.reminder && one.instance === instance && one.eventUuid === eventUuid && one.destination === destination,
    );
  }
}
