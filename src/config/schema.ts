import { z } from "zod";
import { Listen } from "../base/address.ts";
import { LOG_LEVELS } from "../base/log.ts";
import { CA_FILE, Duration, Name, SecretText, Size } from "../base/schema.ts";
import { DestinationEntry } from "../destinations/index.ts";
import { RouteOptions } from "../routing/schema.ts";
import { Feed } from "../sources/index.ts";

const HttpUrl = z.string().transform((text, context) => {
  try {
    const url = new URL(text);
    if ((url.protocol === "https:" || url.protocol === "http:") && !url.username && !url.password) {
      return url;
    }
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
const RECALL = {
  settle: 5_000,
  per_minute: 60,
  patience: 10 * MINUTES,
  confirm: "first",
  within: 30_000,
  otherwise: "tell",
} as const;
const RECONCILE = { every: 5 * MINUTES, max_age: DAYS };

const STATE = { path: "/var/lib/misp-herald/state.db", retention: 90 * DAYS, max_size: 2 * 2 ** 30 };
const HTTP_LISTEN = { host: "127.0.0.1", port: 9642 };
/** A few large events must fit. */
const MIN_SIZE = 16 * 2 ** 20;

/** One entry of `misp:`. */
export const Instance = z
  .strictObject({
    url: HttpUrl.optional().describe("Address of MISP: alerts link to it, and the REST API is there."),
    api_key: SecretText.refine(
      // It travels in a header, where anything else is refused or means something.
      (key) => /^[\x21-\x7e]+$/.test(key.reveal()),
      "must be the key alone: 40 letters and digits, without spaces",
    )
      .optional()
      .describe("Key of a user who only reads: MISP is asked about what the feed tells too little of. A secret."),
    ca_file: z.string().min(1).optional().describe(CA_FILE),
    feed: Feed.describe("Where frames come from."),
    recall: z
      .strictObject({
        settle: Duration.refine((ms) => ms <= 60 * MINUTES, "must be at most 1h")
          .default(RECALL.settle)
          .describe("MISP is asked so long after the last frame about the event. Default 5s."),
        per_minute: z
          .number()
          .int()
          .min(1)
          .max(6000)
          .default(RECALL.per_minute)
          .describe("Questions at most, by all that is asked of this MISP. Default 60."),
        patience: Duration.refine((ms) => ms >= 1000 && ms <= DAYS, "must be from 1s to 1d")
          .default(RECALL.patience)
          .describe("What is not answered by then is refused. Default 10m."),
        confirm: z
          .enum(["first", "never"])
          .default(RECALL.confirm)
          .describe(
            "Whether the first publication of an event is confirmed by MISP before anybody is told. Default first.",
          ),
        within: Duration.refine((ms) => ms >= 1000 && ms <= 10 * MINUTES, "must be from 1s to 10m")
          .default(RECALL.within)
          .describe("What MISP does not confirm in this time is treated as otherwise says. Default 30s."),
        otherwise: z
          .enum(["tell", "hold"])
          .default(RECALL.otherwise)
          .describe("tell: as the feed has it, recorded as unconfirmed; hold: once MISP answers. Default tell."),
      })
      .default(RECALL)
      .describe("With api_key: what the feed leaves open about an event is asked for."),
    reconcile: z
      .strictObject({
        every: Duration.refine((ms) => ms >= 10_000 && ms <= DAYS, "must be from 10s to 1d")
          .default(RECONCILE.every)
          .describe("How often. Default 5m."),
        max_age: Duration.refine((ms) => ms >= MINUTES, "must be at least 1m")
          .default(RECONCILE.max_age)
          .describe("What was published longer ago is not told any more. Default 24h."),
      })
      .default(RECONCILE)
      .describe("With api_key: MISP is asked what was published, so that nothing is missed."),
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
  defaults: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("Merged key by key into every destination; under the name of a type, into those of that type."),
  misp: z
    .record(Name, Instance)
    .refine((instances) => Object.keys(instances).length > 0, "must name at least one MISP instance")
    .describe("Your MISP instances, by names of your choice."),
  state: z
    .strictObject({
      path: z.string().min(1).default(STATE.path).describe("The SQLite file. One process per file."),
      retention: Duration.default(STATE.retention).describe("How long events and records are remembered. Default 90d."),
      max_size: Size.refine((bytes) => bytes >= MIN_SIZE, "must be at least 16MiB")
        .default(STATE.max_size)
        .describe("Beyond it the oldest goes first: records, memory of events, at last what is owed. Default 2GiB."),
    })
    .default(STATE)
    .describe("What is owed, and what is known of events."),
  /** Where people talk to the daemon; absent: at its usual place, if that can be had. */
  control: z
    .string()
    .min(1)
    .optional()
    .describe("The Unix socket where status, outbox, pause and explain talk to the service."),
  /** Absent: off. */
  http: z
    .strictObject({
      listen: Listen.default(HTTP_LISTEN).describe("host:port, the host in brackets for IPv6. It has no password."),
    })
    .optional()
    .describe("Serves /healthz, /readyz and /metrics for programs. Default: off."),
  log: z
    .strictObject({ level: z.enum(LOG_LEVELS).default("info").describe("The least important lines that are written.") })
    .default({ level: "info" })
    .describe("JSON lines on stderr, without text from MISP and without secrets."),
  destinations: z
    .record(Name, DestinationEntry)
    .refine((destinations) => Object.keys(destinations).length > 0, "must name at least one destination")
    .describe("Where alerts go, by names of your choice. Each says what its readers may see."),
  routes: z.array(RouteOptions).min(1).describe("Who is told what. Every route that matches fires, in this order."),
});
export type Config = z.output<typeof Config>;
