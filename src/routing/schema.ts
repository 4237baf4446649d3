import { z } from "zod";
import { Duration, Name, oneOrMany } from "../base/schema.ts";
import {
  ATTRIBUTE_FACTS,
  type AttributeFactName,
  FACTS,
  type FactName,
  KINDS,
  THREAT_LEVELS,
} from "../model/vocabulary.ts";
import { Digest } from "../pacing/schema.ts";
import { LinksOption, TemplateOption } from "../template/schema.ts";
import { kindsMeantBy } from "./kinds.ts";

/** Glob over kinds: `*` stands for anything. */
export const KindGlob = z.string().refine((glob) => kindsMeantBy(glob).size > 0, {
  error: () => `is no kind; kinds are ${KINDS.join(", ")}, and globs such as attribute.*`,
  abort: true,
});

/** What a fact is compared with; numbers and booleans are their text. */
const Plain = z.union([z.string().min(1), z.number(), z.boolean()]).transform(String);
const Value = oneOrMany(Plain);

/** A text as it stands, in which `*` and `/` mean nothing. */
const Literal = z.strictObject({
  is: z
    .union([z.string().min(1), z.number()])
    .transform(String)
    .describe("This very text, which is no pattern."),
});

/** What an attribute's value is compared with: a pattern, or the text that `is` gives. */
export type Expected = string | { readonly is: string };

/** Conditions inside `attribute:`; they hold together on one attribute. */
export type AttributeMatch = { readonly [K in Exclude<AttributeFactName, "value">]?: readonly string[] } & {
  readonly value?: readonly Expected[];
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
  /** In milliseconds. */
  readonly max_age?: number;
  readonly max_event_age?: number;
  readonly attributes?: { readonly min: number };
};

type Shape<K extends string> = { [P in K]: z.ZodOptional<typeof Value> };
const valuesOf = <K extends string>(names: readonly K[]) =>
  Object.fromEntries(names.map((name) => [name, Value.optional()])) as Shape<K>;

export const AttributeMatch: z.ZodType<AttributeMatch> = z.strictObject({
  ...valuesOf(ATTRIBUTE_FACTS),
  value: oneOrMany(z.union([Plain, Literal])).optional(),
  get all() {
    return z.array(AttributeMatch).min(1).optional().describe("All of these hold.");
  },
  get any() {
    return z.array(AttributeMatch).min(1).optional().describe("One of these holds.");
  },
  get not() {
    return AttributeMatch.optional().describe("Does not hold.");
  },
}) as z.ZodType<AttributeMatch>;

/** One map of `match:`. */
export const MatchMap: z.ZodType<Match> = z.strictObject({
  ...valuesOf(FACTS),
  get all() {
    return z.array(MatchMap).min(1).optional().describe("All of these hold.");
  },
  get any() {
    return z.array(MatchMap).min(1).optional().describe("One of these holds.");
  },
  get not() {
    return oneOrMany(MatchMap).optional().describe("Does not hold; of a list none does.");
  },
  get attribute() {
    return oneOrMany(AttributeMatch).optional().describe("Conditions that hold together on one attribute.");
  },
  min_threat_level: z.enum(THREAT_LEVELS).optional().describe("This threat level or a higher one."),
  max_age: Duration.optional().describe("The event was changed last within this time, e.g. 30d."),
  max_event_age: Duration.optional().describe("The date of the event lies within this time, e.g. 90d."),
  attributes: z
    .strictObject({ min: z.number().int().min(1).describe("So many or more.") })
    .optional()
    .describe("How many attributes the event has."),
}) as z.ZodType<Match>;

const Show = z
  .union([z.number().int().min(0).max(500), z.literal("matched")])
  .describe("How many attributes one alert lists, 0 for none, or those that matched.");

const Notify = z.union([
  Name.transform((to) => ({ to, mention: [] as string[], show: undefined })),
  z.strictObject({
    to: Name.describe("The destination."),
    mention: oneOrMany(z.string().min(1))
      .default([])
      .describe("People or groups to mention, as the channel names them."),
    show: Show.optional(),
  }),
]);

/** One entry of `routes:`. */
export const RouteOptions = z.strictObject({
  name: Name.describe("Unique and stable: the identity of groups and metrics."),
  kinds: z
    .array(KindGlob)
    .min(1)
    .default(["event.published"])
    .describe("What happened: kinds, or globs such as attribute.*"),
  match: oneOrMany(MatchMap).optional().describe("Keys of one map hold together; of a list of maps any one does."),
  otherwise: z.literal(true).optional().describe("Fires only if no route above has."),
  notify: oneOrMany(Notify).describe("The destinations that are told."),
  priority: z.enum(["normal", "high"]).default("normal").describe("High is shown as urgent, where the channel can."),
  group: z
    .strictObject({
      by: z
        .array(z.enum([...FACTS, "event"]))
        .default(["event"])
        .describe("What belongs together: facts, or [] for one group."),
      wait: Duration.default(0).describe("The first alert of a quiet group leaves after it. Default 0s."),
      interval: Duration.default(300_000).describe("What follows leaves together, so often. Default 5m."),
      show: Show.default(20),
    })
    .default({ by: ["event"], wait: 0, interval: 300_000, show: 20 })
    .describe("Which alerts leave together, and when."),
  digest: Digest.optional(),
  stop: z.boolean().default(false).describe("Ends the search when the route fires."),
  template: TemplateOption.optional().describe("Words of your own, before those of the destination."),
  links: LinksOption,
});
export type RouteOptions = z.output<typeof RouteOptions>;
