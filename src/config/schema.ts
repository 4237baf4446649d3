import { z } from "zod";
import { DestinationEntry } from "../destinations/index.ts";
import { LOG_LEVELS } from "../log.ts";
import { Route } from "../routing/schema.ts";
import { Duration, Name } from "../schema.ts";
import { Feed } from "../sources/index.ts";

const HttpUrl = z.string().transform((text, context) => {
  try {
    const url = new URL(text);
    if ((url.protocol === "https:" || url.protocol === "http:") && !url.username && !url.password) return url;
  } catch {
    // Told below, in our own words.
  }
  context.addIssue({
    code: "custom",
    message: "must be an http or https URL without a user, such as https://misp.example.org",
  });
  return z.NEVER;
});

const DAYS = 86_400_000;

/** The whole of `config.yaml`, after `${…}` and `defaults` have been applied. */
export const Config = z.strictObject({
  /** Merged into `destinations` before validation; absent afterwards. */
  defaults: z.record(z.string(), z.unknown()).optional(),
  misp: z
    .record(Name, z.strictObject({ url: HttpUrl.optional(), feed: Feed }))
    .refine((instances) => Object.keys(instances).length > 0, "must name at least one MISP instance"),
  state: z
    .strictObject({
      path: z.string().min(1).default("/var/lib/misp-herald/state.db"),
      retention: Duration.default(90 * DAYS),
    })
    .default({ path: "/var/lib/misp-herald/state.db", retention: 90 * DAYS }),
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default("info") }).default({ level: "info" }),
  destinations: z
    .record(Name, DestinationEntry)
    .refine((destinations) => Object.keys(destinations).length > 0, "must name at least one destination"),
  routes: z.array(Route).min(1),
});
export type Config = z.output<typeof Config>;
