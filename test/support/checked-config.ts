import { readFileSync } from "node:fs";
import { ConfigError, formatProblems, type Problem } from "../../src/base/problem.ts";
import { type LoadedConfig, loadConfig } from "../../src/config/load.ts";

export const ENV: Readonly<Record<string, string>> = {
  NOT_A_URL: "MARKER not a url",
  BROKEN_REGEX: "MARKER(",
  AMBER: "amber",
  TOKEN: "MARKER-token",
};

/** A config that is valid once `destinations` and `routes` are. */
export function configOf(destinations: string, routes = "[{ name: all, notify: [terminal] }]", rest = ""): string {
  return `misp: { cert: { feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] } } }
destinations:
  terminal: { type: console, guard: { max_tlp: red } }
${destinations}
routes: ${routes}
${rest}`;
}

export interface Checked {
  readonly problems: readonly string[];
  readonly printed: string;
  readonly issues: readonly Problem[];
  readonly loaded?: LoadedConfig;
}

/** Loads `text` as config.yaml and says what was found, `12:9: error: …`, whether or not it can be used. */
export async function check(
  text: string | Uint8Array,
  options: { readonly secrets?: "required" | "optional"; readonly files?: Readonly<Record<string, string>> } = {},
): Promise<Checked> {
  const { secrets = "required", files = {} } = options;
  const readFile = async (path: string) => {
    if (path === "config.yaml") {
      return Buffer.from(text);
    }
    const content = files[path];
    return content === undefined ? readFileSync(path) : Buffer.from(content);
  };
  const env = { ...ENV, CREDENTIALS_DIRECTORY: "/run/credentials/herald" };
  const told = (issues: readonly Problem[]) => ({
    problems: issues.map((it) => `${it.line}:${it.column}: ${it.severity}: ${it.message}`),
    printed: formatProblems(issues, { color: false }),
    issues,
  });
  try {
    const loaded = await loadConfig("config.yaml", { env, secrets, readFile });
    return { ...told(loaded.warnings), loaded };
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      throw error;
    }
    return told(error.issues);
  }
}
