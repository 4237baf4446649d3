import { DecodeError, REPORT_IT } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { LogLimiter } from "../base/log-limiter.ts";
import type { Frame } from "../model/frame.ts";
import { nameOf } from "../model/frame-name.ts";
import type { Message } from "../model/message.ts";
import type { Rules } from "../planning/plan.ts";
import { mostText, textIn } from "../routing/weight.ts";
import { decode } from "../topics/index.ts";

/** What it takes to read frames, and to say of which that cannot be done. */
export interface FrameReading {
  readonly log: Log;
  /** By instance the account that we ask with, once it is known: what MISP says of it, we have caused ourselves. */
  readonly accounts: ReadonlyMap<string, () => string | undefined>;
  /** Says once, and then now and then, that parts of frames cannot be read. */
  readonly incomplete: LogLimiter;
  /** The same of whole frames. */
  readonly unreadable: LogLimiter;
}

/** What one frame says. */
export interface ReadFrame {
  readonly message: Message;
  readonly frame: Frame;
  readonly bytes: number;
}

/** What is planned in one turn of the loop. */
export interface Turn {
  /** So many frames, the first ones. */
  readonly count: number;
  readonly read: readonly ReadFrame[];
  /** The last of them, which is more than one turn may take: it is dealt with away from the loop. */
  readonly away?: Frame;
}

/** Reads frames until that, and what rules will ask about them, is work enough for one turn, or one is for another thread. */
export function readTurn(frames: readonly Frame[], reading: FrameReading, { routes }: Pick<Rules, "routes">): Turn {
  const read: ReadFrame[] = [];
  let asked = 0;
  for (const [index, frame] of frames.entries()) {
    const count = index + 1;
    if (frame.giant) {
      return { count, read, away: frame };
    }
    const said = decoded(frame, reading);
    const most = routes.get(said?.kind ?? "event.published")?.mostText ?? mostText(0);
    const share = said ? textIn(said) / most : 0;
    // A thread plans publications alone: nothing else has any number of parts.
    if (share > 1 && said?.kind === "event.published") {
      // Its bytes are those of a batch, which changes hands as one.
      return { count, read, away: { ...frame, payload: frame.payload.slice() } };
    }
    const message = accept(said, frame, reading);
    if (message) {
      read.push({ message, frame, bytes: frame.payload.byteLength });
    }
    asked += share;
    if (asked >= 1) {
      return { count, read };
    }
  }
  return { count: frames.length, read };
}

/** A frame that cannot be read is counted and logged; no frame may stop the feed. */
function decoded(frame: Frame, reading: FrameReading): Message | undefined {
  try {
    return decode(frame);
  } catch (error) {
    if (error instanceof DecodeError) {
      sayUnreadable(frame, error.message, reading);
    } else {
      sayBug(frame, error, reading);
    }
    return undefined;
  }
}

/** What is said of frames that are read in another thread. */
export function readingElsewhere(reading: () => FrameReading) {
  return {
    accept: (message: Message | undefined, frame: Frame) => accept(message, frame, reading()),
    unreadable: (frame: Frame, reason: string) => sayUnreadable(frame, reason, reading()),
    failed: (frame: Frame, error: unknown) => sayBug(frame, error, reading()),
  };
}

/** What is to be planned: none of ours may beget the next. */
function accept(
  message: Message | undefined,
  frame: Frame,
  { accounts, incomplete }: FrameReading,
): Message | undefined {
  // One of those that we know, or empty: a frame of any other is not looked into.
  const { instance, topic } = frame;
  if (message?.skipped !== undefined && !message.giant) {
    const { id, uuid } = message.subject;
    const name = { ...(id !== undefined && { id }), ...(uuid !== undefined && { uuid }) };
    incomplete.say({ instance, topic, skipped: message.skipped, ...name }, topic);
  }
  const own = accounts.get(instance)?.();
  return own !== undefined && message?.actor === own ? undefined : message;
}

function sayUnreadable({ instance, topic, payload }: Frame, reason: string, { unreadable }: FrameReading): void {
  unreadable.say({ instance, topic, reason, ...nameOf(payload) }, topic);
}

function sayBug({ instance, topic }: Frame, error: unknown, { log }: FrameReading): void {
  log.error({ err: error, instance, topic, hint: REPORT_IT }, "Dropped a frame by a bug");
}
