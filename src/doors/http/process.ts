import { readdir, readFile } from "node:fs/promises";

/** What the operating system knows of this process; absent where it does not tell. */
export interface ProcessFacts {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly startedAtSeconds: number;
  readonly openFds?: number;
  readonly maxFds?: number;
}

export async function readProcess(): Promise<ProcessFacts> {
  const { user, system } = process.cpuUsage();
  const openFds = await readdir("/proc/self/fd").then(
    (names) => names.length,
    () => undefined,
  );
  const maxFds = Number(
    /^Max open files +(\d+)/m.exec(await readFile("/proc/self/limits", "utf8").catch(() => ""))?.[1],
  );
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startedAtSeconds: STARTED_AT_S,
    ...(openFds !== undefined && { openFds }),
    ...(Number.isFinite(maxFds) && { maxFds }),
  };
}

/** Once: a clock that is set later does not make it another process. */
const STARTED_AT_S = Math.round((Date.now() - performance.now()) / 1000);
