import { randomUUID } from "node:crypto";
import { chmod, chown, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { reasonOf } from "../../base/file-reason.ts";
import type { Draft } from "./document.ts";

/** Whether something is there. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Writes files that only their owner may read, each as a whole or not at all, the last one last. Makes missing folders. A file
 * with a group is readable for it, and so is its folder, which may have been there before.
 */
export async function writeDrafts(drafts: readonly (Draft & { readonly gid?: number })[]): Promise<void> {
  const pending: { readonly from: string; readonly to: string }[] = [];
  try {
    for (const { path, text, gid } of drafts) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      if (gid !== undefined) {
        await share(dirname(path), gid, 0o750);
      }
      const from = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
      pending.push({ from, to: path });
      const file = await open(from, "wx", 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
        if (gid !== undefined) {
          await share(from, gid, 0o640);
        }
      } finally {
        await file.close();
      }
    }
    for (const { from, to } of pending) {
      await rename(from, to);
    }
  } catch (error) {
    await Promise.all(pending.map(({ from }) => rm(from, { force: true })));
    const path = pending.at(-1)?.to ?? drafts[0]?.path ?? "";
    throw new UsageError(`Cannot write ${path}: ${reasonOf(error)}; name another file with -c`, 1, { cause: error });
  }
}

async function share(path: string, gid: number, mode: number): Promise<void> {
  const { uid } = await stat(path);
  await chown(path, uid, gid);
  await chmod(path, mode);
}
