import type { Readable, Writable } from "node:stream";
import type { Start } from "../app.ts";
import { type Log, type LogLevel, openFd, openLog } from "../base/log.ts";
import { chooseFormat } from "../base/log-format.ts";
import type { Redactor } from "../base/redact.ts";

/** What `main` may use of the process; tests give their own. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly fd?: number };
  /** Aborts when the process is asked to stop. */
  readonly signal: AbortSignal;
  /** Names what to do when the process is asked to read its configuration again (SIGHUP). */
  readonly onHangup?: (reload: () => void) => void;
  /** How the program was called, for command lines that a person copies; absent: by its name. */
  readonly self?: string;
  /** Starts the flow. */
  readonly start: Start;
}

/** What the installed program is called. */
export const NAME = "misp-herald";

/** What a command may use. */
export interface Context extends Host {
  /** Learns the secrets of the configuration as it is loaded, and keeps them out of the log and of errors. */
  readonly redactor: Redactor;
}

/** The log on stderr, as whoever reads there wants it. */
export function openContextLog(level: LogLevel, { stderr, env, redactor }: Context): Log {
  const { fd } = stderr;
  const isTTY = stderr.isTTY ?? false;
  const format = chooseFormat({ env, isTTY, color: hasColor(stderr, env), ...(fd !== undefined && { fd }) });
  const sink = fd === undefined ? { write: (line: string) => void stderr.write(format(line)) } : openFd(fd, format);
  return openLog(level, sink, redactor);
}

/** Whether to colour a stream (no-color.org). */
export function hasColor(stream: { readonly isTTY?: boolean }, env: Context["env"]): boolean {
  return Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== "dumb";
}

/** Writes a line; what the reader has closed (`| head`) is the process's business, not the command's. */
export function print(stream: Writable, text: string): void {
  stream.write(text.endsWith("\n") ? text : `${text}\n`);
}
