/** Bounds what a mistake in a vocabulary could do. */
const MAX_SERIES = 1_000;

/** Counts by a few labels; beyond a thousand combinations the last label is `other`. */
export class Tally {
  readonly #counts = new Map<string, { readonly labels: readonly string[]; n: number }>();

  add(labels: readonly string[], n = 1): void {
    const key = JSON.stringify(labels);
    const found = this.#counts.get(key);
    if (found) found.n += n;
    else if (this.#counts.size < MAX_SERIES || labels.at(-1) === "other") this.#counts.set(key, { labels, n });
    else this.add([...labels.slice(0, -1), "other"], n);
  }

  /** By labels, in the order in which they came. */
  get counts(): readonly { readonly labels: readonly string[]; readonly n: number }[] {
    return [...this.#counts.values()];
  }

  get total(): number {
    return this.counts.reduce((sum, { n }) => sum + n, 0);
  }

  /** Summed up by the label at that place. */
  by(place: number): Readonly<Record<string, number>> {
    const sums = new Map<string, number>();
    for (const { labels, n } of this.#counts.values()) {
      const label = labels[place] ?? "other";
      sums.set(label, (sums.get(label) ?? 0) + n);
    }
    return Object.fromEntries(sums);
  }
}
