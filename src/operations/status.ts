import { stat } from "node:fs/promises";
import type { PendingChanges } from "../model/ledger.ts";
import type { SilenceState } from "../model/silence.ts";
import type { ActiveConfig, Daemon, Deliveries, OperationContext, StateAccess, Vitals } from "./daemon.ts";
import type { Status } from "./documents.ts";
import { formatOurs } from "./lines.ts";
import { formatSilence } from "./silences.ts";

/** How the service is, at this moment. */
export async function status(daemon: Daemon): Promise<Status> {
  const { version, pid, startedAt, config, stateFile, sources, clock, totals, unreadable } = daemon;
  const bytes = await sizeOf(stateFile);
  const damaged = damagedState(daemon.store);
  const feeds = sources.map((source) => ({ name: source.name, ...source.status() }));
  const undecided = await daemon.store.ledger.undecided();
  const silences = await daemon.store.ledger.silences(clock.now());
  const destinations = await destinationsOf(daemon, silences);
  return {
    version,
    pid,
    started_at: formatOurs(startedAt),
    // After all that is told of, so that none of it lies ahead.
    now: formatOurs(clock.now()),
    config: {
      file: config.file,
      digest: config.digest,
      since: formatOurs(config.since),
      ...(config.rejected && { rejected: formatRejected(config.rejected) }),
    },
    state: { file: stateFile, ...(bytes !== undefined && { bytes }), ...(damaged && { damaged }) },
    sources: feeds.map(({ name, endpoints, received, dropped, lastFrameAt, silentSince }) => ({
      name,
      endpoints: [...endpoints],
      received,
      dropped: { ...dropped },
      ...(lastFrameAt !== undefined && { last_frame_at: formatOurs(lastFrameAt) }),
      silent: silentSince !== undefined,
    })),
    asked: [...daemon.budgets].map(([instance, { refusal }]) => ({
      instance,
      key: refusal ? ("refused" as const) : ("accepted" as const),
      ...(refusal && {
        refused: {
          since: formatOurs(refusal.since),
          reason: refusal.reason,
          ...(refusal.hint !== undefined && { hint: refusal.hint }),
        },
      }),
    })),
    undecided: undecided.map(formatWaiting),
    unconfirmed: (await daemon.store.ledger.unconfirmed()).map(formatWaiting),
    destinations,
    silences: silences.map((silence) => formatSilence(silence, clock.now())),
    totals: {
      frames: totals.receivedBy(sources),
      unreadable: unreadable.total,
      ...totals.counts,
    },
  };
}

/** What is known of damage of the state file; absent: there is none. */
export function damagedState({ damage }: Pick<StateAccess["store"], "damage">): Status["state"]["damaged"] {
  return damage.rows > 0 || damage.unrepaired
    ? { rows_set_aside: damage.rows, repaired: !damage.unrepaired }
    : undefined;
}

function formatWaiting({ instance, messages, oldestAt }: { instance: string; messages: number; oldestAt: number }) {
  return { instance, messages, oldest_at: formatOurs(oldestAt) };
}

/** The first problem with its place, and how many there are. */
export function formatRejected({ at, problems }: NonNullable<ActiveConfig["config"]["rejected"]>) {
  const errors = problems.filter(({ severity }) => severity === "error");
  const [first] = errors;
  const where = first && first.line > 0 ? `${first.file}:${first.line}:${first.column}: ` : "";
  return { at: formatOurs(at), problems: errors.length, first: `${where}${first?.message ?? ""}` };
}

/** What is known of how destinations are. */
type DestinationState = Pick<ActiveConfig, "destinations"> &
  Pick<StateAccess, "store"> &
  Pick<Deliveries, "workers" | "holds"> &
  Pick<Vitals, "totals"> &
  Pick<OperationContext, "clock">;
type Destination = Status["destinations"][number];

async function destinationsOf(
  daemon: DestinationState,
  silences: readonly SilenceState[],
): Promise<Status["destinations"]> {
  const { destinations, store, holds, totals } = daemon;
  const owed = new Map((await store.owed()).map((line) => [line.destination, line]));
  const names = [...destinations.keys(), ...[...owed.keys()].filter((name) => !destinations.has(name))];
  const collected = await store.ledger.collected();
  const changes = new Map((await store.ledger.pendingChanges()).map((line) => [line.destination, line]));
  const heldBySilences = silences.flatMap((silence) => silence.held);
  const lines: Status["destinations"] = [];
  for (const name of names) {
    const type = destinations.get(name);
    const line = owed.get(name);
    const toldAt = await store.ledger.toldAt(name);
    const nextAt = await store.ledger.nextDue(name);
    const pause = holds.find(name, "paused");
    const pending = changes.get(name);
    const suspension = holds.find(name, "suspended");
    const unnamed = holds.find(name, "unnamed");
    const standing = line && (await standingOf(store.ledger, name));
    const { rests, hint } = restOf(daemon, name);
    const silenced = sumOf(heldBySilences.filter(({ destination }) => destination === name));
    const apart = collected.filter(({ destination }) => destination === name);
    const collecting = sumOf(apart.filter(({ collects }) => collects !== "reminder"));
    lines.push({
      name,
      ...(type !== undefined && { type }),
      owed: line?.owed ?? 0,
      waiting: Math.max(0, (line?.owed ?? 0) - silenced - collecting),
      ...(nextAt !== undefined && { next_due_at: formatOurs(nextAt) }),
      ...(line && { oldest_at: formatOurs(line.oldestAt) }),
      ...(toldAt !== undefined && { last_told_at: formatOurs(toldAt) }),
      ...(unnamed && { unnamed_since: formatOurs(unnamed.since) }),
      silenced,
      collected: apart.map(({ collects, n, dueAt }) => ({ in: collects, n, due_at: formatOurs(dueAt) })),
      refused: totals.refused.valuesOf(name),
      muted: totals.muted.valuesOf(name),
      ...(pending && { changes: formatChanges(pending) }),
      ...(pause && {
        paused: {
          at: formatOurs(pause.since),
          by: pause.note,
          ...(pause.until !== undefined && { until: formatOurs(pause.until) }),
        },
      }),
      ...(suspension && { suspended: { at: formatOurs(suspension.since), reason: suspension.note, ...hint } }),
      ...(rests && { rests }),
      ...(standing && { standing }),
    });
  }
  return lines;
}

function formatChanges({ n, urgent, oldestAt, reason }: PendingChanges): NonNullable<Destination["changes"]> {
  return {
    ...{ messages: n, urgent, oldest_at: formatOurs(oldestAt) },
    ...(reason !== undefined && { last_reason: reason }),
  };
}

function sumOf(counts: readonly { readonly n: number }[]): number {
  return counts.reduce((sum, { n }) => sum + n, 0);
}

/** Until when nothing is sent, and what the last attempt failed by. */
function restOf(
  { workers, clock }: Pick<DestinationState, "workers" | "clock">,
  name: string,
): Pick<Destination, "rests"> & { readonly hint: { readonly hint?: string } } {
  const state = workers.find(({ destination }) => destination.name === name)?.state;
  const trouble = state?.trouble;
  const hint = trouble?.hint === undefined ? {} : { hint: trouble.hint };
  if (!state || state.restsUntil <= clock.now()) {
    return { hint };
  }
  return {
    hint,
    rests: { until: formatOurs(state.restsUntil), ...(trouble && { reason: trouble.reason, ...hint }) },
  };
}

/** The busiest of where owed deliveries stand. */
async function standingOf(
  ledger: StateAccess["store"]["ledger"],
  name: string,
): Promise<"sending" | "retrying" | "waiting"> {
  for (const standing of ["sending", "retrying"] as const) {
    for await (const page of ledger.owed({ destinations: [name], standing })) {
      if (page.length > 0) {
        return standing;
      }
    }
  }
  return "waiting";
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
