import { createHash } from "node:crypto";

/** How much later one endpoint may bring what another has brought. */
const APART_MS = 60_000;
/** Equal frames that are told apart within that time; what comes faster is taken for new. */
const MAX_EQUAL = 1_000;
const MAX_CONTENTS = 10_000;

interface Known {
  /** The newest occurrences, and how many came before them. */
  readonly names: { readonly name: string; readonly at: number }[];
  gone: number;
  /** By endpoint how many it has brought. */
  readonly brought: Map<number, number>;
}

/**
 * Tells equal frames apart, and copies from occurrences. Most of MISP's frames name what they are about and when that changed.
 * Others say the same bytes each time that something happens again, such as a refused login, or a tag that is attached once
 * more: four of them are four. Nothing that is transmitted tells them apart (mispzmq.py counts nothing), but an endpoint brings
 * each once and in order. So the n-th of equal frames by one endpoint is the n-th by another, if they come within a minute of
 * each other; one that no endpoint has brought before is new. Where an endpoint misses some of them, it is behind by these for
 * that minute: then its copies are taken for earlier ones that were told, and what only it brings may be taken for a copy.
 * The instant is in the name, so that what happens after a restart is none of what was told before.
 */
export class Occurrences {
  readonly #isShared: boolean;
  readonly #known = new Map<string, Known>();
  #lastAt = Number.NEGATIVE_INFINITY;
  #n = 0;

  /** With one endpoint there are no copies. */
  constructor(endpoints: number) {
    this.#isShared = endpoints > 1;
  }

  /** The name of an occurrence, which its copies share. */
  of(frame: Uint8Array, at: number, endpoint = 0): string {
    if (!this.#isShared) {
      return this.#next(at);
    }
    const content = createHash("sha256").update(frame).digest("base64");
    const known = this.#known.get(content) ?? { names: [], gone: 0, brought: new Map<number, number>() };
    // Whatever is asked for last stands last: the first of all is the one that may be forgotten.
    this.#known.delete(content);
    this.#known.set(content, known);
    this.#forget(known, at);
    const place = Math.max(known.brought.get(endpoint) ?? 0, known.gone);
    known.brought.set(endpoint, place + 1);
    const copied = known.names[place - known.gone];
    if (copied) {
      return copied.name;
    }
    const name = this.#next(at);
    known.names.push({ name, at });
    return name;
  }

  /** Instants are those of two clocks, and waver by a millisecond: one that lies back gets no name that was given before. */
  #next(at: number): string {
    this.#n = at > this.#lastAt ? 0 : this.#n + 1;
    this.#lastAt = Math.max(at, this.#lastAt);
    return this.#n === 0 ? String(this.#lastAt) : `${this.#lastAt}.${this.#n}`;
  }

  #forget(known: Known, now: number): void {
    const old = known.names.findIndex(({ at }) => Math.abs(now - at) <= APART_MS);
    const tooMany = Math.max(0, known.names.length - MAX_EQUAL + 1);
    const gone = Math.max(old < 0 ? known.names.length : old, tooMany);
    known.names.splice(0, gone);
    known.gone += gone;
    const [first] = this.#known.keys();
    if (this.#known.size > MAX_CONTENTS && first !== undefined) {
      this.#known.delete(first);
    }
  }
}
