import { parseDocument } from "yaml";
import { type Parsed, type ParsedMap, parsedOf } from "./parsed.ts";
import { readPlain } from "./plain-yaml.ts";
import { explainSyntax, isRecoverable } from "./traps.ts";
import { type Dict, type DictEntry, type Node, quoted, type ReportFault, type Scalar } from "./tree.ts";

/** What aliases may multiply a file to; more is a mistake or an attack ("billion laughs"). */
const MAX_ALIASED_NODES = 100_000;
const MAX_DEPTH = 100;

/**
 * Reads YAML 1.2 with merge keys (`<<`). A `broken` file is not what its writer meant: `root` is then only good for
 * knowing where secrets stand. `root` is absent where the file holds nothing.
 */
export function parseYaml(text: string, report: ReportFault): { readonly root?: Node; readonly broken: boolean } {
  const plain = readPlain(text);
  if (plain) {
    return { broken: false, root: convert(text, plain, report) };
  }
  const document = parseDocument(text, { version: "1.2", prettyErrors: false, logLevel: "error" });
  for (const fault of explainSyntax(text, document)) {
    report(fault);
  }
  const broken = !document.errors.every(isRecoverable);
  const contents = parsedOf(document.contents);
  const root = contents && convert(text, contents, broken ? () => {} : report);
  return { broken, ...(root ? { root } : {}) };
}

function convert(text: string, contents: Parsed, report: ReportFault): Node {
  const anchors = new Map<string, Parsed>();
  const open = new Set<Parsed>();
  let aliased = 0;
  let aliasDepth = 0;
  let bomb = false;

  const error = (at: number, end: number, message: string, hint?: string) =>
    report({ severity: "error", at, end, message, ...(hint === undefined ? {} : { hint }) });
  const empty = (at: number): Scalar => ({ kind: "scalar", value: null, at, end: at });

  function visit(node: Parsed | undefined, fallback: number): Node {
    if (!node) {
      return empty(fallback);
    }
    const { at, end } = node;
    if (aliasDepth > 0 && ++aliased > MAX_ALIASED_NODES) {
      if (!bomb) {
        error(at, end, "aliases multiply this file beyond all reason", "write the values out");
      }
      bomb = true;
      return empty(at);
    }
    if (node.kind === "alias") {
      return resolve(node.name, at, end);
    }
    if (node.anchor) {
      anchors.set(node.anchor, node);
    }
    if (node.kind === "scalar") {
      return scalar(node.value, node.source, at, end);
    }
    if (open.size > MAX_DEPTH) {
      error(at, at + 1, `nested deeper than ${MAX_DEPTH} levels`);
      return empty(at);
    }
    open.add(node);
    const result: Node =
      node.kind === "list"
        ? { kind: "list", at, end, items: node.items.map((item) => visit(item, at)) }
        : { kind: "map", at, end, entries: entriesOf(node, at) };
    open.delete(node);
    return result;
  }

  function resolve(name: string, at: number, end: number): Node {
    const target = anchors.get(name);
    if (!target) {
      const hint = `a text that begins with * must be quoted: ${quoted(`*${name}`)}`;
      error(at, end, `* starts a YAML alias, and no anchor is called ${quoted(name)}`, hint);
      return { kind: "scalar", value: `*${name}`, at, end };
    }
    if (open.has(target)) {
      error(at, end, `alias *${name} stands inside the value that it repeats, which would never end`);
      return empty(at);
    }
    aliasDepth++;
    const node = visit(target, at);
    aliasDepth--;
    return node;
  }

  function scalar(value: unknown, written: string | undefined, at: number, end: number): Scalar {
    if (typeof value === "number" && written !== undefined) {
      return { kind: "scalar", value, written, at, end };
    }
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      return { kind: "scalar", value, at, end };
    }
    if (value !== null && value !== undefined) {
      return { kind: "scalar", value: String(value), at, end };
    }
    if (end > at) {
      return { kind: "scalar", value: null, at, end };
    }
    const swallowed = /^\s*#(\S.*)$/.exec(text.slice(at, lineEnd(text, at)))?.[1];
    return { kind: "scalar", value: null, at, end, ...(swallowed === undefined ? {} : { swallowed: `#${swallowed}` }) };
  }

  function entriesOf({ pairs }: ParsedMap, mapAt: number): Map<string, DictEntry> {
    const own = new Map<string, DictEntry>();
    const merged: Node[] = [];
    for (const { key, value } of pairs) {
      const { at, end } = key ?? { at: mapAt, end: mapAt };
      const found = key?.kind === "alias" ? resolve(key.name, at, end) : visit(key, at);
      if (found.kind !== "scalar" || found.value === null) {
        error(at, Math.max(end, at + 1), "a key must be a plain word", "a text with { } or [ ] in it must be quoted");
        continue;
      }
      const name = found.written ?? String(found.value);
      const inner = visit(value, end);
      if (name === "<<") {
        merged.push(...(inner.kind === "list" ? inner.items : [inner]));
      } else if (name === "__proto__") {
        error(at, end, 'key "__proto__" is not allowed');
      } else {
        own.set(name, { key: { at, end }, node: inner });
      }
    }
    for (const source of merged) {
      if (source.kind !== "map") {
        error(source.at, source.end, "<< merges a map, or a list of maps, into this one", "e.g. <<: *anchor");
        continue;
      }
      for (const [name, entry] of source.entries) {
        if (!own.has(name)) {
          own.set(name, entry);
        }
      }
    }
    return own;
  }

  return visit(contents, 0);
}

/** Whether a node is a map, for the caller that needs one at the root. */
export function isDict(node: Node | undefined): node is Dict {
  return node?.kind === "map";
}

/** Offset of the end of the line that holds `at`, without the line break. */
export function lineEnd(text: string, at: number): number {
  const found = text.slice(at).search(/\r?\n/);
  return found < 0 ? text.length : at + found;
}
