import type { BatchBounds, DeliveryId, TakeOptions } from "../../model/outbox.ts";
import type { BatchNote, Floods } from "../../model/pacing.ts";
import { leave, NO_FLOODS } from "../../pacing/flood.ts";
import { floodOfKey, goesFirst } from "../../pacing/place.ts";
import { batchIdOf } from "../batch-id.ts";
import { nameOf } from "../names.ts";
import { countFitting } from "../schedule.ts";
import type { OwedParts } from "./parts.ts";
import type { FormedBatch, OwedDelivery, Tables, WaitingGroup } from "./rows.ts";

/** What leaves together, in memory. */
export class Batches {
  readonly #tables: Tables;
  readonly #parts: OwedParts;

  constructor(tables: Tables, parts: OwedParts) {
    this.#tables = tables;
    this.#parts = parts;
  }

  /** As many as are due and wanted, on their way from now on; where none is, when the next will be. */
  take(
    destination: string,
    now: number,
    options: TakeOptions,
  ): { readonly taken: readonly FormedBatch[]; readonly dueAt?: number } {
    const { most = 1, ordered = false, urgentOnly = false } = options;
    const taken: FormedBatch[] = [];
    while (taken.length < most) {
      const batch = this.#next(destination, now, options);
      if (!batch) {
        break;
      }
      this.#tables.batches.set(batch.id, { ...batch, takenAt: now });
      taken.push(batch);
    }
    if (taken.length > 0) {
      return { taken };
    }
    const busy = this.#parts.busyGroups(destination, ordered);
    const dueAt = [
      ...this.#parts.free(destination, ordered).flatMap((one) => (one.high || !urgentOnly ? one.nextAt : [])),
      ...[...this.#tables.groups.values()].flatMap((one) =>
        one.destination === destination &&
        typeof one.dueAt === "number" &&
        !busy.has(one.group.key) &&
        (!urgentOnly || this.#waiting(destination, one.group.key).some(isHigh))
          ? [one.dueAt]
          : [],
      ),
    ].reduce((earliest, at) => Math.min(earliest, at), Number.POSITIVE_INFINITY);
    return { taken, ...(dueAt !== Number.POSITIVE_INFINITY && { dueAt }) };
  }

  /** The batch that leaves next. */
  #next(
    destination: string,
    now: number,
    { newFirst = false, bounds, ordered = false, urgentOnly = false }: TakeOptions,
  ): FormedBatch | undefined {
    const free = () => this.#parts.free(destination, ordered);
    const due = (high: boolean) =>
      free()
        .filter((one) => one.nextAt <= now && one.high === high)
        .sort((a, b) => a.nextAt - b.nextAt || (a.part?.n ?? 0) - (b.part?.n ?? 0))[0];
    const form = (high: boolean) => this.#formFree(destination, now, { high, free, ordered, bounds });
    const urgent = due(true) ?? form(true);
    if (urgentOnly) {
      return urgent;
    }
    const fresh = newFirst && !urgent ? form(false) : undefined;
    return urgent ?? fresh ?? due(false) ?? form(false);
  }

  /** The batch of a group that is due, and that need not wait for what became owed before. */
  #formFree(destination: string, now: number, how: Forming): FormedBatch | undefined {
    for (let batch = this.#formBatch(destination, now, how); batch; batch = this.#formBatch(destination, now, how)) {
      this.#tables.batches.set(batch.id, batch);
      if (how.free().includes(batch)) {
        return batch;
      }
    }
    return undefined;
  }

  #formBatch(destination: string, now: number, { high, ordered, bounds }: Forming): FormedBatch | undefined {
    const busy = this.#parts.busyGroups(destination, ordered);
    const due = [...this.#tables.groups.values()]
      .filter((one) => one.destination === destination && typeof one.dueAt === "number" && one.dueAt <= now)
      .filter(({ group }) => !busy.has(group.key))
      .map((state) => {
        const waiting = this.#waiting(destination, state.group.key);
        return { state, waiting, high: waiting.some(isHigh) };
      })
      .filter((one) => one.high === high)
      .sort((a, b) => (a.state.dueAt ?? 0) - (b.state.dueAt ?? 0))[0];
    if (!due) {
      return undefined;
    }
    const { group } = due.state;
    const sizes = due.waiting.map(({ alert }) => ({ bytes: JSON.stringify(alert).length, more: alert.pages ?? 0 }));
    const leaving = due.waiting.slice(0, countFitting(sizes, bounds));
    const ids = leaving.map((owed) => owed.delivery.id);
    const id = ids.length > 0 ? batchIdOf(ids) : batchIdOf([destination, group.key, `${now}`] as DeliveryId[]);
    for (const owed of leaving) {
      owed.batch = id;
    }
    const subjects = new Set(due.waiting.map(({ delivery }) => delivery.eventUuid ?? delivery.id)).size;
    const isWhole = due.waiting.length === leaving.length;
    const { note, dueAt } = this.#leave(due.state, { subjects, isWhole, now });
    this.#tables.groups.set(nameOf(destination, group.key), { ...due.state, dueAt, lastLeftAt: now });
    return {
      id,
      destination,
      attempts: 0,
      show: group.show,
      ...(note && { note }),
      high: due.high,
      nextAt: now,
      groupKey: group.key,
    };
  }

  /** What a batch of the group tells of why it leaves as one, and when the group is due next. */
  #leave(
    { destination, group, collects }: WaitingGroup,
    left: Parameters<typeof leave>[2],
  ): { readonly note?: BatchNote; readonly dueAt: number | null } {
    const flooded = floodOfKey(group.key);
    if (flooded === undefined) {
      const note: BatchNote | undefined = collects === undefined || collects === "flood" ? undefined : { collects };
      return { ...(note && { note }), dueAt: left.isWhole ? null : left.now };
    }
    const { floods, note, dueAt } = leave(this.#floodsOf(destination), flooded, left);
    this.#tables.floods.set(destination, floods);
    return { ...(note && { note: { collects: "flood", flood: note } }), dueAt };
  }

  #floodsOf(destination: string): Floods {
    return this.#tables.floods.get(destination) ?? NO_FLOODS;
  }

  #waiting(destination: string, groupKey: string): readonly OwedDelivery[] {
    return [...this.#tables.owed.values()].filter(
      (owed) => owed.batch === undefined && owed.groupKey === groupKey && owed.delivery.destination === destination,
    );
  }
}

/** How a batch is made of a group. */
interface Forming {
  /** Among those that go first, or the others. */
  readonly high: boolean;
  /** The batches that may leave. */
  readonly free: () => readonly FormedBatch[];
  readonly ordered: boolean;
  readonly bounds: BatchBounds | undefined;
}

const isHigh = (owed: OwedDelivery) => goesFirst(owed.delivery);
