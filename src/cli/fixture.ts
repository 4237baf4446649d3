import { z } from "zod";
import { Duration, Name, oneOrMany } from "../base/schema.ts";
import { CHANGES } from "../model/vocabulary.ts";
import { dateOf } from "../routing/date.ts";

/** What is expected to have left to one destination since the expectation before. */
const ExpectedTold = z.union([
  z
    .number()
    .int()
    .min(0)
    .transform((payloads) => ({ payloads })),
  z.strictObject({
    payloads: z.number().int().min(0).optional().describe("So many messages have left."),
    alerts: z.number().int().min(0).optional().describe("So many things were told in them."),
    withheld: z.number().int().min(0).optional().describe("So many attributes were withheld in them."),
    change: z.enum(CHANGES).optional().describe("What the publication was to those who know the event."),
    routes: oneOrMany(Name).optional().describe("The routes by which they left, no others."),
    form: z.enum(["full", "metadata", "pointer"]).optional().describe("How much of it they could see."),
  }),
]);
export type ExpectedTold = z.output<typeof ExpectedTold>;

const Message = z.union([z.string().min(1), z.strictObject({ topic: z.string().min(1), payload: z.unknown() })]);

const Step = z
  .strictObject({
    at: Duration.describe("Since the start of the fixture."),
    message: oneOrMany(Message).optional().describe("Files beside the fixture with frames, or a frame itself."),
    expect: z
      .record(Name, ExpectedTold)
      .optional()
      .describe("By destination what has left since the expectation before."),
  })
  .refine(({ message, expect }) => message !== undefined || expect !== undefined, {
    message: "needs a message or what is expected",
    path: ["message"],
  });

const Start = z.string().transform((text, context) => {
  const at = dateOf(text);
  if (at === undefined) {
    context.addIssue({ code: "custom", message: "must be an instant such as 2026-11-20T08:00Z" });
    return z.NEVER;
  }
  return at;
});

/** A timeline of messages, and who is told what of them when. */
export const Fixture = z.strictObject({
  title: z.string().optional().describe("What it shows, for people."),
  config: z
    .string()
    .min(1)
    .optional()
    .describe("The configuration, beside the fixture; by default that of the command."),
  instance: Name.optional().describe("Where the messages come from; the first of the configuration by default."),
  start: Start.optional().describe("When it begins; by default a second after the first event was changed."),
  timeline: z.array(Step).min(1).describe("Messages and expectations, in the order of time."),
});
export type Fixture = z.output<typeof Fixture>;
