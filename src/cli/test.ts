import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { Readable, Writable } from "node:stream";
import { clean } from "../alert/text.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import { reasonOf } from "../base/file-reason.ts";
import { ConfigError, formatProblems } from "../base/problem.ts";
import { loadConfig, loadYaml } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Frame } from "../model/frame.ts";
import type { Message } from "../model/message.ts";
import type { Watch } from "../routing/watch.ts";
import { openWatch } from "../service/lists.ts";
import { openParts } from "../service/parts.ts";
import { openReplay } from "../sources/index.ts";
import { openScratchStore } from "../store/index.ts";
import { type Context, openContextLog, print } from "./context.ts";
import { type ExpectedTold, Fixture } from "./fixture.ts";
import { chosenInstance } from "./instance.ts";
import { type Rehearsed, rehearse } from "./rehearse.ts";
import { WANTED } from "./replay.ts";
import { escapeControls } from "./show.ts";
import { readFrame } from "./watch.ts";

export interface TestOptions {
  readonly files: readonly string[];
  readonly config: string;
  readonly junit?: string;
  readonly record?: string;
  readonly json: boolean;
}

/** What became of one fixture. */
interface Result {
  readonly file: string;
  readonly title: string;
  readonly seconds: number;
  readonly failures: readonly string[];
}

/** `misp-herald test`: plays fixtures on their own clock and compares what leaves. Returns the exit code: 1 where one differs. */
export async function testCommand(options: TestOptions, context: Context): Promise<0 | 1> {
  if (options.record !== undefined) {
    return await recordFixture(options.record, options, context);
  }
  const results: Result[] = [];
  const configured = openConfigs(context);
  for (const file of options.files) {
    const result = await playFile(file, options, context, configured);
    results.push(result);
    if (!options.json) {
      const mark = result.failures.length === 0 ? "✓" : "✗";
      print(context.stdout, [`${mark} ${result.title}`, ...result.failures.map((line) => `    ${line}`)].join("\n"));
    }
  }
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  if (options.json) {
    print(context.stdout, escapeControls(JSON.stringify({ ok: failed === 0, fixtures: results })));
  } else {
    print(context.stderr, failed === 0 ? `${results.length} passed.` : `${failed} of ${results.length} failed.`);
  }
  if (options.junit !== undefined) {
    await writeTo(options.junit, junitOf(results));
  }
  return failed === 0 ? 0 : 1;
}

type Configured = (file: string) => Promise<{ readonly config: Config; readonly watch: Watch }>;

/** Reads each configuration once, with its watch lists: many fixtures are about the same one. */
function openConfigs({ env, redactor }: Context): Configured {
  const opened = new Map<string, ReturnType<Configured>>();
  const open = async (file: string) => {
    const loaded = await loadConfig(file, { env, redactor, secrets: "optional" });
    return { config: loaded.config, watch: (await openWatch(loaded)).watch };
  };
  return (file) => {
    const known = opened.get(file) ?? open(file);
    opened.set(file, known);
    return known;
  };
}

/** One that cannot be played has failed, and the others are played all the same. */
async function playFile(file: string, options: TestOptions, context: Context, configured: Configured): Promise<Result> {
  const from = performance.now();
  try {
    return await compareFile(file, options, context, configured);
  } catch (error) {
    const failures = reasonsOf(error);
    return { file, title: clean(basename(file), 200), seconds: (performance.now() - from) / 1000, failures };
  }
}

/** What the user can mend, line by line; throws what is a fault of ours. */
function reasonsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigError) {
    return formatProblems(error.issues, { color: false }).split("\n");
  }
  if (error instanceof UsageError) {
    return [error.message];
  }
  throw error;
}

async function compareFile(
  file: string,
  options: TestOptions,
  context: Context,
  configured: Configured,
): Promise<Result> {
  const from = performance.now();
  const fixture = await readFixture(file, context);
  const { left, start, config } = await play(fixture, file, options, context, configured);
  const failures: string[] = [];
  let since = Number.NEGATIVE_INFINITY;
  for (const { at, expect } of fixture.timeline) {
    if (!expect) {
      continue;
    }
    const until = start + at;
    for (const [destination, told] of Object.entries(expect)) {
      if (!Object.hasOwn(config.destinations, destination)) {
        const names = Object.keys(config.destinations).join(", ");
        failures.push(`${span(at)}: there is no destination ${destination}; destinations are ${names}`);
        continue;
      }
      const payloads = left.filter(
        ({ payload, at: leftAt }) => payload.destination === destination && leftAt > since && leftAt <= until,
      );
      failures.push(...differences(told, payloads).map((line) => `${span(at)} ${destination}: ${line}`));
    }
    since = until;
  }
  const title = clean(fixture.title ?? basename(file), 200);
  return { file, title, seconds: (performance.now() - from) / 1000, failures };
}

async function readFixture(file: string, context: Context): Promise<Fixture> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new UsageError(`Cannot read "${file}": ${reasonOf(error)}`);
  });
  const { value } = await loadYaml(text, file, Fixture, { env: context.env, secrets: "optional" });
  if (value.timeline.some(({ at }, index) => at < (value.timeline[index - 1]?.at ?? 0))) {
    throw new UsageError(`${file}: the timeline goes back in time; write it in the order of "at"`, 1);
  }
  return value;
}

/** What leaves of a fixture's messages, by its own clock; nothing is asked of MISP, and nothing is sent. */
async function play(fixture: Fixture, file: string, options: TestOptions, context: Context, configured: Configured) {
  const configFile = fixture.config === undefined ? options.config : resolve(dirname(file), fixture.config);
  const { config, watch } = await configured(configFile);
  const instance = chosenInstance(fixture.instance, config);
  const read: { readonly at: number; readonly message: Message }[] = [];
  for (const { at, message: inputs = [] } of fixture.timeline) {
    for (const input of inputs) {
      const shown = typeof input === "string" ? resolve(dirname(file), input) : Readable.from([JSON.stringify(input)]);
      const messages = await messagesOf(shown, instance, context);
      const first = messages[0]?.receivedAt ?? 0;
      // Between frames that say when they came there is as much time again.
      read.push(...messages.map((message) => ({ at: at + Math.max(0, message.receivedAt - first), message })));
    }
  }
  const start =
    fixture.start ?? (read.find(({ message }) => message.event?.changedAt)?.message.event?.changedAt ?? 0) + 1000;
  const messages = read.sort((a, b) => a.at - b.at).map(({ at, message }) => ({ ...message, receivedAt: start + at }));
  const clock: Clock = { ...systemClock, now: () => start };
  await using store = openScratchStore();
  await using parts = openParts(
    withoutAsking(config),
    { log: openContextLog("warn", context), clock, stdout: nowhere() },
    { store, sources: [], watch },
  );
  return { ...(await rehearse(messages, parts, "due")), start, config };
}

/** Where destinations write that are opened and never told; there may be many. */
function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() }).setMaxListeners(0);
}

/** A fixture asks nobody: what MISP would have to be asked is refused as it is without a key. */
function withoutAsking(config: Config): Config {
  const instances = Object.entries(config.misp).map(([name, { api_key: _, ...rest }]) => [name, rest]);
  return { ...config, misp: Object.fromEntries(instances) };
}

async function messagesOf(input: string | Readable, instance: string, context: Context): Promise<readonly Message[]> {
  const log = openContextLog("warn", context);
  const source = openReplay({ instance, input, speed: "full", log, now: () => 0 });
  const frames: Frame[] = [];
  for await (const some of source.frames(context.signal)) {
    frames.push(...some);
  }
  const read = frames.map(readFrame);
  // A fixture of nothing passes whatever the rules say.
  if (read.every(({ problem }) => problem !== undefined)) {
    const [{ problem } = {}] = read;
    const where = typeof input === "string" ? `"${input}"` : "a message of the timeline";
    throw new UsageError(`There is no frame of MISP in ${where}${problem ? ` (${problem})` : ""}; ${WANTED}`, 1);
  }
  return read.flatMap(({ message }) => message ?? []);
}

/** In what the payloads of one destination differ from what is expected of them. */
function differences(told: ExpectedTold, left: readonly Rehearsed[]): readonly string[] {
  const entries = left.flatMap(({ payload }) => payload.entries);
  const routes = [...new Set(entries.flatMap((entry) => entry.routes))];
  const withheld = entries.reduce((sum, { guarded }) => sum + guarded.withheld, 0);
  const found = {
    payloads: left.length,
    alerts: entries.length,
    withheld,
    change: entries.map(({ guarded }) => guarded.alert.change ?? "none").at(-1),
    form: entries.map(({ guarded }) => guarded.form).at(-1),
    routes: routes.sort().join(", "),
  };
  const expected = { ...told, ...("routes" in told && told.routes && { routes: [...told.routes].sort().join(", ") }) };
  const wrong = Object.entries(expected).flatMap(([name, value]) => {
    const actual = Reflect.get(found, name) ?? "nothing";
    return value === undefined || value === actual
      ? []
      : [`${name}: expected ${value === "" ? "none" : value}, found ${actual === "" ? "none" : actual}`];
  });
  return wrong.length === 0
    ? []
    : [...wrong, ...entries.map(({ guarded }) => `  left: ${whatOf(guarded.alert)}`).slice(0, 5)];
}

function whatOf({ kind, event }: Rehearsed["payload"]["entries"][number]["guarded"]["alert"]): string {
  return `${kind}${event?.info === undefined ? "" : ` "${clean(event.info, 80)}"`}`;
}

/** `misp-herald test --record RECORDING`: a fixture of what leaves now, for people to read and keep. */
async function recordFixture(recording: string, options: TestOptions, context: Context): Promise<0> {
  const [target, ...more] = options.files;
  if (target === undefined || more.length > 0) {
    throw new UsageError("Name one fixture to write: misp-herald test --record RECORDING FIXTURE.yaml");
  }
  const lines = (
    await readFile(recording, "utf8").catch((error: unknown) => {
      throw new UsageError(`Cannot read "${recording}": ${reasonOf(error)}`);
    })
  )
    .split("\n")
    .filter((line) => line.trim() !== "");
  const message = resolve(recording);
  const fixture: Fixture = { timeline: [{ at: 0, message: [message] }] };
  const { left, start, config } = await play(fixture, target, options, context, openConfigs(context));
  const names = Object.keys(config.destinations);
  const last = Math.max(0, ...left.map(({ at }) => at - start));
  const expect = names.map((name) => {
    const payloads = left.filter(({ payload }) => payload.destination === name);
    const entries = payloads.flatMap(({ payload }) => payload.entries);
    const withheld = entries.reduce((sum, { guarded }) => sum + guarded.withheld, 0);
    return `      ${name}: { payloads: ${payloads.length}, alerts: ${entries.length}, withheld: ${withheld} }`;
  });
  const text = [
    `# What leaves of ${lines.length} recorded frames, as it was when this was written.`,
    `config: ${JSON.stringify(resolve(options.config))}`,
    `start: ${new Date(start).toISOString()}`,
    "timeline:",
    `  - { at: 0s, message: ${JSON.stringify(message)} }`,
    `  - at: ${Math.ceil(last / 1000) + 1}s`,
    "    expect:",
    ...expect,
    "",
  ].join("\n");
  await writeTo(target, text);
  print(context.stderr, `Wrote ${target}: read it, since it holds what happens and not what ought to.`);
  return 0;
}

async function writeTo(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((error: unknown) => {
    throw new UsageError(`Cannot write ${file}: ${reasonOf(error)}`, 1);
  });
}

function junitOf(results: readonly Result[]): string {
  const cases = results.map(({ file, title, seconds, failures }) => {
    const head = `<testcase classname="${xml(file)}" name="${xml(title)}" time="${seconds.toFixed(3)}"`;
    return failures.length === 0
      ? `  ${head}/>`
      : `  ${head}><failure message="${xml(failures[0] ?? "")}">${xml(failures.join("\n"))}</failure></testcase>`;
  });
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  const suite = `<testsuite name="misp-herald" tests="${results.length}" failures="${failed}">`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${suite}\n${cases.join("\n")}\n</testsuite>\n`;
}

function xml(text: string): string {
  const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (char) => escapes[char] ?? "").replace(/[^\t\n\u0020-\ud7ff\ue000-\ufffd]/g, "");
}

function span(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
