import type { AlertPage } from "../../model/alert.ts";
import type { Memory } from "../../model/memory.ts";
import type { Batch, Delivery, TakeOptions } from "../../model/outbox.ts";
import { judgedOf } from "../names.ts";
import type { RememberedEvents } from "./events.ts";
import type { OwedParts } from "./parts.ts";
import type { MemoryPosts } from "./posts.ts";
import type { FormedBatch, Tables } from "./rows.ts";
import type { ToldEvents } from "./told.ts";

/** Reads what leaves, with what is known of it now, from memory. */
export class MemoryReading {
  readonly #tables: Tables;
  readonly #memory: RememberedEvents;
  readonly #parts: OwedParts;
  readonly #posts: MemoryPosts;
  readonly #told: ToldEvents;

  constructor(
    tables: Tables,
    rows: {
      readonly memory: RememberedEvents;
      readonly parts: OwedParts;
      readonly posts: MemoryPosts;
      readonly told: ToldEvents;
    },
  ) {
    this.#tables = tables;
    this.#memory = rows.memory;
    this.#parts = rows.parts;
    this.#posts = rows.posts;
    this.#told = rows.told;
  }

  batch(batch: FormedBatch, now: number, { follows: isFollowed = false }: TakeOptions): Batch {
    const { id, destination, attempts, show, note, part } = batch;
    const cut = this.#parts.slice(batch);
    const owed = [...this.#tables.owed.values()].filter((one) =>
      cut ? one.delivery.id === batch.delivery : one.batch === id,
    );
    const entries = owed.map(({ delivery, alert: head }) => {
      const alert = cut ? this.#parts.within(head, cut.from, cut.to) : head;
      const judged = judgedOf(alert, delivery);
      const items = [...judged.items, ...(cut?.removed ?? [])];
      return { delivery, alert, memory: this.#memory.of({ ...judged, items }) };
    });
    // What is different was found out when the delivery was cut.
    const told = cut && !cut.last ? [] : this.#told.of(entries);
    const followed = entries.filter(({ delivery }) => isFollowed || delivery.withdraws);
    const follows = this.#posts.follows(destination, followed);
    return {
      id,
      destination,
      attempts,
      show,
      ...(part && { part }),
      ...(cut && { slice: cut }),
      firstAttemptAt: batch.firstAttemptAt ?? now,
      ...(note && { note }),
      entries,
      ...(told.length > 0 && { told }),
      ...(follows.length > 0 && { follows }),
    };
  }

  /** The page of a delivery's alert in which the place is. */
  page(delivery: Delivery, from: number): { page: AlertPage; memory: Memory } | undefined {
    const alert = this.#tables.owed.get(delivery.id)?.alert;
    const page = alert && this.#parts.page(alert, from);
    if (!alert || !page) {
      return undefined;
    }
    const around = { ...alert, items: page.items, objects: [...page.objects, ...page.loose] };
    return { page, memory: this.#memory.of(judgedOf(around, delivery)) };
  }
}
