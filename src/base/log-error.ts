import { isWorded } from "./errors.ts";

const MAX_DEPTH = 4;

/** An error in a log line. */
interface ErrorFields {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  readonly stack?: string;
  readonly cause?: ErrorFields;
}

/**
 * What the log says of an error: where it came from, and its message only if we have worded it or the system has. What
 * JSON.parse, URL or a destination's library says quotes what it was given, which may be from MISP.
 */
export function serializeError(error: unknown, depth = 0): ErrorFields {
  if (!(error instanceof Error)) {
    return { type: typeof error };
  }
  const code =
    "code" in error && typeof error.code === "string" && /^\w{1,64}$/.test(error.code) ? error.code : undefined;
  const frames = (error.stack ?? "").split("\n").filter((line) => /^ {4}at /.test(line));
  return {
    type: error.constructor.name,
    ...(code !== undefined && { code }),
    ...((isWorded(error) || isOfSystem(error)) && { message: error.message }),
    ...(frames.length > 0 && { stack: frames.join("\n") }),
    ...(error.cause !== undefined && depth < MAX_DEPTH && { cause: serializeError(error.cause, depth + 1) }),
  };
}

/** Names a call, a path and a reason; SQLite names tables and columns. */
function isOfSystem(error: Error): boolean {
  return "syscall" in error || ("code" in error && error.code === "ERR_SQLITE_ERROR");
}
