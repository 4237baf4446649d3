import { z } from "zod";
import { COLLECTS } from "../model/pacing.ts";
import { OUTCOMES } from "./requests.ts";

// What the daemon answers, and `--json` prints. Instants are ISO 8601 in UTC; nothing here is content of MISP, except
// `content` of one delivery, which the guard of its destination has let through.

const Instant = z.string();
const Count = z.number();

/** What an operator does not want to be told for a while. */
export const SilenceDocument = z.object({
  id: z.string(),
  created_at: Instant,
  until: Instant,
  ended: z.boolean(),
  by: z.string(),
  reason: z.string(),
  /** In the language of routes; all of them hold. */
  match: z.array(z.record(z.string(), z.unknown())),
  events: z.array(
    z.object({ instance: z.string().optional(), uuid: z.string().optional(), id: z.string().optional() }),
  ),
  routes: z.array(z.string()),
  destinations: z.array(z.string()),
  afterwards: z.enum(["nothing", "digest"]),
  /** How many alerts were not told. */
  muted: Count,
  /** How many are told once it ends. */
  held: z.array(z.object({ destination: z.string(), n: Count })),
  changes: z.array(z.object({ at: Instant, by: z.string(), what: z.enum(["extended", "removed"]) })),
});
export type SilenceDocument = z.output<typeof SilenceDocument>;

const ReminderDocument = z.object({ n: Count, of: Count.optional(), escalated_from: z.string().optional() });

/** An owed delivery. */
export const OwedDocument = z.object({
  id: z.string(),
  destination: z.string(),
  instance: z.string(),
  kind: z.string(),
  event_uuid: z.string().optional(),
  routes: z.array(z.string()),
  priority: z.enum(["normal", "high"]),
  state: z.enum(["waiting", "sending", "retrying"]),
  /** What holds its destination. */
  held: z.enum(["paused", "suspended", "unnamed"]).optional(),
  /** The silence whose end it waits for. */
  silence: z.string().optional(),
  /** What it waits in beside its group. */
  collected: z.enum(COLLECTS).optional(),
  /** It reminds of what was told before: which it is, and for whom, where these are other readers. */
  reminder: ReminderDocument.optional(),
  owed_since: Instant,
  due_at: Instant,
  attempts: Count,
  first_attempt_at: Instant.optional(),
  last_reason: z.string().optional(),
});
export type OwedDocument = z.output<typeof OwedDocument>;

/** One owed delivery, and what would leave of it now. */
export const DeliveryDocument = z.object({
  delivery: OwedDocument,
  content: z
    .union([
      z.object({
        body: z.string(),
        sizes: z.array(z.object({ what: z.string(), used: Count, limit: Count, unit: z.string() })),
        trimmed: z.array(z.string()),
      }),
      z.object({ refused: z.string() }),
    ])
    .optional(),
});
export type DeliveryDocument = z.output<typeof DeliveryDocument>;

/** One line of the record. */
export const RecordDocument = z.object({
  at: Instant,
  delivery: z.string(),
  destination: z.string(),
  instance: z.string(),
  kind: z.string(),
  event_uuid: z.string().optional(),
  event_changed_at: Instant.optional(),
  routes: z.array(z.string()),
  outcome: z.enum(OUTCOMES),
  reason: z.string().optional(),
  tlp: z.string().optional(),
  /** How many refusals of the event for this reason it stands for, the last at `at`; absent: one. */
  times: Count.optional(),
  by: z.string().optional(),
  /** The silence that muted it. */
  silence: z.string().optional(),
  /** It was told without MISP's word that the event is published. */
  unconfirmed: z.boolean().optional(),
  /** It is of a reminder, and of which. */
  reminder: ReminderDocument.optional(),
});
export type RecordDocument = z.output<typeof RecordDocument>;

/** Ends a list: whether there is more than was asked for. */
export const ListEnd = z.object({ more: z.boolean() });
export type ListEnd = z.output<typeof ListEnd>;

/** How many owed deliveries are meant, and how many of them are being sent, which cannot be changed. */
export const Counted = z.object({ count: Count, sending: Count, destinations: z.array(z.string()) });
export type Counted = z.output<typeof Counted>;

/** How many deliveries were changed, what was left alone because it is being sent, and what is held all the same. */
export const Changed = z.object({ count: Count, sending: Count, paused: z.array(z.string()) });
export type Changed = z.output<typeof Changed>;

export const Paused = z.object({
  destination: z.string(),
  paused: z.boolean(),
  changed: z.boolean(),
  owed: Count,
  /** When a pause ends by itself. */
  until: Instant.optional(),
});
export type Paused = z.output<typeof Paused>;

/** What came of acknowledging an event. */
export const Acknowledged = z.object({
  events: z.array(
    z.object({
      instance: z.string(),
      uuid: z.string(),
      id: z.string().optional(),
      /** How many reminders are not sent any more, and to whom. */
      reminders: Count,
      destinations: z.array(z.string()),
      /** Somebody had done so before. */
      before: z.object({ at: Instant, by: z.string() }).optional(),
    }),
  ),
});
export type Acknowledged = z.output<typeof Acknowledged>;

/** All that is known of who was told of an event. */
export const Explained = z.object({
  events: z.array(
    z.object({
      instance: z.string(),
      id: z.string().optional(),
      uuid: z.string().optional(),
      changed_at: Instant.optional(),
      published_at: Instant.optional(),
      ever_published: z.boolean(),
      deleted: z.boolean(),
      unpublished: z.boolean().default(false),
      /** The newest version that was told, or is owed. */
      told: z.array(z.object({ destination: z.string(), changed_at: Instant.optional() })),
      /** It is not known yet whether these may be told; MISP is asked. */
      undecided: z.array(z.string()),
    }),
  ),
  owed: z.array(OwedDocument),
  records: z.array(RecordDocument),
  /** Messages about it that may still be changed. */
  messages: z
    .array(
      z.object({
        instance: z.string(),
        destination: z.string(),
        sent_at: Instant,
        reply: z.boolean(),
        /** It is to be changed; `urgent`: it may show what its readers are not to see any more. */
        change: z
          .object({
            since: Instant,
            due_at: Instant,
            urgent: z.boolean(),
            attempts: Count,
            last_reason: z.string().optional(),
          })
          .optional(),
      }),
    )
    .default([]),
  /** Who looks after it, and since when: nobody is reminded of what was told before. */
  acknowledged: z.array(z.object({ instance: z.string(), at: Instant, by: z.string() })).default([]),
  /** Those by which something was muted, or is held. */
  silences: z.array(SilenceDocument).default([]),
  /** There are more than are listed. */
  more: z.boolean(),
});
export type Explained = z.output<typeof Explained>;

/** What came of reading the configuration again. */
export const Reloaded = z.object({
  digest: z.string(),
  /** As `check` words them. */
  warnings: z.array(z.string()),
  /** Keys that have changed, and count only after a restart. */
  restart: z.array(z.string()),
});
export type Reloaded = z.output<typeof Reloaded>;

export const Status = z.object({
  version: z.string(),
  pid: Count,
  started_at: Instant,
  now: Instant,
  config: z.object({
    file: z.string(),
    digest: z.string(),
    /** When it came into force. */
    since: Instant,
    /** A newer one was refused: how many problems it has, and the first. */
    rejected: z.object({ at: Instant, problems: Count, first: z.string() }).optional(),
  }),
  state: z.object({
    file: z.string(),
    bytes: Count.optional(),
    /** How many rows could not be read since the start, and whether all else of the file is sound. */
    damaged: z.object({ rows_set_aside: Count, repaired: z.boolean() }).optional(),
  }),
  sources: z.array(
    z.object({
      name: z.string(),
      endpoints: z.array(
        z.object({
          endpoint: z.string(),
          connected: z.boolean(),
          /** Why it is not connected, and what to do about it. */
          trouble: z.object({ reason: z.string(), hint: z.string().optional() }).optional(),
        }),
      ),
      received: Count,
      dropped: z.record(z.string(), Count),
      last_frame_at: Instant.optional(),
      silent: z.boolean(),
    }),
  ),
  /** Instances that are asked by REST: whether MISP accepts the key, as far as is known. */
  asked: z.array(
    z.object({
      instance: z.string(),
      key: z.enum(["accepted", "refused"]),
      refused: z.object({ since: Instant, reason: z.string(), hint: z.string().optional() }).optional(),
    }),
  ),
  /** What MISP is asked about before anybody may be told. */
  undecided: z.array(z.object({ instance: z.string(), messages: Count, oldest_at: Instant })),
  /** Publications that MISP is to confirm before anybody is told, and what waits behind them. */
  unconfirmed: z.array(z.object({ instance: z.string(), messages: Count, oldest_at: Instant })),
  destinations: z.array(
    z.object({
      name: z.string(),
      /** Absent: it is not in the configuration any more, and is still owed something. */
      type: z.string().optional(),
      /** Since when no configuration names it; what it is owed is kept for 24 h. */
      unnamed_since: Instant.optional(),
      owed: Count,
      /** How much of it waits for its group, its turn or its next attempt, and for nothing else. */
      waiting: Count.default(0),
      /** When something leaves next, a reminder or what a silence holds among it; what is past waits for its turn. */
      next_due_at: Instant.optional(),
      oldest_at: Instant.optional(),
      last_told_at: Instant.optional(),
      paused: z.object({ at: Instant, by: z.string(), until: Instant.optional() }).optional(),
      /** How much of what it is owed waits until a silence ends. */
      silenced: Count.default(0),
      /** What waits for a digest, until quiet hours end, behind a flood, or to remind, and when the first of it leaves. */
      collected: z.array(z.object({ in: z.enum(COLLECTS), n: Count, due_at: Instant })).default([]),
      /** Messages it was sent that are to be changed; `urgent`: those that may show what their readers are not to see any more. */
      changes: z
        .object({ messages: Count, urgent: Count, oldest_at: Instant, last_reason: z.string().optional() })
        .optional(),
      suspended: z.object({ at: Instant, reason: z.string(), hint: z.string().optional() }).optional(),
      /** Nothing is sent before; of a suspended destination the next probe. */
      rests: z.object({ until: Instant, reason: z.string().optional(), hint: z.string().optional() }).optional(),
      /** What it was not told since the start, by reason. */
      refused: z.record(z.string(), Count).default({}),
      muted: z.record(z.string(), Count).default({}),
      /** Where most of what it is owed stands: in an attempt, between two, or in its group. */
      standing: z.enum(["sending", "retrying", "waiting"]).optional(),
    }),
  ),
  /** Those in force, those that end first before others. */
  silences: z.array(SilenceDocument).default([]),
  /** Counted since the start. */
  totals: z.object({
    frames: Count,
    unreadable: Count,
    messages: Count,
    told: Count,
    refused: z.record(z.string(), Count),
    /** A service of before this was counted does not tell it. */
    withdrawn: Count.default(0),
    muted: Count,
    dead: z.record(z.string(), Count),
  }),
});
export type Status = z.output<typeof Status>;
