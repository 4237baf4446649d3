import type { Readable, Writable } from "node:stream";

/** What a command may use of the process; tests give their own. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Aborts when the process is asked to stop. */
  readonly signal: AbortSignal;
  /** Names what to do when the process is asked to read its configuration again (SIGHUP). */
  readonly onHangup?: (reload: () => void) => void;
}

/** Whether to colour a stream (no-color.org). */
export function hasColor(stream: { readonly isTTY?: boolean }, env: Context["env"]): boolean {
  return Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== "dumb";
}

/** Writes a line; what the reader has closed (`| head`) is the process's business, not the command's. */
export function print(stream: Writable, text: string): void {
  stream.write(text.endsWith("\n") ? text : `${text}\n`);
}
