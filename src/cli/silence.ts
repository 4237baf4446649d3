import { parseDocument } from "yaml";
import { clean, formatCount, formatNumber } from "../alert/text.ts";
import { UsageError } from "../base/errors.ts";
import { nearest } from "../config/suggest.ts";
import { faultsOf } from "../config/values.ts";
import { ask, askAll } from "../doors/socket/client.ts";
import { FACTS } from "../model/vocabulary.ts";
import { ListEnd, SilenceDocument } from "../operations/documents.ts";
import type { QueryInput } from "../operations/requests.ts";
import { conditionNames } from "../routing/schema.ts";
import { formatSpan, formatStamp, formatUntil } from "./ages.ts";
import { type Context, print } from "./context.ts";
import { type ReachOptions, reach } from "./reach.ts";
import { escapeControls } from "./show.ts";
import { formatTable } from "./table.ts";

/** What `silence add` is given. */
export interface SilenceOptions extends ReachOptions {
  readonly match?: readonly string[];
  readonly event?: readonly string[];
  readonly route?: readonly string[];
  readonly destination?: readonly string[];
  readonly for: number;
  readonly reason: string;
  readonly afterwards: "nothing" | "digest";
}

/** `misp-herald silence add`: nobody is told of what is named, until the silence ends. */
export async function addSilenceCommand(options: SilenceOptions, context: Context): Promise<void> {
  const { match = [], event = [], route = [], destination = [], reason, afterwards } = options;
  const conditions = match.map(parseCondition);
  const faults = conditions.flatMap(faultsOf);
  const said = faults.map(
    ({ severity, message, hint }) => `${severity}: ${message}${hint === undefined ? "" : `; ${hint}`}`,
  );
  if (faults.some(({ severity }) => severity === "error")) {
    throw new UsageError(`--match: ${said.join("\n")}`);
  }
  if (said.length > 0) {
    print(context.stderr, escapeControls(said.join("\n")));
  }
  const query: QueryInput = {
    ...{ command: "silence.add", for: options.for, reason, afterwards },
    match: conditions,
    ...{ events: [...event], routes: [...route], destinations: [...destination] },
  };
  const silence = await ask(await reach(options, context), query, SilenceDocument);
  show(silence, options, context, `Silence ${silence.id} is in force`);
}

/** `misp-herald silence extend`: it lasts for so much longer. */
export async function extendSilenceCommand(
  options: ReachOptions & { readonly id: string; readonly for: number },
  context: Context,
): Promise<void> {
  const query = { command: "silence.extend", id: options.id, for: options.for } as const;
  const silence = await ask(await reach(options, context), query, SilenceDocument);
  show(silence, options, context, `Silence ${silence.id} lasts for longer`);
}

/** `misp-herald silence remove`: it ends now. */
export async function removeSilenceCommand(
  options: ReachOptions & { readonly id: string },
  context: Context,
): Promise<void> {
  const silence = await ask(
    await reach(options, context),
    { command: "silence.remove", id: options.id },
    SilenceDocument,
  );
  if (options.json) {
    print(context.stdout, escapeControls(JSON.stringify(silence)));
    return;
  }
  const held = countHeld(silence);
  const follow =
    held > 0 ? ` ${formatCount(held, "alert")} that it held ${held === 1 ? "follows" : "follow"} now.` : "";
  print(context.stdout, `Silence ${silence.id} has ended. It muted ${formatCount(silence.muted, "alert")}.${follow}`);
}

/** `misp-herald silence list`: what is silenced, by whom and why, and how much is behind it. */
export async function listSilencesCommand(
  options: ReachOptions & { readonly ended: boolean },
  context: Context,
): Promise<void> {
  const query = { command: "silence.list", ended: options.ended } as const;
  const lines: SilenceDocument[] = [];
  for await (const silence of askAll(await reach(options, context), query, SilenceDocument, ListEnd)) {
    if (options.json) {
      print(context.stdout, escapeControls(JSON.stringify(silence)));
    } else {
      lines.push(silence);
    }
  }
  if (!options.json) {
    print(context.stdout, lines.length === 0 ? "Nothing is silenced." : tableOf(lines, Date.now()).join("\n"));
  }
}

/** Silences as a table. */
export function tableOf(silences: readonly SilenceDocument[], now: number): readonly string[] {
  return formatTable(
    ["SILENCE", "ENDS", "MUTED", "HELD", "WHAT", "REASON", "BY"],
    silences.map((silence) => [
      silence.id,
      silence.ended ? `${formatStamp(silence.until)} UTC` : formatUntil(silence.until, now),
      formatNumber(silence.muted),
      formatNumber(countHeld(silence)),
      describeWhat(silence),
      silence.reason,
      silence.by,
    ]),
  );
}

/** One silence in a sentence. */
export function describeSilence(silence: SilenceDocument): string {
  const { id, ended, until, by, reason } = silence;
  const end = `${ended ? "ended" : "until"} ${formatStamp(until)} UTC`;
  return `Silence ${clean(id)} (${end}, by ${clean(by)}): ${clean(describeWhat(silence))}; ${clean(reason)}`;
}

function show(silence: SilenceDocument, { json }: ReachOptions, { stdout }: Context, verdict: string): void {
  if (json) {
    print(stdout, escapeControls(JSON.stringify(silence)));
    return;
  }
  const span = formatSpan(Date.parse(silence.until) - Date.now());
  const then =
    silence.afterwards === "digest"
      ? "What comes is told when it ends, in one message for each destination."
      : "What comes is not told, also not afterwards; history has it as muted.";
  print(
    stdout,
    `${verdict}, until ${formatStamp(silence.until)} UTC (${span}): ${clean(describeWhat(silence))}.\n${then} misp-herald silence remove ${silence.id} ends it.`,
  );
}

function countHeld({ held }: SilenceDocument): number {
  return held.reduce((sum, { n }) => sum + n, 0);
}

/** As it would be given on the command line. */
function describeWhat({ match, events, routes, destinations }: SilenceDocument): string {
  return [
    ...match.map(describeCondition),
    ...events.map(({ uuid, id }) => `event=${uuid ?? id}`),
    ...routes.map((name) => `route=${name}`),
    ...destinations.map((name) => `destination=${name}`),
  ].join(" ");
}

function describeCondition(map: Readonly<Record<string, unknown>>): string {
  const [[key, value] = [], ...others] = Object.entries(map);
  const isPlain = key !== undefined && others.length === 0 && typeof value !== "object";
  return isPlain ? `${key}=${value}` : JSON.stringify(map);
}

const NAMES = conditionNames();
const EXAMPLES = `'org=CIRCL', 'tag=osint:*', 'org!=CIRCL' or '{ attribute: { type: url } }'`;

/** `org=CIRCL`, `tag!=osint:*`, or a map in YAML as a route's `match` has it. */
export function parseCondition(text: string): Record<string, unknown> {
  if (text.trimStart().startsWith("{")) {
    const map = parseMap(text);
    checkNames(Object.keys(map));
    return map;
  }
  const [, name = "", isNot, value = ""] = /^\s*([\w.]+)\s*(!?)=(.*)$/s.exec(text) ?? [];
  if (name === "" || value.trim() === "") {
    throw new UsageError(`"${clean(text)}" is no condition; give one such as ${EXAMPLES}`);
  }
  checkNames([name]);
  const condition = { [name]: value.trim() };
  return isNot ? { not: condition } : condition;
}

function parseMap(text: string): Record<string, unknown> {
  const value = readYaml(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(
      `"${clean(text)}" is no map in YAML; give one such as '{ any: [{ org: CIRCL }, { tag: "osint:*" }] }'`,
    );
  }
  return { ...value };
}

/** Undefined for what cannot be read, or has aliases, which could make much of little. */
function readYaml(text: string): unknown {
  const document = parseDocument(text, { logLevel: "silent" });
  try {
    return document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 0 });
  } catch {
    return undefined;
  }
}

function checkNames(names: readonly string[]): void {
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown === undefined) {
    return;
  }
  const near = nearest(unknown, NAMES);
  const rest = near === undefined ? `; there are ${FACTS.join(", ")}` : `; did you mean ${near}?`;
  throw new UsageError(`There is no fact "${clean(unknown)}"${rest}`);
}
