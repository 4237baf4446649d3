import { stat } from "node:fs/promises";
import type { Notifier } from "./notifier.ts";

/** More than the 90 s that systemd gives where a unit names nothing else. */
const AT_LEAST_S = 120;
/** Of a state of an older schema, each MiB of which is read and written anew: many times what a slow disk takes. */
const S_PER_MIB = 0.5;

/**
 * Asks the manager for patience while a state file is opened, and tells it why: that is one piece of work, in which nothing
 * else can be told. Of a file that is not there, there is nothing to tell.
 */
export async function tellOpening(notifier: Notifier | undefined, path: string): Promise<void> {
  const bytes = notifier ? (await sizeOf(path)) + (await sizeOf(`${path}-wal`)) : 0;
  if (bytes > 0) {
    const seconds = Math.ceil(AT_LEAST_S + (bytes / 2 ** 20) * S_PER_MIB);
    await notifier?.tell({ EXTEND_TIMEOUT_USEC: seconds * 1_000_000, STATUS: "opening the state file" });
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}
