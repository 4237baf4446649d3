import { type Logger, pino } from "pino";
import { serializeError } from "./log-error.ts";
import type { LogFormat } from "./log-format.ts";
import { FdSink, type LogSink } from "./log-sink.ts";
import { Redactor } from "./redact.ts";

/** Structured log on stderr. Never give it text from MISP or a value that may hold a secret. `level` may be set at any time. */
export type Log = Logger;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * JSON lines to `sink`, each without the secrets that `redactor` knows by then. Both can change while it is in use: the
 * level by `log.level`, the secrets by what the redactor learns.
 */
export function openLog(level: LogLevel, sink: LogSink = openFd(2), redactor = new Redactor()): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
    },
    { write: (line) => sink.write(redactor.redactJson(line)) },
  );
}

/** Lines to an open file, in the form that its reader wants; by default as they are. */
export function openFd(fd: number, format: LogFormat = (line) => line): LogSink {
  const lost = (lines: number) =>
    format(`${JSON.stringify({ level: "warn", time: new Date().toISOString(), lines, msg: "Log lines were lost" })}\n`);
  const sink = new FdSink(fd, lost);
  return { write: (line) => sink.write(format(line)) };
}
