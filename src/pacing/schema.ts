import { z } from "zod";
import { Duration, Name, oneOrMany } from "../base/schema.ts";
import type { FloodRules, QuietWindow } from "../model/pacing.ts";
import { cronProblem } from "./cron.ts";
import { endsSometime } from "./quiet.ts";

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
const NAMED: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(DAYS.map((name, day) => [name, [day]])),
  weekdays: [1, 2, 3, 4, 5],
  weekends: [6, 0],
  daily: [0, 1, 2, 3, 4, 5, 6],
};
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Days of the week: `mon-fri`, `weekends`, `sat`. */
const DaysText = z.string().transform((text, context) => {
  const [first = "", last, ...rest] = text.trim().toLowerCase().split("-");
  const from = (DAYS as readonly string[]).indexOf(first);
  const to = (DAYS as readonly string[]).indexOf(last ?? "");
  if (last === undefined && NAMED[first]) {
    return NAMED[first];
  }
  if (rest.length === 0 && from >= 0 && to >= 0) {
    return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, n) => (from + n) % 7);
  }
  context.addIssue({
    code: "custom",
    message: "must be days such as mon, mon-fri, weekdays, weekends or daily; several are a list: [mon, wed]",
  });
  return z.NEVER;
});

/** A time of day, in minutes after midnight. */
const TimeOfDay = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day such as "08:00" or "18:30", in quotes')
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

const Window = z
  .strictObject({
    days: oneOrMany(DaysText)
      .default([NAMED.daily ?? []])
      .describe("On which it begins: mon, mon-fri, weekdays, weekends, daily, or a list. Default daily."),
    from: TimeOfDay.optional().describe('When it begins, e.g. "18:00". Without from and to: the whole day.'),
    to: TimeOfDay.optional().describe('When it ends, on the next day where that is not later, e.g. "08:00".'),
  })
  .refine(({ from, to }) => (from === undefined) === (to === undefined), "needs both from and to, or neither")
  .transform(({ days, from = 0, to = 0 }): QuietWindow => ({ days: [...new Set(days.flat())].sort(), from, to }));

/** `quiet.when` of a destination. */
export const QuietWindows = oneOrMany(Window).refine(
  (windows) => endsSometime({ windows }),
  "leave no time in which anything may be told",
);

const FLOOD: FloodRules = { over: 20, withinMs: 5 * MINUTE, everyMs: 10 * MINUTE };

/** `flood:` of a destination. */
export const Flood = z
  .union([
    z.literal("off"),
    z
      .strictObject({
        over: z
          .number()
          .int()
          .min(1)
          .max(500)
          .default(FLOOD.over)
          .describe("More groups than this that become due are a flood. Default 20."),
        within: Duration.refine((ms) => ms >= MINUTE && ms <= HOUR, "must be from 1m to 1h")
          .default(FLOOD.withinMs)
          .describe("In so long; or three times as many in an hour. Default 5m."),
        every: Duration.refine((ms) => ms >= MINUTE && ms <= 24 * HOUR, "must be from 1m to 1d")
          .default(FLOOD.everyMs)
          .describe("While it is on one digest leaves so often. Default 10m."),
      })
      .transform(({ over, within, every }): FloodRules => ({ over, withinMs: within, everyMs: every })),
  ])
  .default(FLOOD);

/** `remind:` of a route. */
export const Remind = z
  .strictObject({
    after: Duration.refine((ms) => ms >= 10 * MINUTE && ms <= 7 * 24 * HOUR, "must be from 10m to 7d")
      .default(4 * HOUR)
      .describe("So long after it was told, and after each reminder. Default 4h."),
    until: z
      .literal("acknowledged")
      .default("acknowledged")
      .describe("Until somebody acknowledges the event: misp-herald ack EVENT."),
    times: z.number().int().min(1).max(20).default(3).describe("So many reminders at most. Default 3."),
    escalate: oneOrMany(Name)
      .default([])
      .describe("Destinations that are told after the last reminder, as far as their guard lets them."),
  })
  .describe("For priority: high. Its readers are reminded until somebody acknowledges. Off by default.");

/** `digest:` of a route. */
export const Digest = z
  .strictObject({
    cron: z
      .string()
      .superRefine((cron, context) => {
        const message = cronProblem(cron);
        if (message !== undefined) {
          context.addIssue({ code: "custom", message });
        }
      })
      .describe('When it leaves: minute, hour, day of month, month, day of week, e.g. "0 7,13 * * *".'),
  })
  .describe("Collects all of it until the next of these times, by the time zone of each destination.");
