import { UNOBSERVED } from "../absorbing/observer.ts";
import { formatInstant } from "../alert/style.ts";
import { systemClock } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { formatText } from "../destinations/console/format.ts";
import type { Source } from "../model/frame.ts";
import type { Message } from "../model/message.ts";
import type { RecordLine } from "../model/outbox.ts";
import type { Plan } from "../planning/plan.ts";
import type { Watch } from "../routing/watch.ts";
import { openWatch } from "../service/lists.ts";
import { compileRules, openParts } from "../service/parts.ts";
import { openReplay } from "../sources/index.ts";
import { openScratchStore } from "../store/index.ts";
import { type Context, hasColor, openContextLog, print } from "./context.ts";
import { FrameCounts } from "./frame-counts.ts";
import { chosenInstance } from "./instance.ts";
import { describeMerge, only, rehearse } from "./rehearse.ts";
import { jsonSeen, showSeen } from "./show.ts";
import { readFrame, watch } from "./watch.ts";

export interface ReplayCommandOptions {
  readonly file: string;
  readonly config: string;
  readonly send: boolean;
  readonly to?: readonly string[];
  readonly instance?: string;
  readonly speed: "full" | "recorded" | number;
  readonly alerts: boolean;
  readonly json: boolean;
}

/** What a recording is. */
export const WANTED =
  'read are recordings of tail --record, lines such as misp_json {…} or {"topic": …, "payload": …}, and events as MISP exports them';

/** `misp-herald replay`: what would happen with recorded frames; with `--send --to` it happens, to these destinations. */
export async function replayCommand(options: ReplayCommandOptions, context: Context): Promise<void> {
  if (options.send !== (options.to !== undefined)) {
    throw new UsageError("--send and --to go together: misp-herald replay FILE --send --to DESTINATION");
  }
  const loaded = await loadConfig(options.config, {
    env: context.env,
    redactor: context.redactor,
    secrets: options.send ? "required" : "optional",
  });
  const { config } = loaded;
  const { watch: lists } = await openWatch(loaded);
  const source = openReplay({
    instance: chosenInstance(options.instance, config),
    input: options.file === "-" ? context.stdin : options.file,
    speed: options.speed,
    log: openContextLog("warn", context),
    now: systemClock.now,
  });
  if (options.alerts) {
    return showAlerts(source, config, lists, context);
  }
  if (options.to) {
    return send(source, atOnce(only(config, options.to)), lists, context);
  }

  const counts = new FrameCounts();
  const color = hasColor(context.stdout, context.env);
  for await (const seen of watch(source, compileRules(config, lists), systemClock, context.signal)) {
    counts.add(seen);
    print(context.stdout, options.json ? jsonSeen(seen) : showSeen(seen, color));
  }
  if (counts.frames === 0 && !context.signal.aborted) {
    throw new UsageError(`There is no frame of MISP in it; ${WANTED}`, 1);
  }
  print(context.stderr, counts.show(false));
}

/** What would leave, and when, by the times of the recording: as a terminal shows it, whatever the channel. */
async function showAlerts(source: Source, config: Config, lists: Watch, context: Context): Promise<void> {
  await using store = openScratchStore();
  const log = openContextLog("warn", context);
  const surroundings = { log, clock: systemClock, stdout: context.stdout };
  await using parts = openParts(config, surroundings, { store, sources: [], watch: lists });
  const messages: Message[] = [];
  for await (const frames of source.frames(context.signal)) {
    messages.push(...frames.flatMap((frame) => readFrame(frame).message ?? []));
  }
  const { left } = await rehearse(messages, parts, "due");
  const colors = hasColor(context.stdout, context.env);
  for (const { payload, at } of [...left].sort((a, b) => a.at - b.at)) {
    const options = config.destinations[payload.destination];
    const style = { timeZone: options?.timezone ?? "UTC", defang: options?.defang ?? true };
    const columns = context.stdout.columns ?? Number.POSITIVE_INFINITY;
    print(context.stdout, `→ ${payload.destination}, ${formatInstant(at, style) ?? ""}: ${describeMerge(payload)}`);
    print(context.stdout, `\n${formatText(payload, { ...style, colors, columns })}`);
  }
  print(context.stderr, left.length === 0 ? "Nothing leaves." : `${left.length} payloads would leave.`);
}

/** The live path, with memory and outbox of its own: the service's are not touched. */
async function send(source: Source, config: Config, lists: Watch, context: Context): Promise<void> {
  await using store = openScratchStore();
  const log = openContextLog("warn", context);
  const settled = new Map<string, number>();
  const count = ({ destination, outcome, reason }: RecordLine) => {
    const result = `${destination}: ${outcome}${reason === undefined ? "" : ` (${reason})`}`;
    settled.set(result, (settled.get(result) ?? 0) + 1);
  };
  const observer = { ...UNOBSERVED, settled: count, planned: ({ effects }: Plan) => effects.records.forEach(count) };
  await using parts = openParts(
    config,
    { log, clock: systemClock, stdout: context.stdout, observer },
    { store, sources: [source], watch: lists },
  );
  await context.start({ ...parts, drains: true }, context.signal).ended;
  const left = (await store.owed()).reduce((sum, { owed }) => sum + owed, 0);
  for (const [result, n] of settled) {
    print(context.stderr, `${result} ${n}`);
  }
  if (settled.size === 0) {
    print(context.stderr, "No route sends any of these frames there.");
  }
  if (left > 0) {
    print(context.stderr, `Stopped before ${left} were sent.`);
  }
  if ([...settled.keys()].some((result) => result.includes(": dead")) || left > 0) {
    throw new UsageError("Not everything was sent", 1);
  }
}

/** A replay does not wait: groups leave as soon as the destination is free. */
function atOnce(config: Config): Config {
  return {
    ...config,
    routes: config.routes.map((route) => ({ ...route, group: { ...route.group, wait: 0, interval: 0 } })),
  };
}
