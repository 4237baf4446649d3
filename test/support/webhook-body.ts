import { z } from "zod";
import { ANALYSES, DISTRIBUTIONS, KINDS, PAP, THREAT_LEVELS, TLP } from "../../src/model/vocabulary.ts";

// The body as docs/webhook.md promises it: a field that is not in here must not leave.

const Instant = z.iso.datetime();
const Count = z.number().int().nonnegative();
const Marking = z.strictObject({ tlp: z.enum([...TLP, "untagged"]), pap: z.enum([...PAP, "untagged"]) });
const Organisation = z.strictObject({ name: z.string().optional(), uuid: z.string().optional() });

const Minimal = z.strictObject({
  form: z.enum(["full", "metadata", "pointer"]),
  instance: z.string(),
  marking: Marking,
  title: z.string().min(1),
  event: z.strictObject({ url: z.url() }).optional(),
});

const Indicator = z.strictObject({
  uuid: z.string().optional(),
  type: z.string().optional(),
  category: z.string().optional(),
  value: z.string().optional(),
  defanged: z.string().optional(),
  to_ids: z.boolean().optional(),
  comment: z.string().optional(),
  tags: z.array(z.string()).min(1).optional(),
  object: z.string().optional(),
  object_uuid: z.string().optional(),
  relation: z.string().optional(),
  tlp: z.string().optional(),
  matched: z.boolean().optional(),
  news: z.enum(["added", "changed", "unchanged"]).optional(),
  cut: z.literal(true).optional(),
  changed_at: Instant.optional(),
});

const ObjectOf = z.strictObject({
  uuid: z.string().optional(),
  name: z.string().optional(),
  comment: z.string().optional(),
  cut: z.literal(true).optional(),
});

const Whole = z.strictObject({
  kinds: z.array(z.strictObject({ kind: z.enum(KINDS), n: Count })).min(1),
  change: z.enum(["new", "updated", "unchanged"]).optional(),
  form: z.enum(["full", "metadata"]),
  instance: z.string(),
  routes: z.array(z.string()),
  because: z.array(z.string()).min(1).optional(),
  links: z
    .array(z.strictObject({ label: z.string(), url: z.url({ protocol: /^https$/ }) }))
    .min(1)
    .optional(),
  marking: Marking,
  withheld: Count,
  kept_back: z.array(z.enum(["tlp", "pap"])).optional(),
  never_told: Count.optional(),
  state: z.string().min(1),
  title: z.string().min(1),
  body: z.string().optional(),
  template_failed: z.boolean().optional(),
  received_at: Instant.optional(),
  event: z
    .strictObject({
      uuid: z.string().optional(),
      id: z.string().optional(),
      url: z.url().optional(),
      info: z.string().optional(),
      date: z.string().optional(),
      changed_at: Instant.optional(),
      threat_level: z.enum(THREAT_LEVELS).optional(),
      analysis: z.enum(ANALYSES).optional(),
      distribution: z.enum(DISTRIBUTIONS).optional(),
      sharing_group: Organisation.optional(),
      published: z.boolean().optional(),
      origin: z.enum(["local", "pulled", "feed"]).optional(),
      org: Organisation.optional(),
      owner_org: Organisation.optional(),
      extends_uuid: z.string().optional(),
    })
    .optional(),
  counts: z.strictObject({
    attributes: Count,
    to_ids: Count,
    objects: Count.optional(),
    removed: Count.optional(),
    types: z.array(z.strictObject({ type: z.string(), n: Count })),
  }),
  changed: z
    .strictObject({
      since: Instant,
      attributes: Count,
      objects: Count,
      told_at: Instant.optional(),
      added: Count.optional(),
      changed: Count.optional(),
      removed: Count.optional(),
      unchanged: Count.optional(),
      again: z.literal(true).optional(),
      exact: z.boolean(),
      title: z.boolean().optional(),
      threat_level: z.boolean().optional(),
      tags_added: z.array(z.string()).optional(),
      tags_removed: Count.optional(),
    })
    .optional(),
  tags: z.array(z.string()).optional(),
  clusters: z.array(z.strictObject({ galaxy: z.string(), value: z.string() })).optional(),
  tag: z
    .strictObject({
      name: z.string(),
      on: z.enum(["event", "attribute"]).optional(),
      attribute_id: z.string().optional(),
    })
    .optional(),
  sighting: z
    .strictObject({
      type: z.enum(["sighting", "false-positive", "expiration"]).optional(),
      source: z.string().optional(),
      seen_at: Instant.optional(),
    })
    .optional(),
  indicators: z.array(Indicator).optional(),
  removed: z
    .array(
      Indicator.extend({
        to_ids: z.literal(false),
        withdrawn: z.enum(["deleted", "removed", "not-for-detection"]),
      }),
    )
    .min(1)
    .optional(),
  objects: z.array(ObjectOf).optional(),
  removed_objects: z.array(ObjectOf).min(1).optional(),
  lines: z.array(z.strictObject({ label: z.string(), text: z.string(), cut: z.literal(true).optional() })).optional(),
  truncated: z
    .partialRecord(z.enum(["indicators", "objects", "lines", "tags", "clusters", "removed"]), Count)
    .optional(),
});

/** What a receiver may rely on. */
export const WebhookBody = z.strictObject({
  type: z.literal("misp-herald.alerts"),
  version: z.literal("1"),
  id: z.string().regex(/^[^.]+$/),
  part: z.number().int().positive(),
  parts: z.number().int().positive(),
  timestamp: Instant,
  destination: z.string(),
  priority: z.enum(["normal", "high"]),
  mentions: z.array(z.string()).min(1).optional(),
  marking: z.strictObject({ tlp: z.enum([...TLP, "untagged"]) }),
  entries: z.array(z.union([Minimal, Whole])),
  truncated: z.strictObject({ entries: Count }).optional(),
});
