import { run } from "../app.ts";
import { loadConfig } from "../config/load.ts";
import { formatProblems } from "../config/problem.ts";
import { systemClock } from "../delivery/clock.ts";
import { Notices } from "../delivery/notices.ts";
import { openLog } from "../log.ts";
import { openParts, openSources, startedMessages } from "../parts.ts";
import { STORES } from "../store/index.ts";
import { VERSION } from "../version.ts";
import { type Context, hasColor, print } from "./context.ts";

const DAY_MS = 86_400_000;

/** `misp-herald run`: the service, in the foreground. Resolves when it was asked to stop. */
export async function runCommand(options: { readonly config: string }, context: Context): Promise<void> {
  const { config, warnings, digest } = await loadConfig(options.config, { env: context.env, secrets: "required" });
  if (warnings.length > 0)
    print(context.stderr, formatProblems(warnings, { color: hasColor(context.stderr, context.env) }));
  const log = openLog(config.log.level);
  const clock = systemClock;
  await using store = await STORES.sqlite({ path: config.state.path });
  const surroundings = { log, clock, stdout: context.stdout, notices: new Notices() };
  await using parts = openParts(config, surroundings, { store, sources: openSources(config, surroundings) });
  const owed = (await store.owed()).reduce((sum, line) => sum + line.owed, 0);
  log.info(
    { version: VERSION, config: options.config, digest: digest.slice(0, 12), routes: config.routes.length, owed },
    "Started",
  );

  const stopping = () => log.info("Stopping: attempts in flight may end; a second signal ends at once");
  context.signal.addEventListener("abort", stopping, { once: true });
  const ended = new AbortController();
  const pruning = prune(ended.signal);
  try {
    await run({ ...parts, opening: startedMessages(config, clock.now(), VERSION) }, context.signal);
  } finally {
    context.signal.removeEventListener("abort", stopping);
    ended.abort();
    await pruning;
  }
  log.info({ owed: (await store.owed()).reduce((sum, line) => sum + line.owed, 0) }, "Stopped; what is owed is kept");

  /** Keeps the record and the memory within `state.retention`. */
  async function prune(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      while (!signal.aborted && (await store.prune(clock.now() - config.state.retention)))
        await clock.sleep(10, signal);
      await clock.sleep(DAY_MS / 24, signal);
    }
  }
}
