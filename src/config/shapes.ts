import { z } from "zod";
import { SecretText } from "../base/schema.ts";
import { nearest } from "./suggest.ts";
import { childOf, type Dict, mapChildren, type Node, type Path, type Scalar, textOf } from "./tree.ts";

type Json = z.core.JSONSchema.BaseSchema;

/** What a schema allows at one place: one entry for each alternative that fits what the file says. */
export type Shapes = readonly Json[];

const SECRET = "x-secret";
const NOTHING: Shapes = [];

/** What a schema allows, to be walked along a file. */
export class Outline {
  readonly #root: Json;
  /** By schema and the `type:` that the file has chosen: ten thousand routes are walked by a few shapes. */
  readonly #expanded = new WeakMap<Json, Map<string | undefined, Shapes>>();

  constructor(schema: z.ZodType) {
    this.#root = z.toJSONSchema(schema, {
      io: "input",
      unrepresentable: "any",
      override: ({ zodSchema, jsonSchema }) => {
        if (isSecret(zodSchema)) {
          Object.assign(jsonSchema, { [SECRET]: true });
        }
      },
    });
  }

  /** What the whole file may be. */
  root(node: Node): Shapes {
    return this.#expand(this.#root, node);
  }

  /** What may stand at `path` of the file. */
  at(root: Node, path: Path): Shapes {
    let node: Node | undefined = root;
    let shapes = this.root(root);
    for (const key of path) {
      node = node && childOf(node, key);
      shapes = this.child(shapes, key, node);
    }
    return shapes;
  }

  /** What may stand below `shapes`, where the file has `node`. */
  child(shapes: Shapes, key: PropertyKey, node: Node | undefined): Shapes {
    let only: Shapes | undefined;
    for (const shape of shapes) {
      const found =
        typeof key === "number" ? shape.items : (own(shape.properties, String(key)) ?? shape.additionalProperties);
      if (isSchema(found)) {
        const more = this.#expand(found, node);
        // Of one, and so mostly, the same list each time: what is known of it need not be worked out again.
        only = only ? [...only, ...more] : more;
      }
    }
    return only ?? NOTHING;
  }

  /** The scalars whose text must not be printed, because the schema or the name of their key says so. */
  *secrets(node: Node, shapes: Shapes = this.root(node), named = false): Generator<Scalar> {
    if (node.kind === "scalar") {
      if (named || shapes.some((shape) => shape[SECRET] === true)) {
        yield node;
      }
    } else if (node.kind === "list") {
      for (const [i, item] of node.items.entries()) {
        yield* this.secrets(item, this.child(shapes, i, item), named);
      }
    } else {
      const known = keysOf(shapes);
      for (const [key, { node: value }] of node.entries) {
        // A misspelt key of a secret still has a secret behind it.
        const meant = known.includes(key) || isOpen(shapes) ? key : (nearest(key, known) ?? key);
        yield* this.secrets(value, this.child(shapes, meant, value), value.kind !== "map" && isSecretName(meant));
      }
    }
  }

  /** A copy in which a number is the text that was written, wherever any text would do as well. */
  asWritten(root: Dict): Dict {
    return this.#asWritten(root, this.root(root));
  }

  #asWritten<N extends Node>(node: N, shapes: Shapes): N;
  #asWritten(node: Node, shapes: Shapes): Node {
    if (node.kind === "scalar") {
      return node.written !== undefined && takesAnyText(shapes) ? { ...node, value: node.written } : node;
    }
    return mapChildren(node, (child, key) => this.#asWritten(child, this.child(shapes, key, child)));
  }

  #expand(schema: Json, node: Node | undefined): Shapes {
    const type = node?.kind === "map" ? typeOf(node) : undefined;
    const known = this.#expanded.get(schema) ?? new Map<string | undefined, Shapes>();
    this.#expanded.set(schema, known);
    const shapes = known.get(type) ?? this.#alternatives(schema, type, new Set());
    known.set(type, shapes);
    return shapes;
  }

  #alternatives(schema: Json, type: string | undefined, seen: ReadonlySet<Json>): Shapes {
    if (seen.has(schema)) {
      return [];
    }
    const within = new Set(seen).add(schema);
    const target = schema.$ref === undefined ? undefined : this.#resolve(schema.$ref);
    const nested = [target, ...[schema.anyOf, schema.oneOf, schema.allOf].flatMap((list) => list ?? [])];
    const inner = nested.filter(isSchema).flatMap((entry) => this.#alternatives(entry, type, within));
    return byType(inner.length > 0 ? inner : [schema], type);
  }

  #resolve(ref: string): Json | undefined {
    if (ref === "#") {
      return this.#root;
    }
    const found = own(this.#root.$defs, ref.replace("#/$defs/", ""));
    return isSchema(found) ? found : undefined;
  }
}

/** The keys that a map may have, in the order of the schema. */
export function keysOf(shapes: Shapes): readonly string[] {
  const known = keys.get(shapes) ?? [...new Set(shapes.flatMap((shape) => Object.keys(shape.properties ?? {})))];
  keys.set(shapes, known);
  return known;
}

const keys = new WeakMap<Shapes, readonly string[]>();

/** The values that a key may have where they are few: those of `enum` and `const`. */
export function valuesOf(shapes: Shapes): readonly string[] {
  const values = shapes.flatMap((shape) => shape.enum ?? (shape.const === undefined ? [] : [shape.const]));
  return [...new Set(values.filter((value) => typeof value === "string"))];
}

/** Whether a number may stand here, and any text as well. */
function takesAnyText(shapes: Shapes): boolean {
  const isFree = ({ type, enum: values, const: only }: Json) =>
    type === "string" && values === undefined && only === undefined;
  return shapes.some(isFree) && shapes.some(({ type }) => type === "number" || type === "integer");
}

/** Whether a map may have keys of the user's choosing. */
export function isOpen(shapes: Shapes): boolean {
  return shapes.some((shape) => shape.additionalProperties !== false || shape.properties === undefined);
}

/** Whether the name of a key tells that its value is a secret. */
export function isSecretName(key: string): boolean {
  return /secret|passw(or)?d|passphrase|token|api_?key|webhook|authorization|cookie/i.test(key);
}

/** Of alternatives told apart by `type`, those that the file has chosen; all where it has chosen none. */
function byType(shapes: Shapes, type: string | undefined): Shapes {
  const chosen = shapes.filter((shape) => {
    const allowed = shape.properties?.type;
    return isSchema(allowed) && allowed.const === type;
  });
  return type !== undefined && chosen.length > 0 ? chosen : shapes;
}

/** The `type:` of a map. */
export function typeOf(node: Dict): string | undefined {
  return textOf(node.entries.get("type")?.node);
}

function isSecret(schema: z.core.$ZodType): boolean {
  for (let found: z.core.$ZodType | undefined = schema; found; found = found._zod.parent) {
    if (found === SecretText) {
      return true;
    }
  }
  return false;
}

function isSchema(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record && Object.hasOwn(record, key) ? record[key] : undefined;
}
