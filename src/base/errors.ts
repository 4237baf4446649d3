/** What to do about a bug; the log line has the place in the code. */
export const REPORT_IT = "this is a bug of misp-herald: report it with this line, which holds nothing from MISP";

/** A frame is not what its topic promises. The message never holds text from the frame. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/**
 * The state file cannot be used as it is; the message says what to do. Nothing was changed in it. `passing`: it can be mended
 * under a running service, such as a full disk.
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly passing: boolean;

  constructor(message: string, options: ErrorOptions & { readonly passing?: boolean } = {}) {
    super(message, options);
    this.passing = options.passing ?? false;
  }
}

/**
 * The control socket cannot be opened or reached; the message says what to do. `taken`: something else is at its path,
 * and was left alone.
 */
export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly taken: boolean;

  constructor(message: string, options: ErrorOptions & { readonly taken?: boolean } = {}) {
    super(message, options);
    this.taken = options.taken ?? false;
  }
}

/** The HTTP endpoint cannot be opened; the message says what to do. */
export class EndpointError extends Error {
  override readonly name = "EndpointError";
}

/** Ends a command; why is in the log already. */
export class LoggedError extends Error {
  override readonly name = "LoggedError";
}

/** The command line or its input is wrong; printed without a stack, exit code as given (1: the answer is no, 2: usage). */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 2, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

const WORDED = [DecodeError, StoreError, ControlError, EndpointError, UsageError];

/** Whether the message of an error is ours: it says all there is to say, without text from MISP. */
export function isWorded(error: unknown): error is Error {
  return WORDED.some((type) => error instanceof type);
}
