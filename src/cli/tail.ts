import { clean } from "../alert/text.ts";
import { systemClock } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import { formatProblems } from "../base/problem.ts";
import { loadConfig } from "../config/load.ts";
import { nearest } from "../config/suggest.ts";
import type { Source } from "../model/frame.ts";
import { KINDS } from "../model/vocabulary.ts";
import type { Rules } from "../planning/plan.ts";
import { isOfKind } from "../routing/kinds.ts";
import { openWatch } from "../service/lists.ts";
import { compileRules, openSources } from "../service/parts.ts";
import { Feed } from "../sources/index.ts";
import { TOPIC_NAMES } from "../topics/index.ts";
import { type Context, hasColor, openContextLog, print } from "./context.ts";
import { FrameCounts } from "./frame-counts.ts";
import { openRecorder } from "./recorder.ts";
import { jsonSeen, showSeen } from "./show.ts";
import { type WatchedFrame, watch } from "./watch.ts";

export interface TailOptions {
  readonly config: string;
  readonly endpoint?: string;
  readonly topic?: readonly string[];
  readonly kind?: readonly string[];
  readonly explain: boolean;
  readonly stats: boolean;
  readonly record?: string;
  readonly json: boolean;
}

/** It runs for days, and what it knows is in memory. */
const REMEMBERED_MS = 6 * 3_600_000;
const STATS_EVERY_MS = 5_000;

/** `misp-herald tail`: what the feed says, until it is stopped. */
export async function tailCommand(options: TailOptions, context: Context): Promise<void> {
  ensureKnown("--topic", "MISP topic", options.topic, TOPIC_NAMES, (name, topic) => name === topic);
  ensureKnown("--kind", "kind", options.kind, KINDS, (glob, kind) => isOfKind(kind, [glob]));
  const { sources, rules } = await open(options, context);
  await using recorder = options.record === undefined ? undefined : await openRecorder(options.record);
  const counts = new FrameCounts();
  const color = hasColor(context.stdout, context.env);
  const ticking = options.stats
    ? setInterval(() => print(context.stdout, counts.show(options.json)), STATS_EVERY_MS)
    : undefined;
  print(context.stderr, `Listening to ${sources.map(({ name }) => name).join(", ")}; stop with Ctrl-C.`);
  try {
    await Promise.all(
      sources.map(async (source) => {
        for await (const seen of watch(source, rules, systemClock, context.signal, REMEMBERED_MS)) {
          if (!isWanted(seen, options)) {
            continue;
          }
          counts.add(seen);
          await recorder?.record(seen.frame);
          if (!options.stats) {
            print(context.stdout, options.json ? jsonSeen(seen, rules) : showSeen(seen, color, rules));
          }
        }
      }),
    );
  } finally {
    clearInterval(ticking);
  }
  if (options.stats) {
    print(context.stdout, counts.show(options.json));
  } else {
    print(context.stderr, counts.show(false));
  }
}

/** What no frame can ever be shows nothing for ever, and looks like a feed that is silent. */
function ensureKnown<T extends string>(
  option: string,
  what: string,
  given: readonly string[] | undefined,
  known: readonly T[],
  means: (given: string, known: T) => boolean,
): void {
  for (const name of given ?? []) {
    if (known.some((one) => means(name, one))) {
      continue;
    }
    const near = nearest(name, known);
    const instead = near === undefined ? `; there are ${known.join(", ")}` : `, did you mean "${near}"?`;
    throw new UsageError(`${option}: "${clean(name, 80)}" is no ${what}${instead}`);
  }
}

function isWanted({ frame, message, trace }: WatchedFrame, { topic, kind }: TailOptions): boolean {
  if (topic && !topic.includes(frame.topic)) {
    return false;
  }
  const is = trace?.kind ?? message?.kind;
  return !kind || (is !== undefined && isOfKind(is, kind));
}

async function open(options: TailOptions, context: Context): Promise<{ sources: readonly Source[]; rules?: Rules }> {
  const log = openContextLog("warn", context);
  const surroundings = { log, clock: systemClock, stdout: context.stdout };
  if (options.endpoint === undefined) {
    const loaded = await loadConfig(options.config, {
      env: context.env,
      redactor: context.redactor,
      secrets: "feeds",
    });
    const { config, warnings } = loaded;
    if (warnings.length > 0) {
      print(context.stderr, formatProblems(warnings, { color: hasColor(context.stderr, context.env) }));
    }
    const rules = options.explain ? compileRules(config, (await openWatch(loaded)).watch) : undefined;
    return { sources: openSources(config, surroundings), ...(rules && { rules }) };
  }
  if (options.explain) {
    throw new UsageError("--explain needs the routes of a configuration: use -c instead of --endpoint");
  }
  const feed = Feed.safeParse({ type: "zeromq", endpoints: [options.endpoint] });
  if (!feed.success) {
    throw new UsageError(`--endpoint ${feed.error.issues[0]?.message ?? "is not valid"}`);
  }
  return { sources: [feed.data.open({ instance: "feed", log, now: systemClock.now })] };
}
