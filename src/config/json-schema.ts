import { z } from "zod";
import { KINDS } from "../model/vocabulary.ts";
import { KindGlob } from "../routing/schema.ts";
import { Config } from "./schema.ts";

type Json = z.core.JSONSchema.BaseSchema;
type Child = z.core.JSONSchema._JSONSchema;
type Properties = Readonly<Record<string, Child>>;

/** No address, so that programs do not look for it on the network. */
const ID = "urn:misp-herald:config";
const PLACEHOLDER: Json = { $ref: "#/definitions/placeholder" };

/**
 * The JSON Schema (draft 7, which editors know) of `config.yaml` as people write it: before `${…}` and `defaults` are
 * applied. It is for editors and for checks in passing; what `misp-herald check` finds beyond it needs more than a schema.
 */
export function configJsonSchema(): object {
  const schema: Json = z.toJSONSchema(Config, {
    io: "input",
    target: "draft-7",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema !== KindGlob) {
        return;
      }
      delete jsonSchema.type;
      jsonSchema.anyOf = [{ enum: [...KINDS] }, { type: "string", pattern: "\\*" }];
    },
  });
  const types = destinationTypes(schema);
  const destinations = propertyOf(schema, "destinations");
  const entries = types.map(({ name, entry }) => ({ ...relax(entry), title: name, required: ["type"] }));
  const { $schema, definitions, properties, ...rest } = schema;
  return {
    $schema,
    $id: ID,
    title: "Configuration of misp-herald",
    ...rest,
    properties: withPlaceholders({
      ...properties,
      defaults: defaultsOf(propertyOf(schema, "defaults"), types),
      destinations: { ...destinations, minProperties: 1, additionalProperties: { oneOf: entries } },
      misp: { ...propertyOf(schema, "misp"), minProperties: 1 },
    }),
    patternProperties: { "^x-": { description: "A place for YAML anchors; misp-herald does not look at it." } },
    additionalProperties: false,
    allOf: types.flatMap(({ name, entry }) => demandsOf(entry).map((demand) => unlessInDefaults(name, demand))),
    definitions: {
      ...withPlaceholders(isMap(definitions) ? definitions : {}),
      placeholder: {
        description: `From the environment ($\{NAME}), a file ($\{file:/path}) or systemd ($\{credential:name}).`,
        type: "string",
        pattern: "\\$\\{[^}]+\\}",
      },
    },
  };
}

interface DestinationType {
  readonly name: string;
  readonly entry: Json;
}

function destinationTypes(schema: Json): readonly DestinationType[] {
  const { additionalProperties: entry } = propertyOf(schema, "destinations");
  return (isJson(entry) ? (entry.oneOf ?? []) : []).filter(isJson).map((type) => {
    const name = propertyOf(type, "type").const;
    return { name: typeof name === "string" ? name : "", entry: type };
  });
}

/** `defaults:` has the options that all types share, and a map for each type; nothing in it is required. */
function defaultsOf(schema: Json, types: readonly DestinationType[]): Json {
  const shapes = types.map(({ name, entry }) => {
    const { type: _, ...properties } = relax(entry).properties ?? {};
    return { name, properties };
  });
  const [first, ...others] = shapes;
  const shared = Object.entries(first?.properties ?? {}).filter(([key]) =>
    others.every(({ properties }) => Object.hasOwn(properties, key)),
  );
  const sections = shapes.map(({ name, properties }): [string, Json] => [
    name,
    {
      description: `Options of every destination of type ${name}.`,
      type: "object",
      properties,
      additionalProperties: false,
    },
  ]);
  return {
    description: schema.description ?? "",
    type: "object",
    properties: Object.fromEntries([...shared, ...sections]),
    additionalProperties: false,
  };
}

/** A map in which nothing is required, since any of it may come from `defaults`; entries of lists stay as they are. */
function relax({ required: _, ...schema }: Json): Json {
  const { properties } = schema;
  if (!properties) {
    return schema;
  }
  const relaxed = Object.entries(properties).map(([key, inner]): [string, Child] => [
    key,
    isJson(inner) ? relax(inner) : inner,
  ]);
  return { ...schema, properties: Object.fromEntries(relaxed) };
}

/** A key that must be there, by its path; the maps at `optional` and above it need not be. */
interface Demand {
  readonly path: readonly string[];
  readonly optional: number;
}

function demandsOf(schema: Json, path: readonly string[] = [], optional = 0): readonly Demand[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const here = [...path, key];
    const isRequired = schema.required?.includes(key) ?? false;
    const depth = isRequired ? optional : here.length;
    const below = isJson(inner) && inner.properties ? demandsOf(inner, here, depth) : [];
    if (below.some((demand) => demand.optional < here.length)) {
      return below;
    }
    return isRequired && key !== "type" ? [{ path: here, optional }, ...below] : below;
  });
}

/** What every destination of a type must say, unless `defaults` says it for all or for this type. */
function unlessInDefaults(type: string, { path, optional }: Demand): Json {
  const said = [path, [type, ...path]].map((keys) => having(["defaults", ...keys], 0));
  const isOfType: Json = { type: "object", properties: { type: { const: type } }, required: ["type"] };
  return {
    if: { not: { anyOf: said } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: {
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      properties: { destinations: { additionalProperties: { if: isOfType, then: having(path, optional) } } },
    },
  };
}

/** Demands the last of `path`; the first `optional` steps only where they are there. */
function having([key, ...rest]: readonly string[], optional: number): Json {
  if (key === undefined) {
    return {};
  }
  const inner = rest.length > 0 ? { properties: { [key]: having(rest, optional - 1) } } : {};
  return optional > 0 ? inner : { ...inner, type: "object", required: [key] };
}

/** Lets a text with `${…}` stand for every text, but not for a `type`, by which an editor tells the options. */
function withPlaceholders(properties: Properties): Record<string, Child> {
  return Object.fromEntries(
    Object.entries(properties).map(([key, inner]) => {
      const isType = key === "type" && isJson(inner) && inner.const !== undefined;
      return [key, isJson(inner) && !isType ? allowPlaceholder(inner) : inner];
    }),
  );
}

function allowPlaceholder(schema: Json): Json {
  if (isText(schema)) {
    if (isAnyText(schema)) {
      return schema;
    }
    const { description, default: standard, ...shape } = schema;
    return {
      ...(description !== undefined && { description }),
      ...(standard !== undefined && { default: standard }),
      anyOf: [shape, PLACEHOLDER],
    };
  }
  const { properties, items, additionalProperties: others, anyOf, oneOf } = schema;
  const needs = anyOf?.some((child) => isText(child)) && !anyOf.some((child) => isAnyText(child));
  return {
    ...schema,
    ...(properties && { properties: withPlaceholders(properties) }),
    ...(isJson(items) && { items: allowPlaceholder(items) }),
    ...(isJson(others) && { additionalProperties: allowPlaceholder(others) }),
    ...(anyOf && {
      anyOf: [
        ...anyOf.map((child) => (isText(child) ? child : allowPlaceholder(child))),
        ...(needs ? [PLACEHOLDER] : []),
      ],
    }),
    ...(oneOf && { oneOf: oneOf.map(allowPlaceholder) }),
  };
}

/** Any text will do, so that one with `${…}` does. */
function isAnyText({ type, pattern, enum: values, const: only }: Json): boolean {
  return type === "string" && pattern === undefined && values === undefined && only === undefined;
}

/** Numbers, true and false are none: what `${…}` brings is always text. */
function isText({ type, enum: values, const: only }: Json): boolean {
  return (
    [...(values ?? []), ...(only === undefined ? [] : [only])].some((value) => typeof value === "string") ||
    type === "string"
  );
}

function propertyOf(schema: Json, key: string): Json {
  const found = schema.properties?.[key];
  return isJson(found) ? found : {};
}

function isMap(value: unknown): value is Properties {
  return isJson(value);
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
