import { z } from "zod";
import { Name } from "../base/schema.ts";

/** The states that people filter by: where a delivery stands, or what holds its destination. */
export const STATES = ["waiting", "sending", "retrying", "paused", "suspended", "unnamed"] as const;
export type State = (typeof STATES)[number];

export const OUTCOMES = ["sent", "unproven", "refused", "withdrawn", "muted", "dead"] as const;

/** An instant in epoch milliseconds. */
const Instant = z.number().int().nonnegative();
const Id = z.string().regex(/^[\w-]{4,64}$/, "must be an id, or at least its first 4 characters");
/** A time in milliseconds that something lasts. */
const Span = z
  .number()
  .int()
  .min(1000, "must be 1s or more")
  .max(366 * 86_400_000, "must be 366d or less");
/** Why, in an operator's words. */
const Reason = z.string().regex(/^[^\p{C}]{1,200}$/u, "must be 1 to 200 printable characters");
/** One map of a route's `match`; what is in it is read where it is compiled. */
const Conditions = z
  .record(z.string(), z.unknown())
  .refine((map) => JSON.stringify(map).length <= 8192, "is too long")
  .refine((map) => isShallow(map), "is nested too deep");
const Limit = z.number().int().min(0).max(1_000_000);

const Filter = z.strictObject({
  /** Whole ids or their beginnings. */
  ids: z.array(Id).min(1).max(500).optional(),
  destinations: z.array(Name).min(1).max(500).optional(),
  state: z.enum(STATES).optional(),
  /** Owed since before then. */
  before: Instant.optional(),
});
export type Filter = z.output<typeof Filter>;

/** An event's id in MISP, or its UUID. */
export const EventName = z
  .string()
  .regex(/^(\d{1,20}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i, "must be an event's id or UUID")
  .transform((text) => text.toLowerCase());

/** The same within an instance, or wherever it is known: `4711`, `cert:4711`, a UUID, `cert:` and a UUID. */
export const InstanceEvent = z
  .string()
  .regex(
    /^([\w.-]{1,64}:)?(\d{1,20}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i,
    "must be an event's UUID or id, or instance:id",
  )
  .transform((text) => {
    const colon = text.lastIndexOf(":");
    const name = text.slice(colon + 1).toLowerCase();
    return { name, ...(colon > 0 && { instance: text.slice(0, colon) }) };
  });

export const Query = z.discriminatedUnion("command", [
  z.strictObject({ command: z.literal("status") }),
  z.strictObject({ command: z.literal("outbox.list"), filter: Filter, limit: Limit }),
  z.strictObject({ command: z.literal("outbox.count"), filter: Filter }),
  z.strictObject({ command: z.literal("outbox.show"), id: Id, content: z.boolean() }),
  z.strictObject({ command: z.literal("outbox.retry"), filter: Filter }),
  z.strictObject({ command: z.literal("outbox.drop"), filter: Filter }),
  z.strictObject({
    command: z.literal("history"),
    destination: Name.optional(),
    event: EventName.optional(),
    outcome: z.enum(OUTCOMES).optional(),
    since: Instant.optional(),
    limit: Limit,
  }),
  z.strictObject({ command: z.literal("explain"), event: EventName }),
  z.strictObject({ command: z.literal("acknowledge"), event: InstanceEvent }),
  z.strictObject({ command: z.literal("pause"), destination: Name, for: Span.optional() }),
  z.strictObject({ command: z.literal("resume"), destination: Name }),
  z.strictObject({
    command: z.literal("silence.add"),
    match: z.array(Conditions).max(20),
    events: z.array(EventName).max(100),
    routes: z.array(Name).max(100),
    destinations: z.array(Name).max(100),
    for: Span,
    reason: Reason,
    afterwards: z.enum(["nothing", "digest"]),
  }),
  z.strictObject({ command: z.literal("silence.list"), ended: z.boolean() }),
  z.strictObject({ command: z.literal("silence.extend"), id: Id, for: Span }),
  z.strictObject({ command: z.literal("silence.remove"), id: Id }),
  z.strictObject({ command: z.literal("reload"), accept: z.boolean().optional() }),
]);
export type Query = z.output<typeof Query>;

/** What can be asked for, one shape for each command. */
export type QueryInput = z.input<typeof Query>;

/**
 * Who asks, as the client says: Node cannot read the peer's credentials (SO_PEERCRED). Whoever may connect could name
 * another; the socket's mode decides who that is.
 */
export const Asker = z.strictObject({
  name: z.string().regex(/^[^\p{C}]{1,64}$/u, "must be 1 to 64 printable characters"),
  uid: z
    .number()
    .int()
    .min(-1)
    .max(2 ** 32),
});
export type Asker = z.output<typeof Asker>;

/** Who asks for what, by whatever door it came in. */
export interface OperationRequest {
  readonly by: Asker;
  readonly query: Query;
}

/** What is answered: items as they come, and one line that ends it. */
export type ReplyLine = { readonly item: object } | { readonly end: object };

/** Why a request is refused: `wrong` in itself, `unknown` what it names, `rejected` what it asks to take into force; `busy` and `failed` are not the asker's fault. */
export const ErrorCode = z.enum(["wrong", "unknown", "rejected", "version", "busy", "failed"]);
export type ErrorCode = z.output<typeof ErrorCode>;

/** A request that cannot be done; the message is for the person who asks, and holds no text from MISP. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const MAX_DEPTH = 16;

/** What is deeper than any person writes would exhaust whoever reads it. */
function isShallow(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) {
    return true;
  }
  return depth < MAX_DEPTH && Object.values(value).every((inner) => isShallow(inner, depth + 1));
}
