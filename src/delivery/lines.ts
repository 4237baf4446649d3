import type { Log } from "../base/log.ts";
import { LogLimiter } from "../base/log-limiter.ts";

/** What happens to every batch while all is well, or while nothing is: a line each would hide what is worth reading. */
export interface Lines {
  readonly delivered: LogLimiter;
  readonly retried: LogLimiter;
  readonly throttled: LogLimiter;
  readonly unproven: LogLimiter;
  readonly refused: LogLimiter;
  readonly expired: LogLimiter;
}

/** The limited lines of one delivery loop. */
export function openLines(log: Log, now: () => number): Lines {
  return {
    // The record has every delivery; the log shows that it goes on, and at debug each attempt.
    delivered: new LogLimiter(log, "Delivered", now, 60_000, "info"),
    retried: new LogLimiter(log, "Delivery failed; it is tried again", now),
    throttled: new LogLimiter(log, "Destination asks us to wait", now),
    unproven: new LogLimiter(log, "Sent twice, and whether it arrived is unknown; it is not sent again", now),
    refused: new LogLimiter(log, "Delivery is dead: the message was refused", now, 10_000, "error"),
    expired: new LogLimiter(log, "Delivery is dead: tried for too long", now, 10_000, "error"),
  };
}
