import { ConfigError, formatProblems } from "../base/problem.ts";
import { acknowledge } from "./acknowledge.ts";
import type { Actions, ActiveConfig, Daemon, Deliveries, OperationContext, StateAccess } from "./daemon.ts";
import type { Paused, Reloaded } from "./documents.ts";
import { explain, history } from "./events.ts";
import { formatOurs } from "./lines.ts";
import { count, drop, list, requireDestination, retry, show } from "./outbox.ts";
import { type Asker, type OperationRequest, RefusedError, type ReplyLine } from "./requests.ts";
import { addSilence, extendSilence, listSilences, removeSilence } from "./silences.ts";
import { status } from "./status.ts";

/** Bounds an answer: whoever has more problems than this mends these first. */
const MAX_PROBLEMS = 100;
const PLAIN = { color: false } as const;

/** What it takes to pause and resume. */
type Holding = Pick<ActiveConfig, "destinations"> &
  Pick<StateAccess, "store"> &
  Pick<Deliveries, "holds" | "wakeups"> &
  OperationContext;

/** What a running service answers, whatever the door. */
export function openAnswers(
  daemon: () => Daemon,
): (asked: OperationRequest, signal: AbortSignal) => AsyncIterable<ReplyLine> {
  return (asked, signal) => answer(asked, daemon(), signal);
}

async function* answer(
  { query, by }: OperationRequest,
  daemon: Daemon,
  signal: AbortSignal,
): AsyncGenerator<ReplyLine> {
  switch (query.command) {
    case "status":
      return yield { end: await status(daemon) };
    case "outbox.list":
      return yield* list(daemon, query.filter, query.limit, signal);
    case "outbox.count":
      return yield { end: await count(daemon, query.filter, signal) };
    case "outbox.show":
      return yield { end: await show(query, by, daemon) };
    case "outbox.retry":
      return yield { end: await retry(daemon, query.filter, by, signal) };
    case "outbox.drop":
      return yield { end: await drop(daemon, query.filter, by, signal) };
    case "history":
      return yield* history(query, daemon, signal);
    case "explain":
      return yield { end: await explain(query.event, daemon, signal) };
    case "acknowledge":
      return yield { end: await acknowledge(query.event, by, daemon) };
    case "pause":
      return yield { end: await pause(query, by, daemon) };
    case "resume":
      return yield { end: await resume(query.destination, by, daemon) };
    case "silence.add":
      return yield { end: await addSilence(query, by, daemon) };
    case "silence.list":
      return yield* listSilences(query, daemon);
    case "silence.extend":
      return yield { end: await extendSilence(query, by, daemon) };
    case "silence.remove":
      return yield { end: await removeSilence(query, by, daemon) };
    case "reload":
      return yield { end: await reload(query.accept ?? false, by, daemon) };
    default:
      query satisfies never;
  }
}

async function reload(
  accept: boolean,
  by: Asker,
  { reload: readAgain, log }: Actions & Pick<OperationContext, "log">,
): Promise<Reloaded> {
  log.info({ by }, "An operator wants the configuration reloaded");
  try {
    const { digest, warnings, restart } = await readAgain(accept);
    return { digest, warnings: warnings.map((one) => formatProblems([one], PLAIN)), restart: [...restart] };
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      throw error;
    }
    const shown = formatProblems(error.issues, PLAIN, MAX_PROBLEMS);
    throw new RefusedError("rejected", `the configuration before stays in force:\n\n${shown}`);
  }
}

async function pause(
  { destination, for: forMs }: Extract<OperationRequest["query"], { readonly command: "pause" }>,
  by: Asker,
  daemon: Holding,
): Promise<Paused> {
  const { destinations, holds, wakeups, clock, log } = daemon;
  if (!destinations.has(destination)) {
    throw new RefusedError(
      "wrong",
      `there is no destination "${destination}"; there are ${[...destinations.keys()].join(", ")}`,
    );
  }
  const now = clock.now();
  const end = forMs === undefined ? {} : { until: now + forMs };
  const changed = await holds.pause({ destination, kind: "paused", since: now, note: by.name, ...end });
  const until = end.until === undefined ? {} : { until: formatOurs(end.until) };
  if (changed) {
    // Its loop sleeps until the end that it knows.
    wakeups.destinations.get(destination)?.wake();
    log.warn({ by, destination, ...until }, "An operator paused a destination; what it is owed is kept");
  }
  return { destination, paused: true, changed, owed: await owedTo(destination, daemon), ...until };
}

async function resume(destination: string, by: Asker, daemon: Holding): Promise<Paused> {
  const { holds, wakeups, clock, log } = daemon;
  // A destination that left the configuration may still be paused.
  if (!holds.find(destination, "paused")) {
    await requireDestination(daemon, destination);
  }
  const changed = (await holds.release(destination, "paused", clock.now())) !== undefined;
  wakeups.destinations.get(destination)?.wake();
  if (changed) {
    log.info({ by, destination }, "An operator resumed a destination");
  }
  return { destination, paused: false, changed, owed: await owedTo(destination, daemon) };
}

async function owedTo(destination: string, { store }: Pick<StateAccess, "store">): Promise<number> {
  return (await store.owed()).find((line) => line.destination === destination)?.owed ?? 0;
}
