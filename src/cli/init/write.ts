import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { reasonOf } from "../../config/read.ts";
import { UsageError } from "../../errors.ts";
import type { Draft } from "./document.ts";

/** Whether something is there. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Writes files that only their owner may read, each as a whole or not at all, the last one last. Makes missing folders. */
export async function writeDrafts(drafts: readonly Draft[]): Promise<void> {
  const pending: { readonly from: string; readonly to: string }[] = [];
  try {
    for (const { path, text } of drafts) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const from = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
      pending.push({ from, to: path });
      const file = await open(from, "wx", 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
    }
    for (const { from, to } of pending) await rename(from, to);
  } catch (error) {
    await Promise.all(pending.map(({ from }) => rm(from, { force: true })));
    const path = pending.at(-1)?.to ?? drafts[0]?.path ?? "";
    throw new UsageError(`Cannot write ${path}: ${reasonOf(error)}; name another file with -c`, 1, { cause: error });
  }
}
