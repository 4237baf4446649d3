import { type Log, openLog } from "../../src/base/log.ts";

export interface CapturedLog {
  readonly log: Log;
  /** The lines as they were written. */
  readonly lines: readonly string[];
  /** The parsed lines whose message matches. */
  find(message: RegExp): readonly Readonly<Record<string, unknown>>[];
}

/** The real log, at its most talkative, into memory. */
export function captureLog(): CapturedLog {
  const lines: string[] = [];
  return {
    log: openLog("trace", { write: (line) => void lines.push(line) }),
    lines,
    find: (message) => lines.map((line) => JSON.parse(line)).filter((line) => message.test(line.msg)),
  };
}
