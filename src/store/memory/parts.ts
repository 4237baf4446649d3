import type { Alert, AlertPage, WrittenPage } from "../../model/alert.ts";
import type { Batch, BatchId, Division, RecordLine, Settlement, Slice } from "../../model/outbox.ts";
import type { ToldParts } from "../../model/told.ts";
import { batchIdOf } from "../batch-id.ts";
import { cutTo, onlyPage } from "../pages.ts";
import { endPart, type PartsEnd, sliceIdOf } from "../part-ends.ts";
import type { FormedBatch, OwedDelivery } from "./rows.ts";

/** Alerts in several pages and deliveries in several payloads, in memory, and what of all that may leave. */
export class OwedParts {
  readonly #owed: Map<string, OwedDelivery>;
  readonly #batches: Map<string, FormedBatch>;
  readonly #pages = new Map<string, readonly AlertPage[]>();
  readonly #slices = new Map<string, Slice>();
  readonly #cuts = new Map<string, { readonly told: ToldParts | undefined; readonly end: PartsEnd }>();

  constructor(owed: Map<string, OwedDelivery>, batches: Map<string, FormedBatch>) {
    this.#owed = owed;
    this.#batches = batches;
  }

  keep(pages: readonly WrittenPage[]): void {
    for (const alert of new Set(pages.map((page) => page.alert))) {
      const own = pages.filter((page) => page.alert === alert);
      this.#pages.set(
        alert,
        own.map(({ first, body }) => ({ alert, first, ...JSON.parse(body) })),
      );
    }
  }

  /** What was kept of a delivery that is owed no more. */
  forget({ delivery }: OwedDelivery): void {
    this.#cuts.delete(delivery.id);
    for (const batch of this.#batches.values()) {
      if (batch.delivery === delivery.id) {
        this.#batches.delete(batch.id);
        this.#slices.delete(batch.id);
      }
    }
    if (![...this.#owed.values()].some((one) => one.delivery.alert === delivery.alert)) {
      this.#pages.delete(delivery.alert);
    }
  }

  divide({ batch: id, parts, told }: Division, now: number): void {
    const batch = this.#batches.get(id);
    if (!batch) {
      return;
    }
    const { takenAt: _, ...rest } = batch;
    const [only] = parts;
    if (batch.part) {
      this.#batches.set(id, rest);
      return;
    }
    if (parts.length === 1 && only && "deliveries" in only) {
      this.#batches.set(id, { ...rest, part: { n: 1, of: 1 } });
      return;
    }
    this.#batches.delete(id);
    for (const [index, content] of parts.entries()) {
      const part = { n: index + 1, of: parts.length };
      const common = { ...rest, nextAt: now, part };
      if ("slice" in content) {
        const { delivery, slice } = content;
        const name = sliceIdOf(delivery, slice, part);
        this.#batches.set(name, { ...common, id: name, delivery });
        this.#slices.set(name, slice);
        if (!this.#cuts.has(delivery)) {
          this.#join(delivery, name);
          const known = told.find((one) => one.delivery === delivery)?.parts;
          this.#cuts.set(delivery, { told: known, end: { missing: [] } });
        }
      } else {
        const name = batchIdOf(content.deliveries);
        this.#batches.set(name, { ...common, id: name });
        for (const delivery of content.deliveries) {
          this.#join(delivery, name);
        }
      }
    }
  }

  /** The part of a delivery that a batch is; undefined: it is no part of one. */
  slice({ id, delivery }: FormedBatch): Batch["slice"] {
    const slice = this.#slices.get(id);
    const cut = delivery === undefined ? undefined : this.#cuts.get(delivery);
    if (!slice || !cut) {
      return undefined;
    }
    const { told, end } = cut;
    const isLast = this.#nextOf(id, delivery) === undefined;
    return { ...slice, ...(isLast && { last: { ...(told && { told }), missing: end.missing } }) };
  }

  /** Settles one part; the line of the delivery once it is the last one. */
  settle(
    { id }: FormedBatch,
    delivery: string,
    { records, missing = [] }: Settlement,
  ): { readonly line: RecordLine; readonly isTold: boolean } | undefined {
    const record = records.find((line) => line.delivery === delivery);
    const cut = this.#cuts.get(delivery);
    if (!record || !cut) {
      return undefined;
    }
    const end = endPart(cut.end, record, missing);
    const next = this.#nextOf(id, delivery);
    if (!next && end.line) {
      return { line: end.line, isTold: end.isTold ?? false };
    }
    if (next) {
      this.#join(delivery, next.id);
      this.#slices.delete(id);
      this.#cuts.set(delivery, { ...cut, end });
    }
    return undefined;
  }

  /** The alert with the items that have these places, and with no others. */
  within(alert: Alert, from: number, to: number): Alert {
    const parts = this.#pagesOf(alert).map((page) => cutTo(alert, page, from, to));
    const objects = new Map(parts.flatMap((part) => part.objects.map((object) => [object.key, object] as const)));
    return { ...alert, items: parts.flatMap(({ items }) => items), objects: [...objects.values()] };
  }

  /** The page in which the place is. */
  page(alert: Alert, from: number): AlertPage | undefined {
    const pages = this.#pages.get(alert.id) ?? [];
    return pages.find(({ first, items, loose }) => first <= from && first + items.length + loose.length > from);
  }

  /** An alert in several pages with what the first of them has. */
  glimpse(alert: Alert): Alert {
    const page = alert.pages ? this.page(alert, 0) : undefined;
    return page ? cutTo(alert, page, 0, page.items.length + page.loose.length) : alert;
  }

  /** Groups of which something is on its way, where order is kept. */
  busyGroups(destination: string, ordered: boolean): ReadonlySet<string> {
    const taken = [...this.#batches.values()].filter((batch) => ordered && batch.takenAt !== undefined);
    return new Set(taken.flatMap((batch) => (batch.destination === destination ? batch.groupKey : [])));
  }

  /** The batches that may leave: no part that comes before is left, and, where order is kept, nothing else is in the way. */
  free(destination: string, ordered: boolean): readonly FormedBatch[] {
    const busy = this.busyGroups(destination, ordered);
    const owed = [...this.#owed.values()].filter((one) => one.delivery.destination === destination);
    const comesBefore = (other: OwedDelivery, own: OwedDelivery) =>
      other.batch !== undefined &&
      other.batch !== own.batch &&
      other.seq < own.seq &&
      other.delivery.eventUuid === own.delivery.eventUuid &&
      other.delivery.instance === own.delivery.instance;
    const isBehind = ({ id }: FormedBatch) =>
      owed.some(
        (own) =>
          own.batch === id && own.delivery.eventUuid !== undefined && owed.some((other) => comesBefore(other, own)),
      );
    return [...this.#batches.values()].filter(
      (batch) =>
        batch.destination === destination &&
        batch.takenAt === undefined &&
        !busy.has(batch.groupKey) &&
        !this.#isAfter(batch) &&
        !(ordered && isBehind(batch)),
    );
  }

  #isAfter({ delivery, part }: FormedBatch): boolean {
    return [...this.#batches.values()].some(
      (other) => delivery !== undefined && other.delivery === delivery && (other.part?.n ?? 0) < (part?.n ?? 0),
    );
  }

  #nextOf(id: string, delivery: string | undefined): FormedBatch | undefined {
    const others = [...this.#batches.values()].filter((one) => one.delivery === delivery && one.id !== id);
    return delivery === undefined ? undefined : others.sort((a, b) => (a.part?.n ?? 0) - (b.part?.n ?? 0))[0];
  }

  #pagesOf(alert: Alert): readonly AlertPage[] {
    return alert.pages ? (this.#pages.get(alert.id) ?? []) : [onlyPage(alert)];
  }

  #join(delivery: string, batch: BatchId): void {
    const owed = this.#owed.get(delivery);
    if (owed) {
      owed.batch = batch;
    }
  }
}
