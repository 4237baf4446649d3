import { ConfigError, formatProblems, type Problem } from "../base/problem.ts";
import { loadConfig } from "../config/load.ts";
import { type Context, hasColor, print } from "./context.ts";
import { chancesOf, deadKinds, type Obstacle } from "./reachability.ts";
import { describeChances, describeGuard, describeObstacle, describeRoute, duration } from "./sentences.ts";

/** `misp-herald check`: opens nothing and needs no secret. Returns the exit code. */
export async function checkCommand(
  options: { readonly config: string; readonly json: boolean },
  context: Context,
): Promise<0 | 1> {
  try {
    const { config, warnings: noticed } = await loadConfig(options.config, {
      env: context.env,
      redactor: context.redactor,
      secrets: "optional",
    });
    const judged = config.routes.map((route) => ({ route, chances: chancesOf(route, config) }));
    const routes = judged.map(({ route, chances }) => {
      const limits = describeChances(route, chances);
      return { name: route.name, sentence: describeRoute(route), ...(limits !== undefined && { limits }), chances };
    });
    const warnings = [
      ...noticed,
      ...judged.flatMap(({ route, chances }) =>
        deadKinds(route, chances).map(({ glob, why }) => neverSent(options.config, route.name, glob, why)),
      ),
    ];
    const destinations = Object.entries(config.destinations).map(([name, destination]) => ({
      name,
      type: destination.type,
      sentence: `${describeGuard(destination.guard)} Tried for ${duration(destination.retry.max_age)}; told again: ${destination.repeats}.`,
    }));
    if (options.json) {
      print(
        context.stdout,
        JSON.stringify({ ok: true, file: options.config, problems: warnings, routes, destinations }),
      );
      return 0;
    }
    if (warnings.length > 0) {
      print(context.stderr, formatProblems(warnings, { color: hasColor(context.stderr, context.env) }));
    }
    const width = Math.max(...[...routes, ...destinations].map(({ name }) => name.length));
    const line = (name: string, text: string) => `  ${name.padEnd(width)}  ${text}`;
    print(
      context.stdout,
      [
        `${options.config} is valid${warnings.length > 0 ? `, with ${warnings.length} ${warnings.length === 1 ? "warning" : "warnings"}` : ""}.`,
        "",
        "Routes, in order:",
        ...routes.flatMap(({ name, sentence, limits }) => [
          line(name, sentence),
          ...(limits === undefined ? [] : [line("", limits)]),
        ]),
        "",
        "Destinations:",
        ...destinations.map(({ name, type, sentence }) => line(name, `(${type}) ${sentence}`)),
      ].join("\n"),
    );
    return 0;
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

const HINTS: Partial<Readonly<Record<Obstacle, string>>> = {
  "no-event-passes": "say in guard who reads it: distribution, audience or sharing_groups",
  "frames-tell-too-little": "give the instance an api_key, with which MISP is asked",
};

/** A rule that can do nothing, wherever it stands. */
function neverSent(file: string, route: string, glob: string, why: Obstacle): Problem {
  const hint = HINTS[why];
  return {
    severity: "warning",
    ...{ file, line: 0, column: 0, sourceLine: "", mark: { start: 0, width: 0 } },
    message: `route "${route}" can never tell ${glob}: ${describeObstacle(why)}`,
    ...(hint !== undefined && { hint }),
  };
}
