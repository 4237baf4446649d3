import { prefixOf } from "../routing/network.ts";
import { compilePattern } from "../routing/pattern.ts";
import { hashOf, isKey, type ListInfo, labelOf, NETWORK, type PlainTable } from "../routing/watch.ts";
import { type ListSink, parseList } from "./parse.ts";

/** A line that cannot be used. */
export interface InvalidLine {
  readonly line: number;
  readonly reason: string;
}

/** What was read of one list. */
export interface ReadList {
  readonly entries: number;
  /** The first of them. */
  readonly invalid: readonly InvalidLine[];
  readonly invalidCount: number;
}

const MAX_INVALID = 20;
const MAX_ENTRIES = 5_000_000;
/** One value of one list with more labels than these. */
const MAX_LABELS = 16;

/** Puts lists together into one table, in memory that threads share. */
export class TableBuilder {
  readonly #lists: ListInfo[] = [];
  readonly #labels = new Map<string, number>();
  readonly #keys: string[] = [];
  readonly #owners: number[] = [];
  readonly #tags: number[] = [];
  readonly #patterns: { readonly list: number; readonly pattern: string }[] = [];

  /** Adds a list; `name` is what rules call it. Throws SyntaxError for a file that is no list. */
  add(name: string, text: string, file: string): ReadList {
    const list = this.#lists.length;
    const before = this.#keys.length + this.#patterns.length;
    const invalid: InvalidLine[] = [];
    let invalidCount = 0;
    const sink: ListSink = {
      entry: (key, label) => {
        if (this.#keys.length >= MAX_ENTRIES) {
          sink.invalid(0, `is beyond ${MAX_ENTRIES} entries of all lists together`);
          return;
        }
        this.#keys.push(key);
        this.#owners.push(list);
        this.#tags.push(label === undefined ? 0 : this.#tagOf(label));
      },
      pattern: (pattern, entry) => {
        try {
          compilePattern(pattern);
        } catch {
          sink.invalid(entry, "is no regular expression that can be matched in linear time (RE2)");
          return;
        }
        this.#patterns.push({ list, pattern });
      },
      invalid: (line, reason) => {
        invalidCount += 1;
        if (invalid.length < MAX_INVALID) {
          invalid.push({ line, reason });
        }
      },
    };
    const { label = nameOf(file), types } = parseList(text, file, sink);
    this.#lists.push({ name, label, ...(types && { types }) });
    return { entries: this.#keys.length + this.#patterns.length - before, invalid, invalidCount };
  }

  /** Adds a list as another table has it; undefined: it has none of that name. */
  carry(name: string, from: PlainTable): ReadList | undefined {
    const old = from.lists.findIndex((one) => one.name === name);
    const info = from.lists[old];
    if (!info) {
      return undefined;
    }
    const list = this.#lists.length;
    const before = this.#keys.length + this.#patterns.length;
    let start = 0;
    for (const [entry, end] of from.ends.entries()) {
      if (end <= start) {
        break; // what was there twice left room behind the last
      }
      if (from.owners[entry] === old && this.#keys.length < MAX_ENTRIES) {
        const label = labelOf(from, from.tags[entry] ?? 0);
        this.#keys.push(String.fromCharCode(...from.units.subarray(start, end)));
        this.#owners.push(list);
        this.#tags.push(label === undefined ? 0 : this.#tagOf(label));
      }
      start = end;
    }
    this.#patterns.push(...from.patterns.filter((one) => one.list === old).map(({ pattern }) => ({ list, pattern })));
    this.#lists.push(info);
    return { entries: this.#keys.length + this.#patterns.length - before, invalid: [], invalidCount: 0 };
  }

  #tagOf(label: string): number {
    const tag = this.#labels.get(label) ?? this.#labels.size + 1;
    this.#labels.set(label, tag);
    return tag;
  }

  build(): PlainTable {
    const count = this.#keys.length;
    const size = 2 ** Math.max(4, Math.ceil(Math.log2(2 * count + 1)));
    const units = unitsFor(this.#keys);
    const table = {
      slots: words(size),
      hashes: words(count),
      ends: words(count),
      owners: words(count),
      tags: words(count),
      units,
    };
    const lengths = { 4: new Set<number>(), 16: new Set<number>() };
    let end = 0;
    let entries = 0;
    for (const [index, key] of this.#keys.entries()) {
      const start = end;
      end = write(key, units, start);
      table.hashes[entries] = hashOf(key);
      table.ends[entries] = end;
      table.owners[entries] = this.#owners[index] ?? 0;
      table.tags[entries] = this.#tags[index] ?? 0;
      if (!place(table, entries, key)) {
        end = start;
        continue;
      }
      entries += 1;
      if (key.startsWith(NETWORK)) {
        const { isIPv4, bits } = prefixOf(key.slice(NETWORK.length));
        lengths[isIPv4 ? 4 : 16].add(bits);
      }
    }
    return {
      lists: this.#lists,
      ...table,
      ...packed([...this.#labels.keys()]),
      lengths: { 4: [...lengths[4]], 16: [...lengths[16]] },
      patterns: this.#patterns,
    };
  }
}

/** Finds a slot for an entry; false: it is there already. */
function place(
  table: Pick<PlainTable, "slots" | "hashes" | "owners" | "tags" | "ends" | "units">,
  entry: number,
  key: string,
): boolean {
  const { slots, hashes, owners, tags } = table;
  const mask = slots.length - 1;
  let same = 0;
  for (let at = (hashes[entry] ?? 0) & mask; ; at = (at + 1) & mask) {
    const other = (slots[at] ?? 0) - 1;
    if (other < 0) {
      slots[at] = entry + 1;
      return true;
    }
    if (hashes[other] === hashes[entry] && owners[other] === owners[entry] && isKey(table, other, key)) {
      same += 1;
      if (tags[other] === tags[entry] || same >= MAX_LABELS) {
        return false;
      }
    }
  }
}

/** Texts one behind the other, and where each ends. */
function packed(labels: readonly string[]): Pick<PlainTable, "labelEnds" | "labelUnits"> {
  const [labelEnds, labelUnits] = [words(labels.length), unitsFor(labels)];
  let end = 0;
  for (const [index, label] of labels.entries()) {
    end = write(label, labelUnits, end);
    labelEnds[index] = end;
  }
  return { labelEnds, labelUnits };
}

/** Writes a text; returns where it ends. */
function write(text: string, into: Uint16Array, start: number): number {
  for (let at = 0; at < text.length; at += 1) {
    into[start + at] = text.charCodeAt(at);
  }
  return start + text.length;
}

function unitsFor(texts: readonly string[]): Uint16Array {
  return new Uint16Array(
    shared(
      2,
      texts.reduce((sum, text) => sum + text.length, 0),
    ),
  );
}

function shared(bytes: number, count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes * count);
}

function words(count: number): Uint32Array {
  return new Uint32Array(shared(4, count));
}

/** What entries without a label are called: the file, without its folder and its ending. */
function nameOf(file: string): string {
  const base = file.slice(file.lastIndexOf("/") + 1);
  return base.replace(/(?<=.)\.[A-Za-z]{1,5}$/, "").slice(0, 64);
}
