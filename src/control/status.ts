import { stat } from "node:fs/promises";
import type { Daemon } from "./daemon.ts";
import type { Status } from "./documents.ts";
import { formatOurs } from "./lines.ts";

/** How the service is, at this moment. */
export async function status(daemon: Daemon): Promise<Status> {
  const { version, pid, startedAt, config, stateFile, sources, clock, totals, unreadable } = daemon;
  const bytes = await sizeOf(stateFile);
  const feeds = sources.map((source) => ({ name: source.name, ...source.status() }));
  return {
    version,
    pid,
    started_at: formatOurs(startedAt),
    now: formatOurs(clock.now()),
    config: { ...config },
    state: { file: stateFile, ...(bytes !== undefined && { bytes }) },
    sources: feeds.map(({ name, endpoints, received, dropped, lastFrameAt, silent }) => ({
      name,
      endpoints: [...endpoints],
      received,
      dropped: { ...dropped },
      ...(lastFrameAt !== undefined && { last_frame_at: formatOurs(lastFrameAt) }),
      silent,
    })),
    destinations: await destinationsOf(daemon),
    totals: {
      frames: feeds.reduce((sum, { received }) => sum + received, 0),
      unreadable: unreadable.total,
      ...totals.counts,
    },
  };
}

async function destinationsOf({ destinations, store, levers }: Daemon): Promise<Status["destinations"]> {
  const owed = new Map((await store.owed()).map((line) => [line.destination, line]));
  const names = [...destinations.keys(), ...[...owed.keys()].filter((name) => !destinations.has(name))];
  const lines: Status["destinations"] = [];
  for (const name of names) {
    const type = destinations.get(name);
    const line = owed.get(name);
    const toldAt = await store.ledger.toldAt(name);
    const pause = levers.paused(name);
    const suspension = levers.suspended(name);
    lines.push({
      name,
      ...(type !== undefined && { type }),
      owed: line?.owed ?? 0,
      ...(line && { oldest_at: formatOurs(line.oldestAt) }),
      ...(toldAt !== undefined && { last_told_at: formatOurs(toldAt) }),
      ...(pause && { paused: { at: formatOurs(pause.pausedAt), by: pause.by } }),
      ...(suspension && { suspended: { at: formatOurs(suspension.at), reason: suspension.reason } }),
    });
  }
  return lines;
}

/** The file with the log that SQLite writes beside it; undefined where it cannot be told. */
async function sizeOf(file: string): Promise<number | undefined> {
  try {
    const { size } = await stat(file);
    const log = await stat(`${file}-wal`).catch(() => undefined);
    return size + (log?.size ?? 0);
  } catch {
    return undefined;
  }
}
