import { dirname, resolve } from "node:path";
import { formatNumber } from "../alert/text.ts";
import { ConfigError, type Problem } from "../base/problem.ts";
import type { LoadedConfig } from "../config/load.ts";
import { listsIn } from "../routing/lists.ts";
import type { ListFile, LoadedList } from "../watching/load.ts";
import { Watches } from "../watching/watches.ts";

/** The watch lists that a configuration names, by files beside it or by their whole path. */
export function listFilesOf({ config, file }: Pick<LoadedConfig, "config" | "file">): readonly ListFile[] {
  const folder = dirname(resolve(file));
  const excepts = Object.values(config.destinations).flatMap(({ quiet }) => quiet?.except ?? []);
  const names = listsIn([...config.routes.flatMap(({ match }) => match ?? []), ...excepts]);
  return [...names].map((name) => ({ name, path: resolve(folder, name) }));
}

/** Reads the lists of a configuration for a command that ends; throws ConfigError for one that cannot be read. */
export async function openWatch(
  loaded: Pick<LoadedConfig, "config" | "file">,
): Promise<{ readonly watch: Watches; readonly warnings: readonly Problem[] }> {
  const watch = new Watches();
  const read = await watch.read(listFilesOf(loaded));
  const problems = problemsOf(read.lists, loaded.file);
  if (problems.some(({ severity }) => severity === "error")) {
    throw new ConfigError(problems);
  }
  watch.use(read);
  return { watch, warnings: problems };
}

/** Of so many lines of a list that cannot be used each is named. */
const MAX_LINES = 5;

/** What is wrong with lists: what cannot be used of one is left out of it, and one that cannot be read is an error. */
export function problemsOf(lists: readonly LoadedList[], config: string): readonly Problem[] {
  return lists.flatMap((list): readonly Problem[] => {
    if ("failed" in list) {
      const hint = `name a file that can be read, beside ${config} or by its whole path`;
      return [problemOf(list.path, "error", `the watch list ${list.name} cannot be used: ${list.failed}`, hint)];
    }
    const { path, name, invalid, invalidCount, entries, kept } = list;
    const rest = invalidCount - Math.min(invalid.length, MAX_LINES);
    return [
      ...invalid
        .slice(0, MAX_LINES)
        .map(({ line, reason }) =>
          problemOf(path, "warning", `${placeOf(path, line)} of the watch list ${name} ${reason}`, HINT),
        ),
      ...(rest > 0
        ? [problemOf(path, "warning", `${formatNumber(rest)} more entries of the watch list ${name} cannot be used`)]
        : []),
      ...(entries === 0 ? [problemOf(path, "warning", `the watch list ${name} has no entry`)] : []),
      ...(kept ? [problemOf(path, "warning", `the watch list ${name} ${describeKept(kept)}`, ACCEPT)] : []),
    ];
  });
}

const HINT = "it is left out; outside of JSON, an entry is a network, a domain, or a text, with its label behind a tab";
const ACCEPT = "the list of before stays in force; misp-herald reload --accept takes the new one";

/** Why the list of before stays in force. */
export function describeKept(kept: NonNullable<Extract<LoadedList, { readonly entries: number }>["kept"]>): string {
  return kept.why === "shrunk"
    ? `shrank from ${formatNumber(kept.from)} to ${formatNumber(kept.to)} entries`
    : `cannot be read any more: ${kept.reason}`;
}

/** In a warning list of MISP entries are counted, in other files lines. */
function placeOf(path: string, number: number): string {
  return number === 0 ? "an entry" : `${/\.json$/i.test(path) ? "entry" : "line"} ${number}`;
}

function problemOf(file: string, severity: Problem["severity"], message: string, hint?: string): Problem {
  const where = { file, line: 0, column: 0, sourceLine: "", mark: { start: 0, width: 0 } };
  return { severity, ...where, message, ...(hint !== undefined && { hint }) };
}
