import { parseDocument } from "yaml";
import { type Parsed, type ParsedMap, type ParsedScalar, parsedOf } from "./parsed.ts";
import { matchAt, meaningOf, quotedAt } from "./plain-words.ts";

// A parser of all of YAML takes a second for some thousand routes, most of it to know each token and comment. Nearly all of a
// configuration is of a few forms that a look at the line tells. They are read here, to the same values at the same places. A
// value that takes more (a block of text, one of several lines) is cut out and given to the parser; and where anything else
// is met, or anything is wrong, nothing is read at all, and the parser reads the whole file and says so.

/** Keys of either form that are followed by a space or the end of the line. */
const KEY = /(?:<<|[A-Za-z0-9_](?:[\w.-]{0,500}\w)?)(?=:(?:[ \n]|$))/y;
/** Between the items of a list or map in brackets. */
const GAP = /[ \n]*/y;
const WORD_IN_BRACKETS =
  /(?:[^\s?:,[\]{}#&*!|>'"%@`-]|-(?=[^\s,[\]{}]))(?:[^\s:#,[\]{}]|:(?=[^\s,[\]{}])|(?<=[^\s])#| +(?=[^\s:#,[\]{}]))*/y;
const NAME = /[&*][\w-]+(?=[ \n,\]}]|$)/y;
const BEGINS_A_WORD = /^(?:[^\s?:,[\]{}#&*!|>'"%@`-]|-\S)/;
/** Only the parser knows what these mean: other documents, directives, other white space. */
const ODD = /^(?:---|\.\.\.|%)|[\t\r\uFEFF\u2028\u2029\u0085]/m;
const MAX_DEPTH = 100;

/** Not one of the forms that are read here. */
class Doubt extends Error {}

/** What the file says; undefined where it takes the parser to know. */
export function readPlain(text: string): Parsed | undefined {
  if (ODD.test(text)) {
    return undefined;
  }
  try {
    return new PlainReader(text).read();
  } catch (error) {
    if (error instanceof Doubt) {
      return undefined;
    }
    throw error;
  }
}

class PlainReader {
  readonly #text: string;
  /** Where reading goes on. */
  #at = 0;
  /** The line that comes next with anything but a comment: its first character and column; -1: there is none. */
  #next = 0;
  #indent = -1;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Parsed {
    this.#toNextLine();
    if (this.#indent < 0) {
      throw new Doubt();
    }
    const root = this.#block();
    if (this.#indent >= 0) {
      throw new Doubt();
    }
    return root;
  }

  /** From the start of a line to the next one that says something. */
  #toNextLine(): void {
    const text = this.#text;
    for (let start = this.#at; start < text.length; ) {
      let at = start;
      while (text.charCodeAt(at) === 0x20) {
        at += 1;
      }
      const code = text.charCodeAt(at);
      if (at < text.length && code !== 0x0a && code !== 0x23) {
        this.#at = at;
        this.#next = at;
        this.#indent = at - start;
        return;
      }
      const end = text.indexOf("\n", at);
      start = end < 0 ? text.length : end + 1;
    }
    this.#at = text.length;
    this.#next = text.length;
    this.#indent = -1;
  }

  /** Over what is left of a line behind a value, if it is a comment at most. */
  #endLine(): void {
    const text = this.#text;
    let at = this.#at;
    while (text.charCodeAt(at) === 0x20) {
      at += 1;
    }
    const isComment = text.charCodeAt(at) === 0x23 && (at === 0 || text.charCodeAt(at - 1) === 0x20);
    if (at < text.length && text.charCodeAt(at) !== 0x0a && !isComment) {
      throw new Doubt();
    }
    const end = text.indexOf("\n", at);
    this.#at = end < 0 ? text.length : end + 1;
    this.#toNextLine();
  }

  /** Whether nothing but a comment follows on the line; else reading goes on at what does. */
  #isLineOver(): boolean {
    const text = this.#text;
    while (text.charCodeAt(this.#at) === 0x20) {
      this.#at += 1;
    }
    const code = text.charCodeAt(this.#at);
    return this.#at >= text.length || code === 0x0a || code === 0x23;
  }

  #isDash(at: number): boolean {
    const after = this.#text.charCodeAt(at + 1);
    return this.#text.charCodeAt(at) === 0x2d && (after === 0x20 || after === 0x0a || Number.isNaN(after));
  }

  /** A list or map whose first line comes next. */
  #block(): Parsed {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) {
      throw new Doubt();
    }
    const read = this.#isDash(this.#next) ? this.#list(this.#indent) : this.#map(this.#indent, this.#key());
    this.#depth -= 1;
    return read;
  }

  #list(indent: number): Parsed {
    const at = this.#next;
    const items: Parsed[] = [];
    let end = at;
    while (this.#indent === indent && this.#isDash(this.#next)) {
      this.#at = this.#next + 1;
      const item = this.#isLineOver() ? this.#below(indent, indent + 1) : this.#item(indent);
      items.push(item);
      end = item.end;
    }
    if (this.#indent > indent) {
      throw new Doubt();
    }
    return { kind: "list", items, at, end: this.#lineEnd(end) };
  }

  /** What stands behind a dash: a map whose first key is there, or a value. */
  #item(indent: number): Parsed {
    const column = indent + this.#at - this.#next;
    const key = this.#maybeKey();
    if (!key) {
      return this.#value(indent, "- ");
    }
    this.#indent = column;
    this.#next = key.at;
    return this.#map(column, key);
  }

  #map(indent: number, first: ParsedScalar): Parsed {
    const at = this.#next;
    const pairs: { key: ParsedScalar; value: Parsed }[] = [];
    const seen = new Set<unknown>();
    for (let key = first; ; key = this.#key()) {
      if (seen.has(key.value)) {
        throw new Doubt();
      }
      seen.add(key.value);
      const value = this.#isLineOver() ? this.#below(indent, indent) : this.#value(indent, "k: ");
      pairs.push({ key, value });
      if (this.#indent !== indent) {
        break;
      }
    }
    if (this.#indent > indent) {
      throw new Doubt();
    }
    return { kind: "map", pairs, at, end: this.#lineEnd(pairs.at(-1)?.value.end ?? at) };
  }

  #key(): ParsedScalar {
    const key = this.#maybeKey();
    if (!key) {
      throw new Doubt();
    }
    return key;
  }

  /** A key and its colon. */
  #maybeKey(): ParsedScalar | undefined {
    const text = this.#text;
    const at = this.#at;
    const code = text.charCodeAt(at);
    if (code === 0x22 || code === 0x27) {
      const quoted = quotedAt(text, at);
      const end = at + (quoted?.written.length ?? 0);
      if (!quoted || quoted.written.length > 500 || !/^:(?:[ \n]|$)/.test(text.slice(end, end + 2))) {
        return undefined;
      }
      this.#at = end + 1;
      return { kind: "scalar", value: quoted.value, source: quoted.value, at, end };
    }
    const word = matchAt(KEY, text, at);
    if (word === undefined) {
      return undefined;
    }
    this.#at = at + word.length + 1;
    return { kind: "scalar", value: meaningOf(word), source: word, at, end: at + word.length };
  }

  /** What stands on the lines below a key or dash: it must be further right, but a list may stand right below its key. */
  #below(indent: number, leastOfLists: number): Parsed {
    const end = this.#text.indexOf("\n", this.#at);
    this.#at = end < 0 ? this.#text.length : end + 1;
    this.#toNextLine();
    if (!(this.#indent > indent || (this.#indent === leastOfLists && this.#indent >= 0 && this.#isDash(this.#next)))) {
      throw new Doubt();
    }
    return this.#block();
  }

  /** A value that begins on this line; what is further right than `indent` below it would belong to it. */
  #value(indent: number, before: string): Parsed {
    const from = this.#at;
    const code = this.#text.charCodeAt(from);
    if (code === 0x26) {
      return this.#anchored(indent, before);
    }
    if (code !== 0x7c && code !== 0x3e) {
      const value = this.#inline(indent);
      if (value) {
        this.#endLine();
        if (this.#indent <= indent) {
          return value;
        }
      }
    }
    return this.#cutOut(from, indent, before);
  }

  #anchored(indent: number, before: string): Parsed {
    const name = matchAt(NAME, this.#text, this.#at);
    if (name === undefined) {
      throw new Doubt();
    }
    this.#at += name.length;
    const isOver = this.#isLineOver();
    if (!isOver && (/[&*]/.test(this.#text[this.#at] ?? "") || (before === "- " && this.#maybeKey()))) {
      throw new Doubt();
    }
    const value = isOver ? this.#below(indent, indent + 1) : this.#value(indent, before);
    return value.kind === "alias" ? value : { ...value, anchor: name.slice(1) };
  }

  /** A value on one line, or in brackets; undefined where it may be more than that. */
  #inline(indent: number): Parsed | undefined {
    const text = this.#text;
    const at = this.#at;
    switch (text[at]) {
      case "[":
      case "{":
        return this.#brackets(indent);
      case '"':
      case "'":
        return this.#quoted();
      case "*":
        return this.#alias();
    }
    const lineEnd = text.indexOf("\n", at);
    const line = text.slice(at, lineEnd < 0 ? text.length : lineEnd);
    const comment = line.indexOf(" #");
    const word = (comment < 0 ? line : line.slice(0, comment)).replace(/ +$/, "");
    if (!BEGINS_A_WORD.test(word) || word.includes(": ") || word.endsWith(":")) {
      throw new Doubt();
    }
    this.#at = at + word.length;
    return { kind: "scalar", value: meaningOf(word), source: word, at, end: this.#at };
  }

  #quoted(): ParsedScalar | undefined {
    const at = this.#at;
    const quoted = quotedAt(this.#text, at);
    if (!quoted) {
      return undefined;
    }
    this.#at = at + quoted.written.length;
    return { kind: "scalar", value: quoted.value, source: quoted.value, at, end: this.#at };
  }

  #alias(): Parsed {
    const at = this.#at;
    const name = matchAt(NAME, this.#text, at);
    if (name === undefined) {
      throw new Doubt();
    }
    this.#at = at + name.length;
    return { kind: "alias", name: name.slice(1), at, end: this.#at };
  }

  /** `[…]` or `{…}`, of several lines where each is further right than `indent`. */
  #brackets(indent: number): Parsed {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) {
      throw new Doubt();
    }
    const at = this.#at;
    const isMap = this.#text[at] === "{";
    const close = isMap ? "}" : "]";
    const items: Parsed[] = [];
    const pairs: { key: ParsedScalar; value: Parsed }[] = [];
    const seen = new Set<unknown>();
    this.#at += 1;
    for (;;) {
      this.#gap(indent);
      if (this.#text[this.#at] === close) {
        break;
      }
      if (isMap) {
        const key = this.#key();
        this.#gap(indent);
        if (seen.has(key.value)) {
          throw new Doubt();
        }
        seen.add(key.value);
        pairs.push({ key, value: this.#inBrackets(indent) });
      } else {
        items.push(this.#inBrackets(indent));
      }
      this.#gap(indent);
      if (this.#text[this.#at] === ",") {
        this.#at += 1;
      } else if (this.#text[this.#at] !== close) {
        throw new Doubt();
      }
    }
    this.#at += 1;
    this.#depth -= 1;
    const span = { at, end: this.#at };
    return isMap ? ({ kind: "map", pairs, ...span } satisfies ParsedMap) : { kind: "list", items, ...span };
  }

  #inBrackets(indent: number): Parsed {
    const at = this.#at;
    switch (this.#text[at]) {
      case "[":
      case "{":
        return this.#brackets(indent);
      case '"':
      case "'": {
        const quoted = this.#quoted();
        if (!quoted) {
          throw new Doubt();
        }
        return quoted;
      }
      case "*":
        return this.#alias();
    }
    const word = matchAt(WORD_IN_BRACKETS, this.#text, at);
    if (word === undefined) {
      throw new Doubt();
    }
    this.#at = at + word.length;
    return { kind: "scalar", value: meaningOf(word), source: word, at, end: this.#at };
  }

  #gap(indent: number): void {
    const text = this.#text;
    for (;;) {
      const gap = matchAt(GAP, text, this.#at) ?? "";
      this.#at += gap.length;
      const isComment = text[this.#at] === "#";
      if (gap.includes("\n") && !isComment && gap.length - gap.lastIndexOf("\n") - 1 <= indent) {
        throw new Doubt();
      }
      if (!isComment) {
        return;
      }
      const end = text.indexOf("\n", this.#at);
      if (gap === "" || end < 0) {
        throw new Doubt();
      }
      this.#at = end;
    }
  }

  /** A value of any form, by the parser: its line from `from` on, and those below it that are further right. */
  #cutOut(from: number, indent: number, before: string): Parsed {
    const text = this.#text;
    const first = text.indexOf("\n", from);
    let end = first < 0 ? text.length : first + 1;
    while (end < text.length) {
      let at = end;
      while (text.charCodeAt(at) === 0x20) {
        at += 1;
      }
      if (at < text.length && text.charCodeAt(at) !== 0x0a && at - end <= indent) {
        break;
      }
      const next = text.indexOf("\n", at);
      end = next < 0 ? text.length : next + 1;
    }
    const head = " ".repeat(indent) + before;
    const { contents, errors, warnings } = parseDocument(head + text.slice(from, end), {
      version: "1.2",
      prettyErrors: false,
      logLevel: "error",
    });
    const outer = parsedOf(contents, from - head.length);
    const value = outer?.kind === "list" ? outer.items[0] : outer?.kind === "map" ? outer.pairs[0]?.value : undefined;
    if (errors.length > 0 || warnings.length > 0 || !value || value.end <= value.at) {
      throw new Doubt();
    }
    this.#at = end;
    this.#toNextLine();
    return value;
  }

  /** Where the line that ends a list or map ends. */
  #lineEnd(at: number): number {
    const end = this.#text.indexOf("\n", at);
    return end < 0 ? this.#text.length : end + 1;
  }
}
