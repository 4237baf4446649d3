import { setImmediate } from "node:timers/promises";
import { packParts, shortName, stateOf, unpackParts } from "../guard/fingerprint.ts";
import type { AlertPage, Item } from "../model/alert.ts";
import type { Batch, Division, PartContent, Slice, Store } from "../model/outbox.ts";
import type { Payload, Program } from "../model/payload.ts";
import type { Comparison, ToldParts } from "../model/told.ts";
import { Filler, SLACK_BYTES } from "./filler.ts";
import { type OpenedBatch, openBatch } from "./payload.ts";
import type { SendContext } from "./show.ts";
import { newsOf } from "./slice.ts";
import { Names, shownBy } from "./told.ts";

/** So many items that are taken back are weighed at once. */
const WEIGHED = 200;
/** A page is some of this by itself; what leaves meanwhile needs several turns. */
const TURN_MS = 5;
/** As long as any comparison is. */
const MANY = { added: 1e9, changed: 1e9, removed: 1e9, unchanged: 1e9 };

/** What it takes to cut a batch. */
export interface Cutting {
  readonly program: Program;
  readonly sending: SendContext;
  readonly store: Pick<Store, "page">;
  readonly now: number;
  readonly monotonic: () => number;
}

type Entry = Batch["entries"][number];

/**
 * Cuts what one payload cannot hold into parts that can; undefined: it can. Whole entries are put together as far as they fit;
 * the deliveries of one that does not fit by itself leave one after the other, each in as many slices as it takes.
 */
export async function divide(
  batch: Batch,
  { payload, leaving }: OpenedBatch,
  cutting: Cutting,
): Promise<Division | undefined> {
  const { program } = cutting;
  const isPaged = batch.entries.some(({ alert }) => alert.pages);
  if (!payload || (!isPaged && program.fits(payload))) {
    return undefined;
  }
  const { total, entries: weights } = program.weigh(payload);
  const sizes = weights.map((weight) => sum([weight.base, ...weight.items, ...weight.objects.values()]));
  const around = total - sum(sizes) + SLACK_BYTES;
  const parts: PartContent[] = [];
  const told: Division["told"][number][] = [];
  let together: Payload["entries"][number]["deliveries"][number][] = [];
  let room = program.maxBytes - around;
  const flush = () => {
    if (together.length > 0) {
      parts.push({ deliveries: together });
      together = [];
    }
    room = program.maxBytes - around;
  };
  const leave = new Set(leaving.map(({ delivery }) => delivery.id));
  const known = new Map((batch.told ?? []).map(({ parts: one }) => [eventOf(one), one]));
  const turn = turns(cutting.monotonic);
  for (const [index, entry] of payload.entries.entries()) {
    const size = sizes[index] ?? 0;
    if (!isPaged && around + size <= program.maxBytes) {
      if (size > room) {
        flush();
      }
      together.push(...entry.deliveries);
      room -= size;
      continue;
    }
    flush();
    // In the order in which they became owed, each compared with the one before.
    for (const one of batch.entries.filter(({ delivery: { id } }) => entry.deliveries.includes(id) && leave.has(id))) {
      const { delivery } = one;
      const cut = await sliced(batch, one, known.get(eventOf(delivery)), cutting, turn);
      parts.push(...cut.slices.map((slice) => ({ delivery: delivery.id, slice })));
      if (cut.told) {
        told.push({ delivery: delivery.id, parts: cut.told });
        known.set(eventOf(delivery), cut.told);
      }
    }
  }
  flush();
  return { batch: batch.id, parts, told };
}

function eventOf({ instance, eventUuid }: { readonly instance: string; readonly eventUuid?: string }): string {
  return JSON.stringify([instance, eventUuid]);
}

/** Cuts one delivery, page by page: no more than one page is in memory. `before`: what the destination knows of its event. */
async function sliced(
  batch: Batch,
  entry: Entry,
  before: ToldParts | undefined,
  cutting: Cutting,
  turn: () => Promise<void>,
): Promise<{ readonly slices: readonly Slice[]; readonly told?: ToldParts }> {
  const { delivery, alert } = entry;
  const known = before ? unpackParts(before.parts) : new Map<string, number>();
  const isExact = alert.kind === "event.published" && before !== undefined && !before.parts.partial;
  // All that was told of it by name is taken back with it.
  const isWhole = delivery.withdraws !== undefined && delivery.withdraws !== "parts";
  const filler = new Filler(cutting.program.maxBytes);
  const after = new After();
  const hidden = new Set(delivery.hidden);
  const tally = { a: 0, c: 0, u: 0, l: 0, "-": 0 };
  // Every part says how all of them compare.
  const weighing = { removed: [], removedElsewhere: 0, ...(isExact && { compared: { ...MANY, toldAt: before.at } }) };
  let end = 0;
  for await (const { page, memory } of pagesOf(entry, cutting.store)) {
    const { first, items, loose } = page;
    end = first + items.length + loose.length;
    const objects = [...page.objects, ...loose];
    const letters = items.map((item) => newsOf(item, known, isExact));
    const slice = { ...weighing, from: first, to: end, news: letters.join("") };
    const seen = weighed(batch, { delivery, alert: { ...alert, items, objects }, memory }, slice, cutting);
    filler.around(seen.base);
    for (const [index, item] of items.entries()) {
      const letter = letters[index] ?? "-";
      const bytes = seen.items.get(item);
      const object = item.objectKey === undefined ? 0 : (seen.objects.get(item.objectKey) ?? 0);
      filler.add(first + index, bytes ?? 0, { key: item.objectKey, bytes: object }, letter);
      if (bytes === undefined) {
        hidden.add(shortName(item) ?? "");
      } else {
        tally[letter] += 1;
        after.add(item);
      }
    }
    for (const [index, { key }] of loose.entries()) {
      filler.add(first + items.length + index, seen.objects.get(key) ?? 0);
    }
    await turn();
  }
  const isCompared = isExact && after.isWhole;
  const gone = new Set(
    isCompared || isWhole ? [...known.keys()].filter((name) => !after.has(name) && !hidden.has(name)) : [],
  );
  const named = (before?.named ?? []).filter((item) => gone.has(shortName(item) ?? ""));
  const rows = (batch.told ?? []).flatMap((one) => one.rows);
  const memory = { ...entry.memory, parts: [...entry.memory.parts, ...rows] };
  for (let from = 0; from < named.length; from += WEIGHED) {
    const some = named.slice(from, from + WEIGHED);
    const slice = { ...weighing, from: end, to: end, removed: some };
    const seen = weighed(batch, { delivery, memory, alert: { ...alert, items: [], objects: [] } }, slice, cutting);
    filler.around(seen.base);
    for (const item of some) {
      const bytes = seen.items.get(item);
      if (bytes !== undefined) {
        filler.remove(end, item, bytes);
      }
    }
    await turn();
  }
  const removed = gone.size + tally.l;
  const compared: Comparison | undefined =
    isCompared && before
      ? { toldAt: before.at, added: tally.a, changed: tally.c, removed, unchanged: tally.u }
      : undefined;
  await setImmediate();
  const told = alert.kind === "event.published" ? after.told(entry, before, cutting.now) : undefined;
  await setImmediate();
  return { slices: filler.slices(end, gone.size, compared), ...(told && { told }) };
}

async function* pagesOf(entry: Entry, store: Pick<Store, "page">) {
  const { delivery, alert, memory } = entry;
  if (!alert.pages) {
    const used = new Set(alert.items.map(({ objectKey }) => objectKey));
    const [objects, loose] = [
      alert.objects.filter(({ key }) => used.has(key)),
      alert.objects.filter(({ key }) => !used.has(key)),
    ];
    yield { page: { alert: alert.id, first: 0, items: alert.items, objects, loose } satisfies AlertPage, memory };
    return;
  }
  for (let from = 0; ; ) {
    const found = await store.page(delivery, from);
    if (!found) {
      return;
    }
    yield found;
    from = found.page.first + found.page.items.length + found.page.loose.length;
  }
}

interface Weighed {
  readonly base: number;
  /** Of those that the readers may see now. */
  readonly items: ReadonlyMap<Item, number>;
  readonly objects: ReadonlyMap<string, number>;
}

/** How many bytes a payload takes that has this of a delivery and nothing else. */
function weighed(batch: Batch, entry: Entry, slice: Slice, { sending, program, now }: Cutting): Weighed {
  const { told: _, ...alone } = batch;
  const { payload } = openBatch({ ...alone, entries: [entry], slice }, sending, now);
  const [shown] = payload?.entries ?? [];
  if (!payload || !shown) {
    return { base: 0, items: new Map(), objects: new Map() };
  }
  const { total, entries } = program.weigh(payload);
  const [weight = { base: 0, items: [], objects: new Map<string, number>() }] = entries;
  const items = new Map<Item, number>();
  // The guard leaves out, and makes others of them, but keeps their order.
  let at = 0;
  for (const item of [...entry.alert.items, ...slice.removed]) {
    if (isSame(item, shown.guarded.alert.items[at])) {
      items.set(item, weight.items[at] ?? 0);
      at += 1;
    }
  }
  return { base: total - sum([...weight.items, ...weight.objects.values()]), items, objects: weight.objects };
}

function isSame(one: Item, other: Item | undefined): boolean {
  if (one.uuid !== undefined && one.uuid === other?.uuid && other.type === undefined && other.value === undefined) {
    return true; // all that is told of it is which it is
  }
  return one.uuid === other?.uuid && one.id === other?.id && one.type === other?.type && one.value === other?.value;
}

/** What the destination knows of an event once it has all of a publication. */
class After {
  readonly #parts = new Map<string, number>();
  readonly #names = new Names();
  /** Every item has a name. */
  isWhole = true;

  add(item: Item): void {
    const name = shortName(item);
    if (name === undefined) {
      this.isWhole = false;
    } else if (!item.withdrawn) {
      this.#parts.set(name, stateOf(item));
      this.#names.add(item);
    }
  }

  has(name: string): boolean {
    return this.#parts.has(name);
  }

  told({ delivery, alert }: Entry, before: ToldParts | undefined, at: number): ToldParts | undefined {
    const { instance, eventUuid, destination } = delivery;
    if (eventUuid === undefined) {
      return undefined;
    }
    const shown = shownBy([delivery], { delivery, alert }, before);
    const parts = packParts(this.#parts, this.isWhole, Number.POSITIVE_INFINITY);
    return { instance, eventUuid, destination, at, ...shown, whole: true, parts, named: this.#names.items };
  }
}

function turns(monotonic: () => number): () => Promise<void> {
  let turnedAt = monotonic();
  return async () => {
    if (monotonic() - turnedAt > TURN_MS) {
      await setImmediate();
      turnedAt = monotonic();
    }
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
