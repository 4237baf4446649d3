import { type FileHandle, open } from "node:fs/promises";
import { UsageError } from "../base/errors.ts";
import type { Frame } from "../model/frame.ts";

/** Writes frames to a file that `replay` and `render` read. */
export interface Recorder extends AsyncDisposable {
  record(frame: Frame): Promise<void>;
}

/**
 * Opens a file that must not be there yet: a recording holds all that the feed says, whatever its marking, so that only
 * its owner may read it, and none is overwritten. Throws UsageError.
 */
export async function openRecorder(path: string): Promise<Recorder> {
  let file: FileHandle;
  try {
    file = await open(path, "wx", 0o600);
  } catch (error) {
    const why =
      error instanceof Error && "code" in error && error.code === "EEXIST" ? "it exists already" : String(error);
    throw new UsageError(`Cannot record to ${path}: ${why}`, 1, { cause: error });
  }
  return {
    async record({ topic, payload, receivedAt }) {
      const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("utf8");
      await file.appendFile(`${JSON.stringify({ t: receivedAt / 1000, topic, payload: text })}\n`);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
