import type { AttributeFacts, Fact } from "../model/message.ts";
import { networksAround, observedOf, parentsOf } from "./observed.ts";
import { compilePattern, foldText, isExpression, type Pattern } from "./pattern.ts";

/** An entry of a watch list that a value hits. */
export interface Hit {
  /** As the configuration names it. */
  readonly list: string;
  /** The entry's own label, or what the list is called. */
  readonly label: string;
}

/** Watch lists, as rules ask them. */
export interface Watch {
  /** The entries of all lists that an attribute's value hits. */
  hits(attribute: AttributeFacts): readonly Hit[];
  /** What is not loaded is unknown. */
  has(list: string): boolean;
  /** How many regular expressions of lists each value is compared with. */
  readonly expressions: number;
  /** As it goes from one thread to another; absent: there is nothing to carry over. */
  readonly plain?: PlainTable;
}

/** There are no lists. */
export const NO_WATCH: Watch = { hits: () => [], has: () => false, expressions: 0 };

/** A list that may hold a million entries, without them. */
export interface ListInfo {
  readonly name: string;
  /** What its entries are called that have no label. */
  readonly label: string;
  /** It is only about attributes of these types; absent: about all. */
  readonly types?: readonly string[];
}

/** All lists together, as they go from one thread to another: entries by what they are looked up by. */
export interface PlainTable {
  readonly lists: readonly ListInfo[];
  /** Open addressing: 0, or one more than the number of an entry. A power of two, at least twice as many as there are entries. */
  readonly slots: Uint32Array;
  /** By entry: the hash of its key, where the key ends in `units`, its list, and 0 or one more than its label. */
  readonly hashes: Uint32Array;
  readonly ends: Uint32Array;
  readonly owners: Uint32Array;
  readonly tags: Uint32Array;
  /** The keys, one behind the other. */
  readonly units: Uint16Array;
  /** The labels likewise: each entry may have one of its own. */
  readonly labelEnds: Uint32Array;
  readonly labelUnits: Uint16Array;
  /** The lengths of prefixes that there are, of IPv4 and IPv6. */
  readonly lengths: { readonly 4: readonly number[]; readonly 16: readonly number[] };
  /** Entries that no key finds, few: regular expressions, or texts between two stars that the value contains. */
  readonly patterns: readonly { readonly list: number; readonly pattern: string }[];
}

/** Texts, domains and networks may be spelt alike. */
export const TEXT = "=";
export const DOMAIN = ".";
export const NETWORK = "/";

/** Spreads keys over the slots. */
export function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  }
  // The low bits choose the slot.
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 0;
}

/** What entries a value hits, by as many look-ups as the value has parts, however many lists and entries there are. */
export class WatchTable implements Watch {
  readonly plain: PlainTable;
  readonly expressions: number;
  readonly #known = new WeakMap<Fact, readonly Hit[]>();
  readonly #patterns: readonly { readonly list: number; readonly matches: Pattern }[];
  readonly #places: ReadonlyMap<string, number>;

  constructor(plain: PlainTable) {
    this.plain = plain;
    this.#patterns = plain.patterns.map(({ list, pattern }) => ({ list, matches: compileFolded(pattern) }));
    this.expressions = plain.patterns.filter(({ pattern }) => isExpression(pattern)).length;
    this.#places = new Map(plain.lists.map(({ name }, place) => [name, place]));
  }

  has(list: string): boolean {
    return this.#places.has(list);
  }

  hits(attribute: AttributeFacts): readonly Hit[] {
    const { value, type } = attribute;
    if (!value || this.plain.lists.length === 0) {
      return [];
    }
    const known = this.#known.get(value);
    if (known) {
      return known;
    }
    const hits = this.#find(attribute, type?.values[0]);
    this.#known.set(value, hits);
    return hits;
  }

  /** By list what its entries are called: their labels, or the name of the list. */
  labels(): ReadonlyMap<string, ReadonlySet<string>> {
    const { lists, slots, owners, tags, patterns } = this.plain;
    const labels = new Map<string, Set<string>>(lists.map(({ name }) => [name, new Set<string>()]));
    const numbers = lists.map(() => new Set<number>());
    for (const { list } of patterns) {
      numbers[list]?.add(0);
    }
    for (const slot of slots) {
      if (slot > 0) {
        numbers[owners[slot - 1] ?? 0]?.add(tags[slot - 1] ?? 0);
      }
    }
    for (const [place, list] of lists.entries()) {
      for (const number of numbers[place] ?? []) {
        labels.get(list.name)?.add(labelOf(this.plain, number) ?? list.label);
      }
    }
    return labels;
  }

  #find(attribute: AttributeFacts, type: string | undefined): readonly Hit[] {
    const { texts, domains, networks } = observedOf(attribute);
    const { lists, lengths } = this.plain;
    const hits = new Map<string, Hit>();
    const add = (place: number, label: string | undefined) => {
      const list = lists[place];
      if (list && (!list.types || type === undefined || list.types.includes(type))) {
        const hit = { list: list.name, label: label ?? list.label };
        hits.set(`${place} ${hit.label}`, hit);
      }
    };
    for (const text of texts) {
      this.#look(`${TEXT}${text}`, add);
      // A file or another text may look like a domain.
      this.#look(`${DOMAIN}${text}`, add);
      for (const { list, matches } of this.#patterns) {
        if (matches(text)) {
          add(list, undefined);
        }
      }
    }
    for (const domain of domains) {
      for (const parent of parentsOf(domain)) {
        this.#look(`${DOMAIN}${parent}`, add);
      }
    }
    for (const network of networks) {
      for (const key of networksAround(network, network.bytes.length === 4 ? lengths[4] : lengths[16])) {
        this.#look(`${NETWORK}${key}`, add);
      }
    }
    return [...hits.values()];
  }

  #look(key: string, add: (list: number, label: string | undefined) => void): void {
    const { slots, hashes, owners, tags } = this.plain;
    const hash = hashOf(key);
    const mask = slots.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = (slots[at] ?? 0) - 1;
      if (entry < 0) {
        return;
      }
      if (hashes[entry] === hash && isKey(this.plain, entry, key)) {
        add(owners[entry] ?? 0, labelOf(this.plain, tags[entry] ?? 0));
      }
    }
  }
}

/** Compiles a pattern of a list for texts that are folded already, as all are that are looked up. */
function compileFolded(pattern: string): Pattern {
  if (isExpression(pattern)) {
    return compilePattern(pattern);
  }
  const part = foldText(pattern.slice(1, -1));
  return (text) => text.includes(part);
}

/** A label by its number, from 1; 0: there is none. */
export function labelOf({ labelEnds, labelUnits }: PlainTable, tag: number): string | undefined {
  if (tag === 0) {
    return undefined;
  }
  return String.fromCharCode(...labelUnits.subarray(labelEnds[tag - 2] ?? 0, labelEnds[tag - 1]));
}

/** Whether an entry is the one of this key. */
export function isKey({ ends, units }: Pick<PlainTable, "ends" | "units">, entry: number, key: string): boolean {
  const start = entry === 0 ? 0 : (ends[entry - 1] ?? 0);
  if ((ends[entry] ?? 0) - start !== key.length) {
    return false;
  }
  for (let at = 0; at < key.length; at += 1) {
    if (units[start + at] !== key.charCodeAt(at)) {
      return false;
    }
  }
  return true;
}
