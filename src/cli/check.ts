import { loadConfig } from "../config/load.ts";
import { ConfigError, formatProblems } from "../config/problem.ts";
import { type Context, hasColor, print } from "./context.ts";
import { describeGuard, describeRoute, duration } from "./sentences.ts";

/** `misp-herald check`: opens nothing and needs no secret. Returns the exit code. */
export async function checkCommand(
  options: { readonly config: string; readonly json: boolean },
  context: Context,
): Promise<0 | 1> {
  try {
    const { config, warnings } = await loadConfig(options.config, { env: context.env, secrets: "optional" });
    const routes = config.routes.map((route) => ({ name: route.name, sentence: describeRoute(route) }));
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
    if (warnings.length > 0)
      print(context.stderr, formatProblems(warnings, { color: hasColor(context.stderr, context.env) }));
    const width = Math.max(...[...routes, ...destinations].map(({ name }) => name.length));
    const line = (name: string, text: string) => `  ${name.padEnd(width)}  ${text}`;
    print(
      context.stdout,
      [
        `${options.config} is valid${warnings.length > 0 ? `, with ${warnings.length} ${warnings.length === 1 ? "warning" : "warnings"}` : ""}.`,
        "",
        "Routes, in order:",
        ...routes.map(({ name, sentence }) => line(name, sentence)),
        "",
        "Destinations:",
        ...destinations.map(({ name, type, sentence }) => line(name, `(${type}) ${sentence}`)),
      ].join("\n"),
    );
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (options.json)
      print(context.stdout, JSON.stringify({ ok: false, file: options.config, problems: error.issues }));
    else print(context.stderr, formatProblems(error.issues, { color: hasColor(context.stderr, context.env) }));
    return 1;
  }
}
