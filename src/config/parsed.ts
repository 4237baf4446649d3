import { isAlias, isCollection, isMap, isScalar, isSeq, type Node as YamlNode } from "yaml";
import type { Span } from "./tree.ts";

/** What a file says and where, before aliases and merges are followed; undefined where YAML has a place and the file nothing. */
export type Parsed = ParsedScalar | ParsedAlias | ParsedList | ParsedMap;

export interface ParsedScalar extends Span {
  readonly kind: "scalar";
  readonly value: unknown;
  /** As it is written, without quotes. */
  readonly source?: string;
  readonly anchor?: string;
}

export interface ParsedAlias extends Span {
  readonly kind: "alias";
  readonly name: string;
}

export interface ParsedList extends Span {
  readonly kind: "list";
  readonly items: readonly (Parsed | undefined)[];
  readonly anchor?: string;
}

export interface ParsedMap extends Span {
  readonly kind: "map";
  readonly pairs: readonly { readonly key: Parsed | undefined; readonly value: Parsed | undefined }[];
  readonly anchor?: string;
}

/** Deeper than whatever is read on; what is there is not looked at. */
const MOST_DEPTH = 200;

/** What the YAML parser made, its places moved by `shift`. */
export function parsedOf(node: YamlNode | null | undefined, shift = 0, depth = 0): Parsed | undefined {
  if (!node || depth > MOST_DEPTH) {
    return undefined;
  }
  const [start, end] = node.range ?? [0, 0];
  const span = { at: start + shift, end: end + shift };
  if (isAlias(node)) {
    return { kind: "alias", name: node.source, ...span };
  }
  const anchor = "anchor" in node && node.anchor ? { anchor: node.anchor } : {};
  if (isScalar(node)) {
    const { value, source } = node;
    return { kind: "scalar", value, ...(source !== undefined && { source }), ...span, ...anchor };
  }
  if (isSeq<YamlNode>(node)) {
    return { kind: "list", items: node.items.map((item) => parsedOf(item, shift, depth + 1)), ...span, ...anchor };
  }
  if (isMap<YamlNode, YamlNode>(node)) {
    const pairs = node.items.map(({ key, value }) => ({
      key: parsedOf(key, shift, depth + 1),
      value: parsedOf(value, shift, depth + 1),
    }));
    return { kind: "map", pairs, ...span, ...anchor };
  }
  return isCollection(node) ? { kind: "map", pairs: [], ...span } : undefined;
}
