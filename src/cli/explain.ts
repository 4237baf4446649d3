import { existsSync } from "node:fs";
import { type Clock, systemClock } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import { loadConfig } from "../config/load.ts";
import type { Source } from "../model/frame.ts";
import { openWatch } from "../service/lists.ts";
import { compileRules } from "../service/parts.ts";
import { openReplay } from "../sources/index.ts";
import { askEventCommand, isEventName } from "./ask-event.ts";
import { type Context, hasColor, openContextLog, print } from "./context.ts";
import { chosenInstance } from "./instance.ts";
import type { ReachOptions } from "./reach.ts";
import { WANTED } from "./replay.ts";
import { jsonSeen, showSeen } from "./show.ts";
import { watch } from "./watch.ts";

export interface ExplainOptions extends ReachOptions {
  readonly what: readonly string[];
  readonly instance?: string;
  /** An instant, in milliseconds. */
  readonly at?: number;
}

/** `misp-herald explain`: of an event what did happen, from the record of the service; of files with messages what would. */
export async function explainCommand(options: ExplainOptions, context: Context): Promise<0 | 1> {
  const { what } = options;
  const [only] = what;
  if (what.length === 1 && only !== undefined && isEventName(only) && !existsSync(only)) {
    return await askEventCommand({ ...options, event: only }, context);
  }
  const loaded = await loadConfig(options.config, {
    env: context.env,
    redactor: context.redactor,
    secrets: "optional",
  });
  const { watch: lists } = await openWatch(loaded);
  const rules = compileRules(loaded.config, lists);
  const { at } = options;
  const clock: Clock = at === undefined ? systemClock : { ...systemClock, now: () => at };
  const color = hasColor(context.stdout, context.env);
  const instance = chosenInstance(options.instance, loaded.config);
  const log = openContextLog("warn", context);
  const inputs = what.map((file) =>
    openReplay({ instance, input: file === "-" ? context.stdin : file, speed: "full", log, now: clock.now }),
  );
  const source: Source = {
    name: instance,
    async *frames(signal) {
      for (const input of inputs) {
        yield* input.frames(signal);
      }
    },
  };
  let frames = 0;
  // What comes first is memory for what follows.
  for await (const seen of watch(source, rules, clock, context.signal)) {
    frames += 1;
    print(context.stdout, options.json ? jsonSeen(seen, rules) : showSeen(seen, color, rules));
  }
  if (frames === 0) {
    throw new UsageError(`There is no frame of MISP in it; ${WANTED}`, 1);
  }
  return 0;
}
