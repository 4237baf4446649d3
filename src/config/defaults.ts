import { keysOf, type Outline, type Shapes, typeOf, valuesOf } from "./shapes.ts";
import { nearest } from "./suggest.ts";
import { childOf, type Dict, type DictEntry, type Node, type ReportFault, type Scalar } from "./tree.ts";
import { unknownKey, unknownKeys } from "./wording.ts";

/**
 * Merges `defaults` into every entry of `destinations`, key by key: maps deeply, lists as a whole; an entry's own keys win
 * over those of its type, which win over those for all. What comes from `defaults` keeps its place there.
 */
export function applyDefaults(root: Dict, outline: Outline, report: ReportFault): Dict {
  const defaults = root.entries.get("defaults");
  const destinations = root.entries.get("destinations");
  const entries = new Map(root.entries);
  entries.delete("defaults");
  if (!defaults) {
    return root;
  }
  if (defaults.node.kind !== "map") {
    report({
      severity: "error",
      ...defaults.key,
      message: '"defaults" must be a map',
      hint: "e.g. timezone: Europe/Brussels",
    });
    return { ...root, entries };
  }

  const { types, names } = typesOf(root, outline);
  const shared = keysOf(types).filter((key) => key !== "type" && types.every((shape) => keysOf([shape]).includes(key)));
  const used = destinedTypes(destinations?.node);
  for (const [key, entry] of defaults.node.entries) {
    const section = sectionOf(types, key, outline);
    if (shared.includes(key)) {
      continue;
    }
    if (!names.includes(key)) {
      report(unknownKey(key, ["defaults"], root, [shapeOf(shared, types, names)], outline));
    } else if (entry.node.kind !== "map") {
      report({ severity: "error", ...entry.key, message: `"${key}" must be a map`, hint: `options of type: ${key}` });
    } else if (!used.has(key)) {
      for (const fault of unknownKeys(entry.node, ["defaults", key], root, section, outline)) {
        report(fault);
      }
    }
  }

  if (destinations?.node.kind === "map") {
    const common = pick(defaults.node, shared);
    const merged = [...destinations.node.entries].map(([name, entry]): readonly [string, DictEntry] => {
      if (entry.node.kind !== "map") {
        return [name, entry];
      }
      const type = typeOf(entry.node);
      const ofType = type !== undefined && names.includes(type) ? childOf(defaults.node, type) : undefined;
      const base = ofType?.kind === "map" ? merge(common, ofType) : common;
      return [name, { ...entry, node: merge(base, entry.node) }];
    });
    entries.set("destinations", { ...destinations, node: { ...destinations.node, entries: new Map(merged) } });
  }
  return { ...root, entries };
}

/** `own` on top of `base`, whose entries are marked as inherited. */
function merge(base: Dict, own: Dict): Dict {
  const entries = new Map([...base.entries].map(([key, entry]) => [key, inherit(entry)] as const));
  for (const [key, entry] of own.entries) {
    const under = entries.get(key)?.node;
    const deep = under?.kind === "map" && entry.node.kind === "map";
    entries.set(key, deep ? { ...entry, node: merge(under, entry.node) } : entry);
  }
  return { ...own, entries };
}

function inherit(entry: DictEntry): DictEntry {
  const { node } = entry;
  if (node.kind !== "map") {
    return { ...entry, inherited: true };
  }
  const entries = new Map([...node.entries].map(([key, inner]) => [key, inherit(inner)] as const));
  return { ...entry, node: { ...node, entries }, inherited: true };
}

function pick(node: Dict, keys: readonly string[]): Dict {
  return { ...node, entries: new Map([...node.entries].filter(([key]) => keys.includes(key))) };
}

function destinedTypes(destinations: Node | undefined): ReadonlySet<string> {
  if (destinations?.kind !== "map") {
    return new Set();
  }
  return new Set(
    [...destinations.entries.values()].flatMap(({ node }) => (node.kind === "map" ? (typeOf(node) ?? []) : [])),
  );
}

function sectionOf(types: Shapes, name: string, outline: Outline): Shapes {
  return types.filter((shape) => valuesOf(outline.child([shape], "type", undefined)).includes(name));
}

/** What `defaults` itself may hold. */
function shapeOf(shared: readonly string[], types: Shapes, names: readonly string[]): Shapes[number] {
  const sections = names.flatMap((name, i) => (types[i] ? [[name, types[i]] as const] : []));
  return { properties: Object.fromEntries([...shared.map((key) => [key, {}] as const), ...sections]) };
}

/** The destination types of a config, and their names in the same order. */
function typesOf(root: Dict, outline: Outline): { readonly types: Shapes; readonly names: readonly string[] } {
  const types = outline.child(outline.child(outline.root(root), "destinations", undefined), "", undefined);
  return { types, names: types.flatMap((shape) => valuesOf(outline.child([shape], "type", undefined))) };
}

/** Scalars in `defaults` that must not be printed, also in the section of a misspelt type. */
export function* secretDefaults(root: Dict, outline: Outline): Generator<Scalar> {
  const { types, names } = typesOf(root, outline);
  const defaults = childOf(root, "defaults");
  if (defaults?.kind !== "map") {
    return;
  }
  for (const [key, { node }] of defaults.entries) {
    const name = names.includes(key) ? key : nearest(key, names);
    if (name !== undefined) {
      yield* outline.secrets(node, sectionOf(types, name, outline));
    }
  }
}
