import { resolve } from "node:path";
import { run } from "../app.ts";
import { loadConfig } from "../config/load.ts";
import { formatProblems } from "../config/problem.ts";
import { openAnswers } from "../control/answers.ts";
import type { Daemon } from "../control/daemon.ts";
import { openLevers } from "../control/levers.ts";
import { openControl } from "../control/server.ts";
import { DEFAULT_SOCKET } from "../control/socket.ts";
import { Totals } from "../control/totals.ts";
import { systemClock } from "../delivery/clock.ts";
import { Notices } from "../delivery/notices.ts";
import { ControlError } from "../errors.ts";
import { openLog } from "../log.ts";
import type { RecordLine } from "../model.ts";
import { openParts, openSources, startedMessages } from "../parts.ts";
import type { Plan } from "../planning/plan.ts";
import { STORES } from "../store/index.ts";
import { VERSION } from "../version.ts";
import { type Context, hasColor, print } from "./context.ts";
import { keepInBounds } from "./upkeep.ts";

/** `misp-herald run`: the service, in the foreground. Resolves when it was asked to stop. */
export async function runCommand(options: { readonly config: string }, context: Context): Promise<void> {
  const { config, warnings, digest } = await loadConfig(options.config, { env: context.env, secrets: "required" });
  if (warnings.length > 0)
    print(context.stderr, formatProblems(warnings, { color: hasColor(context.stderr, context.env) }));
  const log = openLog(config.log.level);
  const clock = systemClock;
  await using store = await STORES.sqlite({ path: config.state.path });
  const surroundings = { log, clock, stdout: context.stdout, notices: new Notices() };
  const sources = openSources(config, surroundings);
  await using parts = openParts(config, surroundings, { store, sources });
  const levers = await openLevers(store.ledger);
  const totals = new Totals();
  const settled = (line: RecordLine) => totals.settled(line);
  const lanes = parts.lanes.map((lane) => ({ ...lane, ...levers.of(lane.destination.name), settled }));
  const daemon: Daemon = {
    version: VERSION,
    pid: process.pid,
    startedAt: clock.now(),
    config: { file: resolve(options.config), digest },
    stateFile: resolve(config.state.path),
    instances: Object.keys(config.misp),
    destinations: new Map(Object.entries(config.destinations).map(([name, { type }]) => [name, type])),
    ...{ sources, lanes, store, levers, totals, clock, log, settled },
    bells: parts.bells,
    unreadable: parts.unreadable,
  };
  await using _control = await openDoor(config.control, daemon);
  const owing = await store.owed();
  const owed = owing.reduce((sum, line) => sum + line.owed, 0);
  const strangers = owing.filter(({ destination }) => !Object.hasOwn(config.destinations, destination));
  if (strangers.length > 0)
    log.warn(
      { owed: Object.fromEntries(strangers.map(({ destination, owed }) => [destination, owed])) },
      "Destinations that the configuration does not name are owed deliveries, which are kept: name them again, or drop them with `misp-herald outbox drop`",
    );
  log.info(
    { version: VERSION, config: options.config, digest: digest.slice(0, 12), routes: config.routes.length, owed },
    "Started",
  );

  const stopping = () => log.info("Stopping: attempts in flight may end; a second signal ends at once");
  context.signal.addEventListener("abort", stopping, { once: true });
  const ended = new AbortController();
  const { retention: retentionMs, max_size: maxBytes } = config.state;
  const upkeep = keepInBounds({ store, retentionMs, maxBytes, ...surroundings, settled }, ended.signal);
  try {
    const planned = (plan: Plan) => totals.planned(plan);
    await run({ ...parts, lanes, planned, opening: startedMessages(config, clock.now(), VERSION) }, context.signal);
  } finally {
    context.signal.removeEventListener("abort", stopping);
    ended.abort();
    await upkeep;
  }
  log.info({ owed: (await store.owed()).reduce((sum, line) => sum + line.owed, 0) }, "Stopped; what is owed is kept");
}

/** Nobody has asked for the usual place: that it cannot be had does not keep alerts from anybody. */
async function openDoor(path: string | undefined, daemon: Daemon): Promise<AsyncDisposable | undefined> {
  const { log } = daemon;
  try {
    return await openControl({ path: path ?? DEFAULT_SOCKET, log, answer: openAnswers(daemon) });
  } catch (error) {
    if (path !== undefined || !(error instanceof ControlError) || error.taken) throw error;
    log.warn({ reason: error.message }, "No command can reach this service: set control to a path for its socket");
    return undefined;
  }
}
