import { writeSync } from "node:fs";

/** How long a line waits for a reader that does not read, before it is given up. */
const PATIENCE_MS = 100;
const NAP_MS = 5;

/** Where finished lines go, at once: the last one before an exit must not be lost. */
export interface LogSink {
  write(text: string): void;
}

/**
 * Writes to a file descriptor, synchronously, and never throws: where the log fails there is no place to say so. A reader that
 * has stopped reading holds the process up for 100 ms once, then lines are dropped; their number is told when it reads again.
 * That takes a pipe or socket that does not block, which stderr is as soon as `process.stderr` has been used.
 */
export class FdSink implements LogSink {
  readonly #fd: number;
  readonly #lost: (lines: number) => string;
  #dropped = 0;
  /** What is left of a line that was taken in part: the next must not be glued to its middle. */
  #rest: Uint8Array = new Uint8Array();

  constructor(fd: number, lost: (lines: number) => string) {
    this.#fd = fd;
    this.#lost = lost;
  }

  write(text: string): void {
    // Whoever did not read before is not waited for again until a line has gone through.
    const until = this.#dropped > 0 ? 0 : performance.now() + PATIENCE_MS;
    const before = this.#dropped > 0 ? this.#lost(this.#dropped) : "";
    if (!this.#push(before + text, until)) {
      this.#dropped += 1;
    } else {
      this.#dropped = 0;
    }
  }

  /** Whether it was taken, at least its beginning. */
  #push(text: string, until: number): boolean {
    const rest = this.#rest.length;
    let bytes: Uint8Array = Buffer.concat([this.#rest, Buffer.from(text)]);
    const all = bytes.length;
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(writeSync(this.#fd, bytes));
      } catch (error) {
        if (!isFull(error) || performance.now() > until) {
          break;
        }
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
