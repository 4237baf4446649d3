/** Offsets into the text of the file. */
export interface Span {
  readonly at: number;
  readonly end: number;
}

/** A value of the file that knows where it stands; what an alias, a merge or `defaults` brings keeps its own place. */
export type Node = Scalar | List | Dict;

export interface Scalar extends Span {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** A number as it stands in the file, which may have digits that a number cannot keep. */
  readonly written?: string;
  /** Text behind `#` that YAML took for a comment, where that left the value empty. */
  readonly swallowed?: string;
  /** The `${…}` in it, as written; their values never appear in a message. */
  readonly references?: readonly string[];
  /** A reference could not be read, which was reported thus, and `value` only stands in for it. */
  readonly unread?: Fault["severity"];
}

export interface List extends Span {
  readonly kind: "list";
  readonly items: readonly Node[];
}

export interface Dict extends Span {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, DictEntry>;
}

export interface DictEntry {
  readonly key: Span;
  readonly node: Node;
  /** Comes from `defaults`. */
  readonly inherited?: true;
}

export type Path = readonly PropertyKey[];

/** What is found in a file before it is known how to print it. */
export interface Fault extends Span {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly hint?: string;
}
export type ReportFault = (fault: Fault) => void;

/** The value without places, for a schema. */
export function plainOf(node: Node): unknown {
  if (node.kind === "scalar") {
    return node.value;
  }
  if (node.kind === "list") {
    return node.items.map(plainOf);
  }
  return Object.fromEntries([...node.entries].map(([key, { node }]) => [key, plainOf(node)]));
}

/** A value that stands in no file, as one that does. */
export function nodeOf(value: unknown): Node {
  const nowhere = { at: 0, end: 0 };
  if (Array.isArray(value)) {
    return { kind: "list", items: value.map(nodeOf), ...nowhere };
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, one]) => [key, { key: nowhere, node: nodeOf(one) }] as const);
    return { kind: "map", entries: new Map(entries), ...nowhere };
  }
  const isScalar = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return { kind: "scalar", value: isScalar ? value : null, ...nowhere };
}

/** The value at `path`; undefined where there is none. */
export function nodeAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const key of path) {
    node = node && childOf(node, key);
  }
  return node;
}

/** The entry whose key is the last of `path`; undefined for the root and for entries of a list. */
export function entryAt(root: Node, path: Path): DictEntry | undefined {
  const parent = nodeAt(root, path.slice(0, -1));
  return path.length > 0 && parent?.kind === "map" ? parent.entries.get(String(path.at(-1))) : undefined;
}

/** What stands under `key` of a map, or at an index of a list. */
export function childOf(node: Node, key: PropertyKey): Node | undefined {
  if (node.kind === "map") {
    return node.entries.get(String(key))?.node;
  }
  return node.kind === "list" && typeof key === "number" ? node.items[key] : undefined;
}

/** The text that a scalar holds; undefined for all else. */
export function textOf(node: Node | undefined): string | undefined {
  return node?.kind === "scalar" && typeof node.value === "string" ? node.value : undefined;
}

/** All texts of a list, or the one that stands for a list. */
export function textsOf(node: Node | undefined): readonly string[] {
  return listOf(node).flatMap((entry) => textOf(entry) ?? []);
}

/** The entries of a list, or the one value that stands for a list. */
export function listOf(node: Node | undefined): readonly Node[] {
  if (!node) {
    return [];
  }
  return node.kind === "list" ? node.items : [node];
}

/** The map under `key`; undefined for all else. */
export function mapOf(root: Node, key: string): Dict | undefined {
  const node = childOf(root, key);
  return node?.kind === "map" ? node : undefined;
}

/** What is wrong at a place. */
export function error(span: Span, message: string, hint?: string): Fault {
  return { severity: "error", at: span.at, end: span.end, message, ...(hint === undefined ? {} : { hint }) };
}

/** What is surely not meant at a place. */
export function warning(span: Span, message: string, hint?: string): Fault {
  return { ...error(span, message, hint), severity: "warning" };
}

/** A copy in which each child went through `change`; the node itself where that changed none. */
export function mapChildren<N extends List | Dict>(node: N, change: (child: Node, key: string | number) => Node): N;
export function mapChildren(node: List | Dict, change: (child: Node, key: string | number) => Node): Node {
  let isChanged = false;
  const changed = (child: Node, key: string | number) => {
    const now = change(child, key);
    isChanged ||= now !== child;
    return now;
  };
  if (node.kind === "list") {
    const items = node.items.map(changed);
    return isChanged ? { ...node, items } : node;
  }
  const nodes = [...node.entries].map(([key, entry]) => [key, entry, changed(entry.node, key)] as const);
  return isChanged
    ? { ...node, entries: new Map(nodes.map(([key, entry, now]) => [key, { ...entry, node: now }])) }
    : node;
}

/** A copy in which every scalar went through `change`, as far as that changed any. */
export function mapScalars<N extends Node>(node: N, change: (scalar: Scalar) => Scalar): N;
export function mapScalars(node: Node, change: (scalar: Scalar) => Scalar): Node {
  return node.kind === "scalar" ? change(node) : mapChildren(node, (child) => mapScalars(child, change));
}

/** Every scalar below `node`. */
export function* scalarsOf(node: Node): Generator<Scalar> {
  if (node.kind === "scalar") {
    yield node;
  } else if (node.kind === "list") {
    for (const item of node.items) {
      yield* scalarsOf(item);
    }
  } else {
    for (const { node: value } of node.entries.values()) {
      yield* scalarsOf(value);
    }
  }
}

/** Text in quotes for a message, bounded. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}
