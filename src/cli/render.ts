import { writeFile } from "node:fs/promises";
import { systemClock } from "../base/clock.ts";
import { DecodeError, UsageError } from "../base/errors.ts";
import { loadConfig } from "../config/load.ts";
import type { Message } from "../model/message.ts";
import type { Preview } from "../model/payload.ts";
import type { Trace } from "../planning/plan.ts";
import { RouteOptions } from "../routing/schema.ts";
import { openWatch } from "../service/lists.ts";
import { openParts } from "../service/parts.ts";
import { openReplay } from "../sources/index.ts";
import { openScratchStore } from "../store/index.ts";
import { decode } from "../topics/index.ts";
import { type Context, openContextLog, print } from "./context.ts";
import { describeMerge, only, rehearse } from "./rehearse.ts";
import { WANTED } from "./replay.ts";
import { escapeControls, escapeTerminal } from "./show.ts";

export interface RenderOptions {
  readonly message: string;
  readonly config: string;
  readonly to: string;
  readonly instance?: string;
  readonly anyway: boolean;
  readonly as: "merged" | "updates" | "digest";
  readonly html?: string;
  readonly json: boolean;
}

/** `misp-herald render`: the payloads that a destination would get of these messages. Returns the exit code. */
export async function renderCommand(options: RenderOptions, context: Context): Promise<0 | 1> {
  const loaded = await loadConfig(options.config, {
    env: context.env,
    redactor: context.redactor,
    secrets: "optional",
  });
  const { config } = loaded;
  const { watch } = await openWatch(loaded);
  const chosen = only(config, [options.to]);
  const anyway = RouteOptions.parse({ name: "render", kinds: ["*"], notify: options.to });
  const isDigest = options.as === "digest";
  const log = openContextLog("warn", context);
  await using store = openScratchStore();
  await using parts = openParts(
    {
      ...chosen,
      routes: (options.anyway ? [anyway] : chosen.routes).map((route) => (isDigest ? together(route) : route)),
    },
    { log, clock: systemClock, stdout: context.stdout },
    { store, sources: [], watch },
  );
  const instance = options.instance ?? Object.keys(config.misp)[0] ?? "";
  const messages = await read(options.message, instance, context);
  const leave = options.as === "updates" ? "each" : "end";
  const { left, traces } = await rehearse(messages, parts, leave);
  const [worker] = parts.workers;
  const previews = worker ? await Promise.all(left.map(({ payload }) => worker.destination.preview(payload))) : [];
  if (previews.length === 0) {
    for (const line of explain(traces, options.to)) {
      print(context.stderr, line);
    }
    return 1;
  }
  for (const [index, preview] of previews.entries()) {
    const { body, sizes, trimmed } = preview;
    const payload = left[index]?.payload;
    if (options.json) {
      print(context.stdout, escapeControls(JSON.stringify({ body, sizes, trimmed })));
    } else {
      // To a file or a pipe it is the payload, byte for byte.
      print(context.stdout, context.stdout.isTTY ? escapeTerminal(body) : body);
      const told = payload ? [`payload ${index + 1} of ${previews.length}: ${describeMerge(payload)}`] : [];
      print(context.stderr, escapeTerminal([...told, ...describe(preview)].join("\n")));
    }
  }
  const last = previews.at(-1);
  if (options.html !== undefined && last) {
    await writeFile(options.html, last.html).catch((error: unknown) => {
      throw new UsageError(`Cannot write ${options.html}: ${error instanceof Error ? error.message : error}`, 1);
    });
    const which = previews.length > 1 ? `the last of ${previews.length} payloads` : "the payload";
    print(context.stderr, `Drew ${which} in ${options.html}`);
  }
  return 0;
}

/** All that a route sends in one payload, as a digest has it. */
function together(route: RouteOptions): RouteOptions {
  return { ...route, group: { ...route.group, by: [] } };
}

function describe({ sizes, trimmed }: Preview): readonly string[] {
  const width = Math.max(0, ...sizes.map(({ what }) => what.length));
  return [
    ...sizes.map(({ what, used, limit, unit }) => {
      const number = (n: number) => n.toLocaleString("en-US");
      return `${what.padEnd(width)}  ${number(used)} of ${number(limit)} ${unit}${used > limit ? "  TOO MUCH" : ""}`;
    }),
    ...(trimmed.length > 0 ? [`left out: ${trimmed.join("; ")}`] : ["nothing is left out"]),
  ];
}

/** Why nothing leaves. */
function explain(traces: readonly Trace[], name: string): readonly string[] {
  if (traces.length === 0) {
    return [`There is no message in it; ${WANTED}`];
  }
  const lines = traces.map(({ kind, stale, destinations }) => {
    const found = destinations.find((destination) => destination.name === name);
    if (kind === undefined) {
      return "A frame that is only remembered, and told nobody.";
    }
    if (stale) {
      return `${kind}: stale, a newer state of the event came before it.`;
    }
    if (!found) {
      return `${kind}: no route sends it to ${name}. --anyway renders it as if one did.`;
    }
    return `${kind}: ${name} is not told, ${found.verdict} (${found.routes.join(", ")}).`;
  });
  return [...new Set(lines)];
}

async function read(input: string, instance: string, context: Context): Promise<readonly Message[]> {
  const source = openReplay({
    instance,
    input: input === "-" ? context.stdin : input,
    speed: "full",
    log: openContextLog("warn", context),
    now: systemClock.now,
  });
  const messages: Message[] = [];
  for await (const frames of source.frames(context.signal)) {
    for (const frame of frames) {
      try {
        const message = decode(frame);
        if (message) {
          messages.push(message);
        }
      } catch (error) {
        if (!(error instanceof DecodeError)) {
          throw error;
        }
        throw new UsageError(`Cannot read the message: ${error.message}`, 1, { cause: error });
      }
    }
  }
  return messages;
}
