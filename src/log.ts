import { type DestinationStream, type Logger, pino } from "pino";

/** Structured log on stderr. Never give it text from MISP or a value that may hold a secret. */
export type Log = Logger;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** JSON lines to `stream` (default stderr), synchronous so that the last line before an exit is not lost. */
export function openLog(level: (typeof LOG_LEVELS)[number], stream?: DestinationStream): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream ?? pino.destination({ dest: 2, sync: true }),
  );
}
