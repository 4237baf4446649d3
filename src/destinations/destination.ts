import type { Writable } from "node:stream";
import { z } from "zod";
import type { Log } from "../base/log.ts";
import { Duration } from "../base/schema.ts";
import { Guard } from "../guard/policy.ts";
import type { Destination } from "../model/payload.ts";
import { TemplateOption } from "../template/schema.ts";

/** Options that every destination has. */
export const COMMON = {
  guard: Guard.describe("What its readers may see. Required."),
  rate: z
    .strictObject({
      per_second: z.number().positive().max(1000).describe("Messages per second in the long run."),
      burst: z.number().int().positive().default(1).describe("How many may leave at once."),
    })
    .optional()
    .describe("The pace of sending. Each type has a default that its channel bears."),
  repeats: z
    .enum(["changed", "never", "always"])
    .default("changed")
    .describe("Whether an event is told again when it is published again."),
  retry: z
    .strictObject({ max_age: Duration.default(86_400_000).describe("After that a delivery is dead. Default 24h.") })
    .default({ max_age: 86_400_000 })
    .describe("How long a delivery is tried."),
  timeout: Duration.default(20_000).describe("For one attempt. Default 20s."),
  timezone: z
    .string()
    .refine((zone) => {
      try {
        return Boolean(new Intl.DateTimeFormat("en", { timeZone: zone }));
      } catch {
        return false;
      }
    }, 'must be a time zone such as "Europe/Brussels" or "UTC"')
    .default("UTC")
    .describe("For the times that people read, e.g. Europe/Brussels."),
  /** Off for readers who want values that can be clicked and copied as they are. */
  defang: z
    .boolean()
    .default(true)
    .describe("Whether links and addresses are made harmless, as in hxxps://example[.]org."),
  /** Words of the operator's own; a route's stands before it. */
  template: TemplateOption.optional().describe("Words of your own, in Liquid; see docs/templates.md."),
} as const;

/** What a destination is given when it is opened; opening does no I/O. */
export interface OpenContext {
  readonly name: string;
  readonly log: Log;
  readonly now: () => number;
  /** Where `console` writes. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}

type CommonOptions = { readonly [K in keyof typeof COMMON]: z.output<(typeof COMMON)[K]> };

/** A parsed entry of `destinations:`; the options of its type are inside `open`. */
export interface ConfiguredDestination extends CommonOptions {
  readonly type: string;
  open(context: OpenContext): Destination;
}

/** What is wrong with a mention in a route, and what to do; undefined: nothing. */
export type MentionProblem = (mention: string) => string | undefined;

/** The schema of a destination type, and how it judges mentions; absent: it passes them on as they are. */
export type DestinationSchema = z.ZodType<ConfiguredDestination> & { readonly mentionProblem?: MentionProblem };

/** Makes the schema of one destination type: `shape` are its own options, `open` is called with the parsed ones. */
export function defineDestination<const Type extends string, Shape extends z.ZodRawShape>(definition: {
  readonly type: Type;
  readonly shape: Shape;
  /** The pace that the channel bears, unless the operator sets another; absent: none. */
  readonly rate?: { readonly per_second: number; readonly burst: number };
  readonly mentionProblem?: MentionProblem;
  readonly open: (options: z.output<z.ZodObject<Shape>> & CommonOptions, context: OpenContext) => Destination;
}) {
  const schema = z.strictObject({
    type: z.literal(definition.type).describe("What it is."),
    ...COMMON,
    ...definition.shape,
  });
  const entry = schema.transform((options): ConfiguredDestination => {
    const parsed = options as unknown as z.output<z.ZodObject<Shape>> & CommonOptions;
    return {
      type: definition.type,
      guard: parsed.guard,
      rate: parsed.rate ?? definition.rate,
      repeats: parsed.repeats,
      retry: parsed.retry,
      timeout: parsed.timeout,
      timezone: parsed.timezone,
      defang: parsed.defang,
      template: parsed.template,
      open: (context) => definition.open(parsed, context),
    };
  });
  const { mentionProblem } = definition;
  return Object.assign(entry, { ...(mentionProblem && { mentionProblem }) });
}
