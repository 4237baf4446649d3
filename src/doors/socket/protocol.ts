import { z } from "zod";
import { Asker, ErrorCode, Query } from "../../operations/requests.ts";

/** What both sides must speak; it changes when an older program would misunderstand a newer one. */
export const PROTOCOL = 1;

/** One request is one line of at most so many bytes. */
export const MAX_REQUEST_BYTES = 65_536;

export const Request = z.strictObject({ v: z.literal(PROTOCOL), by: Asker, query: Query });
export type Request = z.output<typeof Request>;

/** Items as they come, and one line that ends the reply; without that line it is not whole. */
export const Reply = z.union([
  z.object({ v: z.literal(PROTOCOL), item: z.unknown() }),
  z.object({ v: z.literal(PROTOCOL), end: z.unknown() }),
  // Of any version: that is how the other side learns of it.
  z.object({ v: z.number(), error: z.object({ code: ErrorCode, message: z.string() }) }),
]);
export type Reply = z.output<typeof Reply>;
