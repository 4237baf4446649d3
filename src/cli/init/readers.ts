import { readFile } from "node:fs/promises";

/** The group of the service that the package's sysusers.d file makes. */
export const GROUP = "misp-herald";

/** Who may read what is written, beside its owner. */
export interface Readers {
  readonly gid: number;
  /** Whether this process may give files to them: as root, or as one of them. */
  readonly reachable: boolean;
}

/** The group of the service; undefined: this machine has none. Groups of the system are in /etc/group, see group(5). */
export async function findReaders(): Promise<Readers | undefined> {
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const [, found] = new RegExp(`^${GROUP}:[^:]*:(\\d+):`, "m").exec(groups) ?? [];
  if (found === undefined) {
    return undefined;
  }
  const gid = Number(found);
  return { gid, reachable: process.getuid?.() === 0 || process.getgid?.() === gid };
}
