import type { Item } from "../model/alert.ts";
import type { Slice } from "../model/outbox.ts";
import type { Comparison } from "../model/told.ts";

/** Room for what is counted once all is known, and for the punctuation between parts. */
export const SLACK_BYTES = 512;

/** Fills one slice after the other. */
export class Filler {
  readonly #max: number;
  readonly #done: Filling[] = [];
  #slice: Filling = new Filling(0);
  #base = 0;

  constructor(max: number) {
    this.#max = max - SLACK_BYTES;
  }

  /** What every slice has around its items. */
  around(base: number): void {
    this.#base = Math.max(this.#base, base);
  }

  add(
    place: number,
    bytes: number,
    object?: { readonly key: string | undefined; readonly bytes: number },
    letter = "",
  ): void {
    const more = object?.key === undefined || this.#slice.objects.has(object.key) ? 0 : object.bytes;
    if (this.#isFull(bytes + more)) {
      this.#turn(place);
    }
    if (object?.key !== undefined && !this.#slice.objects.has(object.key)) {
      this.#slice.objects.add(object.key);
      this.#slice.bytes += object.bytes;
    }
    this.#slice.bytes += bytes;
    this.#slice.to = place + 1;
    this.#slice.news += letter;
    this.#slice.n += 1;
  }

  remove(place: number, item: Item, bytes: number): void {
    if (this.#isFull(bytes)) {
      this.#turn(place);
    }
    this.#slice.bytes += bytes;
    this.#slice.to = place;
    this.#slice.removed.push(item);
    this.#slice.n += 1;
  }

  slices(end: number, gone: number, compared: Comparison | undefined): readonly Slice[] {
    this.#slice.to = end;
    return [...this.#done, this.#slice].map(({ from, to, news, removed }) => ({
      from,
      to,
      ...(/[^-]/.test(news) && { news }),
      removed: removed.map(({ withdrawn: _, ...item }) => item),
      removedElsewhere: gone - removed.length,
      ...(compared && { compared }),
    }));
  }

  #isFull(bytes: number): boolean {
    return this.#slice.n > 0 && this.#base + this.#slice.bytes + bytes > this.#max;
  }

  #turn(place: number): void {
    this.#done.push(this.#slice);
    this.#slice = new Filling(place);
  }
}

class Filling {
  readonly from: number;
  to: number;
  news = "";
  readonly removed: Item[] = [];
  readonly objects = new Set<string>();
  bytes = 0;
  n = 0;

  constructor(from: number) {
    this.from = from;
    this.to = from;
  }
}
