import { canonicalDomain, parseNetwork } from "../routing/network.ts";
import { foldText } from "../routing/pattern.ts";
import { DOMAIN, NETWORK, TEXT } from "../routing/watch.ts";

/** What a list is made of, entry by entry. */
export interface ListSink {
  /** An entry by what it is looked up by; no `label`: it has none of its own. */
  entry(key: string, label?: string): void;
  /** An entry that no key finds: the value contains it, or is like it. */
  pattern(pattern: string, entry: number): void;
  /** What cannot be used, with the number of its line, or in a warning list of its entry; 0: which one is not said. */
  invalid(number: number, reason: string): void;
}

/** What a whole list says of itself. */
export interface ListHead {
  readonly label?: string;
  readonly types?: readonly string[];
}

const MAX_ENTRY = 4096;
const MAX_LABEL = 64;
/** Entries that must be tried one after the other. */
const MAX_PATTERNS = 1_000;
const MIN_SUBSTRING = 3;
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;

/**
 * Reads a watch list: lines (`value<TAB>label`, `#` begins a comment), CSV by its first column, or a warning list of MISP.
 * Throws SyntaxError for a `.json` file that is none.
 */
export function parseList(text: string, file: string, sink: ListSink): ListHead {
  const bare = text.startsWith("\ufeff") ? text.slice(1) : text;
  if (/\.json$/i.test(file)) {
    return parseWarningList(readJson(bare), sink);
  }
  const isCsv = /\.csv$/i.test(file);
  let number = 0;
  for (let start = 0; start < bare.length; ) {
    const found = bare.indexOf("\n", start);
    const end = found < 0 ? bare.length : found;
    number += 1;
    parseLine(bare.slice(start, end), number, isCsv, sink);
    start = end + 1;
  }
  return {};
}

function parseLine(raw: string, number: number, isCsv: boolean, sink: ListSink): void {
  const line = raw.replace(/^\s*(?:#|;|\/\/).*$/, "").trimEnd();
  if (line.trim() === "") {
    return;
  }
  if (line.length > MAX_ENTRY) {
    sink.invalid(number, `is longer than ${MAX_ENTRY} characters`);
    return;
  }
  if (isCsv) {
    addEntry(firstColumn(line), undefined, number, sink);
    return;
  }
  const [value = "", label] = line.replace(/\s#.*$/, "").split("\t", 2);
  addEntry(value, label?.trim(), number, sink);
}

/** Where the first column is only a rank, as in lists of popular domains, the second one is meant. */
function firstColumn(line: string): string {
  const columns = [...line.matchAll(/"((?:[^"]|"")*)"\s*(?:,|;|$)|([^,;]*)(?:,|;|$)/g)].slice(0, 2);
  const [first = "", second] = columns.map(([, quoted, plain]) =>
    (quoted?.replaceAll('""', '"') ?? plain ?? "").trim(),
  );
  return /^\d+$/.test(first) && second ? second : first;
}

function addEntry(raw: string, label: string | undefined, number: number, sink: ListSink): void {
  const value = raw.trim();
  const found = value === "" ? "is empty before its label" : keyOf(value);
  if (typeof found === "string") {
    sink.invalid(number, found);
    return;
  }
  if (label && (label.length > MAX_LABEL || CONTROL.test(label))) {
    sink.invalid(number, `has a label of more than ${MAX_LABEL} characters, or with characters that cannot be shown`);
    return;
  }
  sink.entry(found.key, label || undefined);
}

/** What an entry is looked up by; a text says why it is none. */
function keyOf(value: string): { readonly key: string } | string {
  const network = parseNetwork(value);
  if (network) {
    return { key: `${NETWORK}${network.key}` };
  }
  if (/^(?:\d{1,3}\.){3}\d{1,3}(?:\/.*)?$/.test(value) || /^[0-9a-f:.]*:[0-9a-f:.]*\/\S*$/i.test(value)) {
    return "is neither an address nor a network";
  }
  if (value.includes("\ufffd") || CONTROL.test(value)) {
    return "is not UTF-8, or has characters that cannot be shown";
  }
  const domain = value.includes(".") ? canonicalDomain(value.replace(/^\*?\./, "")) : undefined;
  if (/^\*?\.[^/]*$/.test(value) && domain === undefined) {
    return "is no domain";
  }
  return { key: domain === undefined ? `${TEXT}${foldText(value)}` : `${DOMAIN}${domain}` };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError(`it is no JSON, ${AS_JSON}`);
  }
}

const AS_JSON = "as the warning lists of MISP are; a list of lines has another ending, such as .txt";

/** A warning list as MISP has them in a file or gives them by its REST API. */
function parseWarningList(json: unknown, sink: ListSink): ListHead {
  const outer = isMap(json) && isMap(json.Warninglist) ? json.Warninglist : json;
  if (!isMap(outer)) {
    throw new SyntaxError(`it is no map, ${AS_JSON}`);
  }
  const all = outer.list ?? outer.WarninglistEntry;
  if (!Array.isArray(all)) {
    throw new SyntaxError(`it has no list, ${AS_JSON}`);
  }
  const { type = "string" } = outer;
  let patterns = 0;
  for (const [index, one] of all.entries()) {
    const value = isMap(one) ? one.value : one;
    const number = index + 1;
    if (typeof value !== "string" || value.trim() === "" || value.length > MAX_ENTRY) {
      sink.invalid(number, "is no text, or too long");
    } else if (type === "substring" || type === "regex") {
      patterns += 1;
      addPattern(value.trim(), type, patterns, number, sink);
    } else {
      addTyped(value.trim(), type, number, sink);
    }
  }
  const types = outer.matching_attributes ?? outer.WarninglistType;
  const names = (Array.isArray(types) ? types : [])
    .map((entry) => (isMap(entry) ? entry.type : entry))
    .filter((entry) => typeof entry === "string");
  return {
    ...(typeof outer.name === "string" && { label: shownName(outer.name) }),
    ...(names.length > 0 && !names.includes("ALL") && { types: names }),
  };
}

function addTyped(value: string, type: unknown, number: number, sink: ListSink): void {
  if (type === "hostname") {
    const domain = canonicalDomain(value.replace(/^\*?\./, ""));
    if (domain === undefined) {
      sink.invalid(number, "is no domain");
    } else {
      sink.entry(`${DOMAIN}${domain}`);
    }
    return;
  }
  const network = type === "cidr" ? parseNetwork(value) : undefined;
  if (type === "cidr" && !network) {
    sink.invalid(number, "is neither an address nor a network");
    return;
  }
  sink.entry(network ? `${NETWORK}${network.key}` : `${TEXT}${foldText(value)}`);
}

function addPattern(value: string, type: string, n: number, number: number, sink: ListSink): void {
  if (n > MAX_PATTERNS) {
    sink.invalid(number, `is one of more than ${MAX_PATTERNS} entries that are tried one by one`);
    return;
  }
  if (type === "regex") {
    sink.pattern(/^\/.+\/[ims]*$/s.test(value) ? value : `/${value}/`, number);
    return;
  }
  if (value.length < MIN_SUBSTRING || value.includes("*")) {
    sink.invalid(number, `is shorter than ${MIN_SUBSTRING} characters, or has a star`);
    return;
  }
  sink.pattern(`*${value}*`, number);
}

function shownName(name: string): string {
  return name.replace(new RegExp(CONTROL, "g"), "").trim().slice(0, MAX_LABEL);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
