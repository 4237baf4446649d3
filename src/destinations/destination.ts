import type { Writable } from "node:stream";
import { z } from "zod";
import type { Log } from "../base/log.ts";
import { Duration, oneOrMany } from "../base/schema.ts";
import { Guard } from "../guard/policy.ts";
import { type Destination, UPDATES, type UpdatesMode, WITHDRAWS } from "../model/payload.ts";
import { Flood, QuietWindows } from "../pacing/schema.ts";
import { MatchMap } from "../routing/schema.ts";
import { LinksOption, TemplateOption } from "../template/schema.ts";

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
  updates: z
    .enum(UPDATES)
    .optional()
    .describe(
      "An event again: thread: below its first message; edit: in its place; new: apart. Default thread where possible.",
    ),
  withdraw: z
    .enum(WITHDRAWS)
    .default("mark")
    .describe(
      "What is taken back. mark: struck, and said so; delete: taken away where possible, and said so; ignore: nothing.",
    ),
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
  flood: Flood.describe("When so much comes at once that it leaves as digests; off: never. Programs have none."),
  quiet: z
    .strictObject({
      when: QuietWindows.describe("Windows of the week, by timezone. Each belongs to the day on which it begins."),
      action: z
        .enum(["hold", "drop"])
        .default("hold")
        .describe("hold: told when they end, together; drop: recorded as muted. Default hold."),
      except: oneOrMany(MatchMap)
        .optional()
        .describe("What is told all the same, in the words of match. Routes of priority: high always are."),
    })
    .optional()
    .describe("When its readers are left alone. Default: never."),
  /** Off for readers who want values that can be clicked and copied as they are. */
  defang: z
    .boolean()
    .default(true)
    .describe("Whether links and addresses are made harmless, as in hxxps://example[.]org."),
  /** Words of the operator's own; a route's stands before it. */
  template: TemplateOption.optional().describe("Words of your own, in Liquid; see docs/templates.md."),
  links: LinksOption,
} as const;

/** What a destination is given when it is opened; opening does no I/O. */
export interface OpenContext {
  readonly name: string;
  readonly log: Log;
  readonly now: () => number;
  /** Where `console` writes. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}

/** Updates as they are configured, absent where the channel's own default is meant. */
type CommonOptions = { readonly [K in keyof typeof COMMON]: z.output<(typeof COMMON)[K]> };

/** A parsed entry of `destinations:`; the options of its type are inside `open`. */
export interface ConfiguredDestination extends Omit<CommonOptions, "updates"> {
  readonly type: string;
  readonly updates: UpdatesMode;
  /** Its readers are programs: nothing that they may see is left out, or waits for them to have time. */
  readonly program?: true;
  /** How many attempts may be on their way at once. */
  readonly concurrency: number;
  open(context: OpenContext): Destination;
}

/** What is wrong with a mention in a route, and what to do; undefined: nothing. */
export type MentionProblem = (mention: string) => string | undefined;

/** The schema of a destination type, and how it judges mentions; absent: it passes them on as they are. */
export type DestinationSchema = z.ZodType<ConfiguredDestination> & {
  readonly mentionProblem?: MentionProblem;
  readonly program?: true;
};

/** Makes the schema of one destination type: `shape` are its own options, `open` is called with the parsed ones. */
export function defineDestination<const Type extends string, Shape extends z.ZodRawShape>(definition: {
  readonly type: Type;
  readonly shape: Shape;
  /** The pace that the channel bears, unless the operator sets another; absent: none. */
  readonly rate?: { readonly per_second: number; readonly burst: number };
  readonly mentionProblem?: MentionProblem;
  /** What is wrong with these options together, and which of them to change; undefined: nothing. */
  readonly problem?: (
    options: z.output<z.ZodObject<Shape>>,
  ) => { readonly option: string; readonly message: string } | undefined;
  /** How many attempts may be on their way at once; absent: one. */
  readonly concurrency?: (options: z.output<z.ZodObject<Shape>>) => number;
  /** How it may be told of an event again, the default first, and why in no other way; absent: only by new messages. */
  readonly updates?: (options: z.output<z.ZodObject<Shape>>) => {
    readonly modes: readonly [UpdatesMode, ...UpdatesMode[]];
    readonly hint?: string;
  };
  /** Its readers are programs. */
  readonly program?: true;
  readonly open: (options: z.output<z.ZodObject<Shape>> & CommonOptions, context: OpenContext) => Destination;
}) {
  const updatesOf = (options: z.output<z.ZodObject<Shape>>) =>
    definition.updates?.(options) ?? { modes: ["new"] as const };
  const schema = z
    .strictObject({
      type: z.literal(definition.type).describe("What it is."),
      ...COMMON,
      ...definition.shape,
    })
    .check((context) => {
      const options = context.value as unknown as z.output<z.ZodObject<Shape>> & CommonOptions;
      const { modes, hint = CANNOT_CHANGE } = updatesOf(options);
      if (options.updates !== undefined && !(modes as readonly UpdatesMode[]).includes(options.updates)) {
        const message = `is not possible here: ${hint}. Give updates: ${modes.join(" or ")}, or leave it out`;
        context.issues.push({ code: "custom", path: ["updates"], input: options.updates, message });
      }
      const problem = definition.problem?.(options);
      if (problem) {
        const { option, message } = problem;
        context.issues.push({ code: "custom", path: [option], input: options, message });
      }
    });
  const entry = schema.transform((options): ConfiguredDestination => {
    const parsed = options as unknown as z.output<z.ZodObject<Shape>> & CommonOptions;
    return {
      type: definition.type,
      ...(definition.program && { program: true as const }),
      flood: definition.program ? ("off" as const) : parsed.flood,
      quiet: parsed.quiet,
      guard: parsed.guard,
      concurrency: definition.concurrency?.(parsed) ?? 1,
      rate: parsed.rate ?? definition.rate,
      repeats: parsed.repeats,
      updates: parsed.updates ?? updatesOf(parsed).modes[0],
      withdraw: parsed.withdraw,
      retry: parsed.retry,
      timeout: parsed.timeout,
      timezone: parsed.timezone,
      defang: parsed.defang,
      template: parsed.template,
      links: parsed.links,
      open: (context) => definition.open(parsed, context),
    };
  });
  const { mentionProblem, program } = definition;
  return Object.assign(entry, { ...(mentionProblem && { mentionProblem }), ...(program && { program }) });
}

const CANNOT_CHANGE = "this channel does not find its messages again";
