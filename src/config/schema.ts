import { z } from "zod";
import { DestinationEntry } from "../destinations/index.ts";
import { LOG_LEVELS } from "../log.ts";
import { Route } from "../routing/schema.ts";
import { Duration, Name, SecretText, Size } from "../schema.ts";
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

const MINUTES = 60_000;
const DAYS = 86_400_000;

/** Loops that ask MISP's REST API, which they do only with `api_key`. */
const RECALL = { settle: 5_000, per_minute: 60, patience: 10 * MINUTES };
const RECONCILE = { every: 5 * MINUTES, max_age: DAYS };

const STATE = { path: "/var/lib/misp-herald/state.db", retention: 90 * DAYS, max_size: 2 * 2 ** 30 };
/** A few large events must fit. */
const MIN_SIZE = 16 * 2 ** 20;

const Instance = z
  .strictObject({
    url: HttpUrl.optional(),
    api_key: SecretText.refine(
      // It travels in a header, where anything else is refused or means something.
      (key) => /^[\x21-\x7e]+$/.test(key.reveal()),
      "must be the key alone: 40 letters and digits, without spaces",
    ).optional(),
    ca_file: z.string().min(1).optional(),
    feed: Feed,
    recall: z
      .strictObject({
        settle: Duration.refine((ms) => ms <= 60 * MINUTES, "must be at most 1h").default(RECALL.settle),
        per_minute: z.number().int().min(1).max(6000).default(RECALL.per_minute),
        patience: Duration.refine((ms) => ms >= 1000 && ms <= DAYS, "must be from 1s to 1d").default(RECALL.patience),
      })
      .default(RECALL),
    reconcile: z
      .strictObject({
        every: Duration.refine((ms) => ms >= 10_000 && ms <= DAYS, "must be from 10s to 1d").default(RECONCILE.every),
        max_age: Duration.refine((ms) => ms >= MINUTES, "must be at least 1m").default(RECONCILE.max_age),
      })
      .default(RECONCILE),
  })
  .superRefine(({ url, api_key }, context) => {
    if (api_key && !url) {
      const message = "is missing: api_key is for the MISP at this address, such as https://misp.example.org";
      context.addIssue({ code: "custom", path: ["url"], message });
    }
  });

/** The whole of `config.yaml`, after `${…}` and `defaults` have been applied. */
export const Config = z.strictObject({
  /** Merged into `destinations` before validation; absent afterwards. */
  defaults: z.record(z.string(), z.unknown()).optional(),
  misp: z
    .record(Name, Instance)
    .refine((instances) => Object.keys(instances).length > 0, "must name at least one MISP instance"),
  state: z
    .strictObject({
      path: z.string().min(1).default(STATE.path),
      retention: Duration.default(STATE.retention),
      max_size: Size.refine((bytes) => bytes >= MIN_SIZE, "must be at least 16MiB").default(STATE.max_size),
    })
    .default(STATE),
  /** Where people talk to the daemon; absent: at its usual place, if that can be had. */
  control: z.string().min(1).optional(),
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default("info") }).default({ level: "info" }),
  destinations: z
    .record(Name, DestinationEntry)
    .refine((destinations) => Object.keys(destinations).length > 0, "must name at least one destination"),
  routes: z.array(Route).min(1),
});
export type Config = z.output<typeof Config>;
