import { systemClock } from "../base/clock.ts";
import { ControlError, isWorded, LoggedError, REPORT_IT } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { isJournal } from "../base/log-format.ts";
import { ConfigError, formatProblems } from "../base/problem.ts";
import { VERSION } from "../base/version.ts";
import { loadAway } from "../config/load-away.ts";
import { Metrics } from "../doors/http/metrics.ts";
import { openPages } from "../doors/http/pages.ts";
import { openEndpoint } from "../doors/http/server.ts";
import { openControl } from "../doors/socket/server.ts";
import { DEFAULT_SOCKET } from "../doors/socket/socket.ts";
import { openNotifier } from "../doors/systemd/notifier.ts";
import { tellOpening } from "../doors/systemd/opening.ts";
import { SystemdReporter } from "../doors/systemd/report.ts";
import { openAnswers } from "../operations/answers.ts";
import { logProblems } from "../service/log-problems.ts";
import { openService, type Service } from "../service/service.ts";
import { openStore } from "../store/index.ts";
import { type Context, hasColor, openContextLog, print } from "./context.ts";

/** `misp-herald run`: the service, in the foreground. Resolves when it was asked to stop. */
export async function runCommand(options: { readonly config: string }, context: Context): Promise<void> {
  const log = openContextLog("info", context);
  try {
    await serve(options.config, context, log);
  } catch (error) {
    // Whoever reads the journal looks for it by its priority.
    if (!isJournal(context.env, context.stderr.fd)) {
      throw error;
    }
    if (error instanceof ConfigError) {
      logProblems(error.issues, log);
    }
    log.fatal(
      error instanceof ConfigError || isWorded(error)
        ? { reason: error.message.split("\n")[0] }
        : { err: error, hint: REPORT_IT },
      "The service has ended: it cannot start, or not go on",
    );
    throw new LoggedError("The log says why", { cause: error });
  }
}

async function serve(file: string, context: Context, log: Log): Promise<void> {
  const { stderr, stdout, env, redactor, signal, start } = context;
  // Whoever asks for a reload while we start gets one when we have: unheard, the signal would end us.
  let reloadNow: (() => void) | undefined;
  let isAsked = false;
  context.onHangup?.(() => {
    isAsked = true;
    reloadNow?.();
  });
  const options = { env, redactor, secrets: "required" } as const;
  const load = () => loadAway(file, options, true);
  const loaded = await loadAway(file, options, false);
  const { config, warnings, digest } = loaded;
  log.level = config.log.level;
  if (!stderr.isTTY) {
    logProblems(warnings, log);
  } else if (warnings.length > 0) {
    print(stderr, formatProblems(warnings, { color: hasColor(stderr, env) }));
  }
  const notifier = openNotifier(env, log);
  await tellOpening(notifier, config.state.path);
  await using store = await openStore(config, systemClock);
  using metrics = config.http && new Metrics();
  const attempted = metrics?.attempted.bind(metrics);
  using supervisor =
    notifier && new SystemdReporter(notifier, { look: () => service.daemon, clock: systemClock, log }, signal);
  const surroundings = {
    ...{ clock: systemClock, log, stdout, start },
    ...(attempted && { attempted }),
    ...(supervisor && { supervisor }),
  };
  await using service = await openService({ load, loaded, store, ...surroundings });
  await using _control = await openDoor(config.control, service, log);
  const daemon = () => service.daemon;
  await using _endpoint =
    config.http &&
    metrics &&
    (await openEndpoint({ listen: config.http.listen, log, pages: openPages(daemon, metrics) }));
  const owed = async () => (await store.owed()).reduce((sum, line) => sum + line.owed, 0);
  log.info(
    {
      version: VERSION,
      config: file,
      digest: digest.slice(0, 12),
      routes: config.routes.length,
      owed: await owed(),
    },
    "Started",
  );
  reloadNow = () => void reload(service, log);
  if (isAsked) {
    reloadNow();
  }
  signal.addEventListener(
    "abort",
    () => log.info("Stopping: attempts in flight may end; a second signal ends at once"),
    { once: true },
  );
  await service.run(signal);
  log.info({ owed: await owed() }, "Stopped; what is owed is kept");
}

/** Swallows what a wrong configuration throws: `service` has told it already. */
async function reload(service: Service, log: Log): Promise<void> {
  try {
    await service.reload();
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      log.error({ err: error, hint: REPORT_IT }, "The configuration could not be reloaded");
    }
  }
}

/** Where the operator has chosen no place for the socket, the service runs without it rather than not at all. */
async function openDoor(path: string | undefined, service: Service, log: Log): Promise<AsyncDisposable | undefined> {
  try {
    return await openControl({ path: path ?? DEFAULT_SOCKET, log, answer: openAnswers(() => service.daemon) });
  } catch (error) {
    if (path !== undefined || !(error instanceof ControlError) || error.taken) {
      throw error;
    }
    log.warn(
      { reason: error.message, hint: "set control to a path for its socket" },
      "No command can reach this service",
    );
    return undefined;
  }
}
