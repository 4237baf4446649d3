import { z } from "zod";
import { Duration, Name, oneOrMany } from "../base/schema.ts";
import { MAX_SIGHTINGS } from "../model/memory.ts";
import {
  ANALYSES,
  ATTRIBUTE_FACTS,
  type AttributeFactName,
  DISTRIBUTIONS,
  FACTS,
  type FactName,
  KINDS,
  PAP,
  SIGHTING_TYPES,
  type SightingType,
  THREAT_LEVELS,
  TLP,
} from "../model/vocabulary.ts";
import { Digest, Remind } from "../pacing/schema.ts";
import { LinksOption, TemplateOption } from "../template/schema.ts";
import { dateOf } from "./date.ts";
import { kindsMeantBy } from "./kinds.ts";
import { canonicalDomain, parseNetwork } from "./network.ts";
import { faultOf } from "./paths.ts";

/** Glob over kinds: `*` stands for anything. */
export const KindGlob = z.string().refine((glob) => kindsMeantBy(glob).size > 0, {
  error: () => `is no kind; kinds are ${KINDS.join(", ")}, and globs such as attribute.*`,
  abort: true,
});

/** What a fact is compared with; numbers and booleans are their text. */
const Plain = z.union([z.string().min(1), z.number(), z.boolean()]).transform(String);
const Value = oneOrMany(Plain);

/** Facts whose values have an order, the least first; what a sharing group is in it is not said, so that no range has it. */
const ORDERS = {
  tlp: TLP,
  pap: PAP,
  threat_level: THREAT_LEVELS.toReversed(),
  analysis: ANALYSES,
  distribution: DISTRIBUTIONS.filter((name) => name !== "sharing_group" && name !== "inherit"),
} satisfies Partial<Record<FactName, readonly string[]>>;

/** Values one by one, or all between two of an order. */
function ordered(order: readonly string[]) {
  const bound = z.enum(order as [string, ...string[]]).optional();
  const range = z
    .strictObject({
      at_least: bound.describe("This or more."),
      at_most: bound.describe("This or less."),
    })
    .transform(({ at_least: least, at_most: most }, context) => {
      const from = least === undefined ? 0 : order.indexOf(least);
      const to = most === undefined ? order.length : order.indexOf(most) + 1;
      if (from >= to || (least === undefined && most === undefined)) {
        const message = `needs at_least or at_most, the lower one first: ${order.join(" < ")}`;
        context.addIssue({ code: "custom", message });
        return z.NEVER;
      }
      return order.slice(from, to);
    });
  return z.union([Value, range]);
}

const Instant = z
  .string()
  .transform((text, context) => {
    const at = dateOf(text);
    if (at === undefined) {
      context.addIssue({ code: "custom", message: "must be a date such as 2026-11-20, or 2026-11-20T08:00Z" });
      return z.NEVER;
    }
    return at;
  })
  .optional();

const Network = z.union([z.string(), z.number()]).transform((text, context) => {
  const network = parseNetwork(String(text));
  if (!network) {
    context.addIssue({
      code: "custom",
      message: "must be a network such as 192.0.2.0/24 or 2001:db8::/32, or an address",
    });
    return z.NEVER;
  }
  return network.key;
});

const Domain = z.string().transform((text, context) => {
  const domain = canonicalDomain(text.replace(/^\*?\./, ""));
  if (domain === undefined) {
    context.addIssue({ code: "custom", message: "must be a domain such as example.org; it means all below it, too" });
    return z.NEVER;
  }
  return domain;
});

const ListFile = z
  .string()
  .min(1)
  .regex(/^[^*?]+$/, "must be a file, beside the configuration or by its whole path");

/** What a value is tested for beyond its text; all that is given holds together. */
export interface ValueTest {
  /** This very text, which is no pattern. */
  readonly is?: string;
  readonly min?: number;
  readonly max?: number;
  /** Instants, in milliseconds. */
  readonly after?: number;
  readonly before?: number;
  /** Keys of networks, one of which has it. */
  readonly cidr?: readonly string[];
  /** Domains in small letters and ASCII, one of which it is or is below of. */
  readonly domain?: readonly string[];
  /** Watch lists as the configuration names them, one of which has it. */
  readonly list?: readonly string[];
  /** The label of the entry of such a list. */
  readonly label?: readonly string[];
}

type Refinement<T> = readonly [holds: (range: T) => boolean, { readonly message: string; readonly path: string[] }];

/** What no number lies between is an oversight. */
const NUMBERS: Refinement<{ readonly min?: number | undefined; readonly max?: number | undefined }> = [
  ({ min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }) => min <= max,
  { message: "must not be less than min", path: ["max"] },
];

/** The same of instants. */
const INSTANTS: Refinement<{ readonly after?: number | undefined; readonly before?: number | undefined }> = [
  ({ after = Number.NEGATIVE_INFINITY, before = Number.POSITIVE_INFINITY }) => after < before,
  { message: "must be later than after", path: ["before"] },
];

const ValueTest = z
  .strictObject({
    is: z
      .union([z.string().min(1), z.number()])
      .transform(String)
      .optional()
      .describe("This very text, which is no pattern."),
    min: z.number().optional().describe("A number, this or more."),
    max: z.number().optional().describe("A number, this or less."),
    after: Instant.describe("A date, this instant or later."),
    before: Instant.describe("A date before this instant."),
    cidr: oneOrMany(Network).optional().describe("An address or a network within one of these networks."),
    domain: oneOrMany(Domain)
      .optional()
      .describe("One of these domains or below one: of a URL its host, of a mail its domain."),
    list: oneOrMany(ListFile).optional().describe("On one of these watch lists: files beside the configuration."),
    label: Value.optional().describe("With list: only entries with such a label."),
  })
  .refine(...NUMBERS)
  .refine(...INSTANTS)
  .superRefine((test, context) => {
    if (Object.keys(test).length === 0) {
      const message = "needs a test: is, min, max, after, before, cidr, domain or list";
      context.addIssue({ code: "custom", message });
    }
    if (test.label && !test.list) {
      context.addIssue({
        code: "custom",
        path: ["label"],
        message: "is the label of an entry of a list: name the list, too",
      });
    }
  });

/** What an attribute's value is compared with: a pattern, or what else it is tested for. */
export type Expected = string | ValueTest;

/** Conditions inside `attribute:`; they hold together on one attribute. */
export type AttributeMatch = { readonly [K in Exclude<AttributeFactName, "value">]?: readonly string[] } & {
  readonly value?: readonly Expected[];
  /** In milliseconds. */
  readonly max_age?: number;
  readonly all?: readonly AttributeMatch[];
  readonly any?: readonly AttributeMatch[];
  readonly not?: AttributeMatch;
};

/** How many attributes of a kind an event has. */
export interface CountMatch {
  readonly min?: number;
  readonly max?: number;
  readonly type?: readonly string[];
  readonly to_ids?: boolean;
}

/** How often an attribute was sighted in a time, in milliseconds. */
export interface SightingMatch {
  readonly min: number;
  readonly within: number;
  readonly type: readonly SightingType[];
}

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
  readonly date?: { readonly after?: number; readonly before?: number };
  readonly attributes?: CountMatch;
  readonly sightings?: SightingMatch;
  /** Paths by RFC 9535, one of which finds something. */
  readonly jsonpath?: readonly string[];
};

type Shape<K extends string> = { [P in K]: z.ZodOptional<typeof Value> };
const valuesOf = <K extends string>(names: readonly K[]) =>
  Object.fromEntries(names.map((name) => [name, Value.optional()])) as Shape<K>;

export const AttributeMatch: z.ZodType<AttributeMatch> = z.strictObject({
  ...valuesOf(ATTRIBUTE_FACTS),
  value: oneOrMany(z.union([Plain, ValueTest])).optional(),
  max_age: Duration.optional().describe("The attribute was changed last within this time, e.g. 48h."),
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

const Counted = z
  .strictObject({
    min: z.number().int().min(1).optional().describe("So many or more."),
    max: z.number().int().min(0).optional().describe("So many or fewer."),
    type: Value.optional().describe("Only of these types."),
    to_ids: z.boolean().optional().describe("Only those that are, or are not, for detection."),
  })
  .refine(({ min, max }) => min !== undefined || max !== undefined, { message: "needs min or max" })
  .refine(...NUMBERS);

const SightingCount = z.strictObject({
  min: z.number().int().min(1).max(MAX_SIGHTINGS).describe(`So many or more, at most ${MAX_SIGHTINGS}.`),
  within: Duration.describe("In so long up to now, e.g. 24h."),
  type: oneOrMany(z.enum(SIGHTING_TYPES)).default(["sighting"]).describe("Only of these types. Default sighting."),
});

const Path = z
  .string()
  .min(1)
  .superRefine((path, context) => {
    const fault = faultOf(path);
    if (fault !== undefined) {
      context.addIssue({ code: "custom", message: fault });
    }
  });

const DateRange = z
  .strictObject({
    after: Instant.describe("This day or later, by UTC."),
    before: Instant.describe("Before this day, by UTC."),
  })
  .refine(({ after, before }) => after !== undefined || before !== undefined, {
    message: "needs after or before",
  })
  .refine(...INSTANTS);

const Conditions = z.strictObject({
  ...valuesOf(FACTS),
  ...Object.fromEntries(
    Object.entries(ORDERS).map(([name, order]) => [
      name,
      ordered(order)
        .optional()
        .describe(`In this order: ${order.join(" < ")}.`),
    ]),
  ),
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
  date: DateRange.optional().describe("The date of the event lies there."),
  attributes: Counted.optional().describe("How many attributes the event has."),
  jsonpath: oneOrMany(Path)
    .optional()
    .describe(
      "A path by RFC 9535 finds something in the event, as MISP's core JSON has it, e.g. $..Tag[?@.name == 'x'].",
    ),
  sightings: SightingCount.optional().describe("How often the attribute was sighted that a message is about."),
});

/** One map of `match:`. */
export const MatchMap: z.ZodType<Match> = Conditions as z.ZodType<Match>;

/** What a map of `match:` may ask for. */
export function conditionNames(): readonly string[] {
  return Object.keys(Conditions.shape);
}

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
  remind: Remind.optional(),
  stop: z.boolean().default(false).describe("Ends the search when the route fires."),
  template: TemplateOption.optional().describe("Words of your own, before those of the destination."),
  links: LinksOption,
});
export type RouteOptions = z.output<typeof RouteOptions>;
