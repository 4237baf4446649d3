import { formatCount } from "../alert/text.ts";
import { ConfigError, formatProblems, type Problem } from "../base/problem.ts";
import { formatDuration } from "../base/schema.ts";
import { examineConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { terminalJson } from "../destinations/console/terminal.ts";
import { BRAKE_ADVICE, lacksBrakes } from "../routing/brakes.ts";
import { openWatch } from "../service/lists.ts";
import { askInstances, describeFinding, problemsOf } from "./check-online.ts";
import { type Context, hasColor, print } from "./context.ts";
import { gapsOf } from "./lint/kinds.ts";
import { lint } from "./lint/lint.ts";
import { neededSettings } from "./notifications.ts";
import { formatParagraphs, sentence, wrap } from "./paragraphs.ts";
import { chancesOf } from "./reachability.ts";
import {
  describeChances,
  describeFollowing,
  describeGaps,
  describeGuard,
  describeNeed,
  describePace,
  describeRoute,
} from "./sentences.ts";

/** `misp-herald check`: opens nothing and needs no secret, unless MISP is to be asked. Returns the exit code. */
export async function checkCommand(
  options: { readonly config: string; readonly json: boolean; readonly strict: boolean; readonly online: boolean },
  context: Context,
): Promise<0 | 1> {
  try {
    const loaded = await examineConfig(options.config, {
      env: context.env,
      redactor: context.redactor,
      secrets: options.online ? "asking" : "optional",
    });
    const { config, warnings: noticed } = loaded;
    const lists = await openWatch(loaded);
    const judged = config.routes.map((route) => ({ route, chances: chancesOf(route, config) }));
    const routes = judged.map(({ route, chances }) => {
      const limits = describeChances(route, chances);
      const gaps = gapsOf(route);
      const unsure = describeGaps(gaps);
      return {
        name: route.name,
        clauses: describeRoute(route),
        ...(limits !== undefined && { limits }),
        ...(unsure !== undefined && { unsure }),
        chances,
        facts: gaps,
      };
    });
    const advice = adviceOf(config);
    const needs = neededSettings(config);
    const online = options.online ? await askInstances(config, context.signal) : [];
    const warnings = [
      ...[...noticed, ...lint(loaded, lists.watch)].sort(byPlace),
      ...lists.warnings,
      ...problemsOf(online, options.config),
    ];
    const destinations = Object.entries(config.destinations).map(([name, destination]) => ({
      name,
      type: destination.type,
      clauses: [
        ...describeGuard(destination.guard),
        `tried for ${formatDuration(destination.retry.max_age)}`,
        `told again: ${destination.repeats}`,
        ...describeFollowing(destination),
        ...describePace(destination),
      ],
    }));
    const hasErrors = warnings.some(({ severity }) => severity === "error");
    const isGood = !hasErrors && (warnings.length === 0 || !options.strict);
    if (options.json) {
      const told = <T extends { readonly clauses: readonly string[] }>({ clauses, ...rest }: T) => ({
        ...rest,
        sentence: sentence(clauses),
      });
      const document = { ok: isGood, file: options.config, problems: warnings };
      print(
        context.stdout,
        terminalJson({
          ...document,
          routes: routes.map(told),
          destinations: destinations.map(told),
          needs,
          ...(advice.length > 0 && { advice }),
          ...(options.online && { online }),
        }),
      );
      return isGood ? 0 : 1;
    }
    if (warnings.length > 0) {
      print(context.stderr, formatProblems(warnings, { color: hasColor(context.stderr, context.env) }));
    }
    const columns = context.stdout.isTTY ? context.stdout.columns : undefined;
    const firstWith = new Map<string, string>();
    for (const { name, limits } of routes) {
      if (limits !== undefined && !firstWith.has(limits)) {
        firstWith.set(limits, name);
      }
    }
    print(
      context.stdout,
      [
        `${options.config} is valid${verdictOf(warnings, isGood)}.`,
        "",
        "Routes, in order:",
        ...formatParagraphs(
          routes.map(({ name, clauses, limits, unsure }) => ({
            ...{ name, clauses },
            more: [...limitsOf(name, limits, firstWith), ...(unsure === undefined ? [] : [unsure])],
          })),
          columns,
        ),
        "",
        "Destinations:",
        ...formatParagraphs(
          destinations.map(({ name, type, clauses }) => ({ name: `${name} (${type})`, clauses })),
          columns,
        ),
        "",
        "Settings that MISP needs (Administration, Server Settings, Plugin):",
        ...formatParagraphs(needs.map(describeNeed), columns),
        ...(advice.length > 0 ? ["", "Advice:", ...advice.flatMap((text) => wrap(`  ${text}`, columns))] : []),
        ...(online.length > 0
          ? [
              "",
              "MISP, as it answers now:",
              ...formatParagraphs(
                online.map((finding) => describeFinding(finding, config)),
                columns,
              ),
            ]
          : []),
      ].join("\n"),
    );
    return isGood ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      throw error;
    }
    if (options.json) {
      print(context.stdout, JSON.stringify({ ok: false, file: options.config, problems: error.issues }));
    } else {
      print(context.stderr, formatProblems(error.issues, { color: hasColor(context.stderr, context.env) }));
    }
    return 1;
  }
}

/** Where people read. */
const CHANNELS: ReadonlySet<string> = new Set(["slack", "teams", "email"]);

/** What would be better, where nothing is wrong. */
function adviceOf({ routes, destinations }: Pick<Config, "routes" | "destinations">): readonly string[] {
  const open = routes.filter(
    (route) => lacksBrakes(route) && route.notify.some(({ to }) => CHANNELS.has(destinations[to]?.type ?? "")),
  );
  if (open.length === 0) {
    return [];
  }
  const names = open.map(({ name }) => name).join(", ");
  const [tells, would] = open.length === 1 ? ["tells", "it"] : ["tell", "they"];
  return [
    `${names} ${tells} people of nearly every publication: when a thousand events are pulled from a partner, ${would} would tell each. ${BRAKE_ADVICE}.`,
  ];
}

/** What was noticed in a configuration that is valid. */
function verdictOf(problems: readonly Problem[], isGood: boolean): string {
  const count = (severity: Problem["severity"]) => problems.filter((problem) => problem.severity === severity).length;
  const errors = count("error");
  const warnings = count("warning");
  const counted = [
    ...(errors > 0 ? [formatCount(errors, "error")] : []),
    ...(warnings > 0 ? [formatCount(warnings, "warning")] : []),
  ];
  const refused = !isGood && errors === 0 ? ", which --strict refuses" : "";
  return counted.length > 0 ? `, with ${counted.join(" and ")}${refused}` : "";
}

/** What is not always told by a route; the words that one above has used already are not repeated. */
function limitsOf(name: string, limits: string | undefined, firstWith: ReadonlyMap<string, string>): readonly string[] {
  if (limits === undefined) {
    return [];
  }
  const first = firstWith.get(limits);
  return [first === undefined || first === name ? limits : `As for ${first}: not all of it is told.`];
}

function byPlace(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column;
}
