/** Bounds what a server can make of an answer that becomes a label; our own vocabularies are smaller. */
const MAX_VALUES = 100;

/** A name, and a value at most. */
type Labels = readonly [name: string, ...value: readonly string[]];

/** Counts by a configured name, or a word of our own, and by a value of it; beyond a hundred values of one name the value is `other`. */
export class LabelledCounts {
  readonly #counts = new Map<string, Map<string | undefined, number>>();
  /** By value, what was counted of names that were dropped. */
  readonly #dropped = new Map<string | undefined, number>();

  add([name, value]: Labels, n = 1): void {
    const values = this.#counts.get(name) ?? new Map<string | undefined, number>();
    this.#counts.set(name, values);
    count(values, value, n);
  }

  /** Drops every other name; sums go on with what it had. */
  keep(names: ReadonlySet<string>): void {
    for (const [name, values] of this.#counts) {
      if (names.has(name)) {
        continue;
      }
      for (const [value, n] of values) {
        count(this.#dropped, value, n);
      }
      this.#counts.delete(name);
    }
  }

  /** By labels: the name, and the value where it has one. */
  get counts(): readonly { readonly labels: Labels; readonly n: number }[] {
    return [...this.#counts].flatMap(([name, values]) =>
      [...values].map(([value, n]) => ({ labels: value === undefined ? [name] : [name, value], n })),
    );
  }

  get total(): number {
    return this.#all.reduce((sum, [, n]) => sum + n, 0);
  }

  /** Summed up by value. */
  get byValue(): Readonly<Record<string, number>> {
    const sums = new Map<string, number>();
    for (const [value = "other", n] of this.#all) {
      sums.set(value, (sums.get(value) ?? 0) + n);
    }
    return Object.fromEntries(sums);
  }

  /** What was counted of one name, by value. */
  valuesOf(name: string): Readonly<Record<string, number>> {
    return Object.fromEntries([...(this.#counts.get(name) ?? [])].map(([value = "other", n]) => [value, n]));
  }

  get #all(): readonly (readonly [value: string | undefined, n: number])[] {
    return [...this.#dropped, ...[...this.#counts.values()].flatMap((values) => [...values])];
  }
}

function count(values: Map<string | undefined, number>, value: string | undefined, n: number): void {
  const place = values.has(value) || values.size < MAX_VALUES ? value : "other";
  values.set(place, (values.get(place) ?? 0) + n);
}
