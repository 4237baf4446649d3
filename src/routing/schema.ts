import { z } from "zod";
import { Duration, Name, oneOrMany } from "../schema.ts";
import { TemplateOption } from "../template/schema.ts";
import { ATTRIBUTE_FACTS, type AttributeFactName, FACTS, type FactName, KINDS, THREAT_LEVELS } from "../vocabulary.ts";
import { compileGlob } from "./pattern.ts";

/** Glob over kinds: `*` stands for anything. */
const KindGlob = z.string().refine((glob) => KINDS.some(compileGlob(glob)), {
  error: () => `is no kind; kinds are ${KINDS.join(", ")}, and globs such as attribute.*`,
  abort: true,
});

/** What a fact is compared with; numbers and booleans are their text. */
const Value = oneOrMany(z.union([z.string().min(1), z.number(), z.boolean()]).transform(String));

/** Conditions inside `attribute:`; they hold together on one attribute. */
export type AttributeMatch = { readonly [K in AttributeFactName]?: readonly string[] } & {
  readonly all?: readonly AttributeMatch[];
  readonly any?: readonly AttributeMatch[];
  readonly not?: AttributeMatch;
};

/** `match:` of a route; all keys of one map hold. */
export type Match = { readonly [K in FactName]?: readonly string[] } & {
  readonly all?: readonly Match[];
  readonly any?: readonly Match[];
  readonly not?: readonly Match[];
  readonly attribute?: readonly AttributeMatch[];
  readonly min_threat_level?: (typeof THREAT_LEVELS)[number];
};

type Shape<K extends string> = { [P in K]: z.ZodOptional<typeof Value> };
const valuesOf = <K extends string>(names: readonly K[]) =>
  Object.fromEntries(names.map((name) => [name, Value.optional()])) as Shape<K>;

export const AttributeMatch: z.ZodType<AttributeMatch> = z.strictObject({
  ...valuesOf(ATTRIBUTE_FACTS),
  get all() {
    return z.array(AttributeMatch).min(1).optional();
  },
  get any() {
    return z.array(AttributeMatch).min(1).optional();
  },
  get not() {
    return AttributeMatch.optional();
  },
}) as z.ZodType<AttributeMatch>;

const MatchMap: z.ZodType<Match> = z.strictObject({
  ...valuesOf(FACTS),
  get all() {
    return z.array(MatchMap).min(1).optional();
  },
  get any() {
    return z.array(MatchMap).min(1).optional();
  },
  get not() {
    return oneOrMany(MatchMap).optional();
  },
  get attribute() {
    return oneOrMany(AttributeMatch).optional();
  },
  min_threat_level: z.enum(THREAT_LEVELS).optional(),
}) as z.ZodType<Match>;

const Show = z.union([z.number().int().min(1).max(500), z.literal("matched")]);

const Notify = z.union([
  Name.transform((to) => ({ to, mention: [] as string[], show: undefined })),
  z.strictObject({ to: Name, mention: oneOrMany(z.string().min(1)).default([]), show: Show.optional() }),
]);

/** One entry of `routes:`. */
export const Route = z.strictObject({
  name: Name,
  kinds: z.array(KindGlob).min(1).default(["event.published"]),
  match: oneOrMany(MatchMap).optional(),
  otherwise: z.literal(true).optional(),
  notify: oneOrMany(Notify),
  priority: z.enum(["normal", "high"]).default("normal"),
  group: z
    .strictObject({
      by: z.array(z.enum([...FACTS, "event"])).default(["event"]),
      wait: Duration.default(0),
      interval: Duration.default(300_000),
      show: Show.default(20),
    })
    .default({ by: ["event"], wait: 0, interval: 300_000, show: 20 }),
  stop: z.boolean().default(false),
  template: TemplateOption.optional(),
});
export type Route = z.output<typeof Route>;
