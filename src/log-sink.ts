import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { isatty } from "node:tty";

/** How long a line waits for a reader that does not read, before it is given up. */
const PATIENCE_MS = 100;
const NAP_MS = 5;

/** Where finished lines go, at once: the last one before an exit must not be lost. */
export interface LogSink {
  write(text: string): void;
}

/**
 * Writes to a file descriptor, synchronously, and never throws: nobody can be told that nobody can be told. A reader that
 * has stopped reading holds the process up for 100 ms once, then lines are dropped; their number is told when it reads again.
 */
export class FdSink implements LogSink {
  readonly #shared: number;
  #fd: number | undefined;
  readonly #lost: (lines: number) => string;
  #dropped = 0;
  /** What is left of a line that was taken in part: the next must not be glued to its middle. */
  #rest: Uint8Array = new Uint8Array();

  constructor(fd: number, lost: (lines: number) => string) {
    this.#shared = fd;
    this.#lost = lost;
  }

  write(text: string): void {
    // Whoever did not read before is not waited for again until a line has gone through.
    const until = this.#dropped > 0 ? 0 : performance.now() + PATIENCE_MS;
    const before = this.#dropped > 0 ? this.#lost(this.#dropped) : "";
    if (!this.#push(before + text, until)) this.#dropped += 1;
    else this.#dropped = 0;
  }

  /** Whether it was taken, at least its beginning. */
  #push(text: string, until: number): boolean {
    const rest = this.#rest.length;
    let bytes: Uint8Array = Buffer.concat([this.#rest, Buffer.from(text)]);
    const all = bytes.length;
    this.#fd ??= withoutWaiting(this.#shared);
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(writeSync(this.#fd, bytes));
      } catch (error) {
        if (!isFull(error) || performance.now() > until) break;
        Atomics.wait(NEVER, 0, 0, NAP_MS);
      }
    }
    const written = all - bytes.length;
    const begun = written > rest;
    this.#rest = begun ? bytes : bytes.subarray(0, Math.max(0, rest - written));
    return begun;
  }
}

const NEVER = new Int32Array(new SharedArrayBuffer(4));

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

/**
 * The same pipe or terminal, opened once more so that a write never waits: that is a property of the opening, which
 * stderr shares with other processes. Open until the process ends. A file never waits; a socket, such as journald's, cannot
 * be opened so, and is read by a service that is there for it.
 */
function withoutWaiting(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO() && !isatty(fd)) return fd;
    const opened = openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    if (fstatSync(opened).ino === fstatSync(fd).ino) return opened;
    closeSync(opened);
  } catch {
    // Not on this system, or not for this user.
  }
  return fd;
}
