import { dirname, join } from "node:path";
import type { Tlp } from "../../model/vocabulary.ts";

/** Where secrets are kept: in files beside the configuration, as credentials of systemd, in it, or in the environment. */
export type SecretStorage = "file" | "credential" | "plain" | "env";

/** A value of the configuration that only its owner may see. */
export interface Confidential {
  /** Of its file; in the environment it is `MISP_HERALD_` and this in capitals. */
  readonly name: string;
  readonly value: string;
}

/** An option of a destination: maps nest. */
export type Option = string | number | boolean | Confidential | readonly string[] | { readonly [key: string]: Option };

/** All that is asked. */
export interface Answers {
  readonly url?: string;
  readonly caFile?: string;
  readonly apiKey?: Confidential;
  readonly endpoints: readonly string[];
  readonly username?: string;
  readonly password?: Confidential;
  readonly destination: { readonly type: string; readonly options: Readonly<Record<string, Option>> };
  readonly maxTlp: Tlp;
  readonly audience: readonly string[];
}

/** A file to write, with its whole content. */
export interface Draft {
  readonly path: string;
  readonly text: string;
}

/** What an answer becomes on disk. */
export interface Document {
  readonly config: Draft;
  readonly secrets: readonly Draft[];
  /** Names of the environment variables that the configuration refers to. */
  readonly variables: readonly string[];
}

/** Beside the configuration. */
export const SECRETS_FOLDER = "credentials";
/** A path of a Unix socket is at most 107 bytes long (unix(7)). */
const MAX_SOCKET = 100;

/** The destination that needs nothing beside this process. */
const CONSOLE = "console";

/** The name of the environment variable that holds a secret. */
export function variableOf(name: string): string {
  return `MISP_HERALD_${name.toUpperCase()}`;
}

/** A commented configuration, and the files with the secrets that it names; `system`: it is where the service looks for it. */
export function formatDocument(
  file: string,
  answers: Answers,
  keeping: SecretStorage,
  { schema, system }: { readonly schema: string | undefined; readonly system: boolean },
): Document {
  const folder = dirname(file);
  const secrets: Draft[] = [];
  const variables: string[] = [];
  const write = (option: Option): string => {
    if (typeof option === "string") {
      return quote(option);
    }
    if (typeof option !== "object") {
      return String(option);
    }
    if (isList(option)) {
      return `[${option.map(quote).join(", ")}]`;
    }
    if (!isConfidential(option)) {
      return `{ ${Object.entries(option)
        .map(([key, value]) => `${key}: ${write(value)}`)
        .join(", ")} }`;
    }
    if (keeping === "plain") {
      return quote(option.value);
    }
    if (keeping === "env") {
      variables.push(variableOf(option.name));
      return `"$\{${variableOf(option.name)}}"`;
    }
    secrets.push({ path: join(folder, SECRETS_FOLDER, option.name), text: `${option.value}\n` });
    return keeping === "file" ? `"$\{file:${SECRETS_FOLDER}/${option.name}}"` : `"$\{credential:${option.name}}"`;
  };
  const { url, caFile, apiKey, endpoints, username, password, destination, maxTlp, audience } = answers;
  const optional = (indent: string, key: string, value: Option | undefined, comment = "") =>
    value === undefined ? [] : [`${indent}${key}: ${write(value)}${comment && ` # ${comment}`}`];
  const name = destination.type;
  const isConsole = name === CONSOLE;
  const socket = join(folder, "control.sock");
  const text = [
    ...(schema === undefined ? [] : [`# yaml-language-server: $schema=${schema}`]),
    "# misp-herald: who is told what of a MISP feed. Made by misp-herald init.",
    "#",
    "# config.yaml.example shows every option. Check this after every change: misp-herald check -c FILE",
    `# In any text: $\{NAME} is an environment variable, $\{file:PATH} a file, $\{credential:NAME} a credential of systemd.`,
    "",
    "misp:",
    "  misp: # a name of your choice, part of the identity of everything that is told",
    ...optional("    ", "url", url, "alerts link to it, and its REST API is asked"),
    ...optional("    ", "ca_file", caFile),
    ...(apiKey
      ? optional("    ", "api_key", apiKey)
      : ["    # api_key: without it, what the feed leaves open stays unknown, and is not told; needs url"]),
    "    feed:",
    "      type: zeromq",
    `      endpoints: ${write(endpoints)}`,
    ...optional("      ", "username", username),
    ...optional("      ", "password", password),
    "",
    ...(system
      ? []
      : [
          "# Beside this file; without these lines in /var/lib/misp-herald and /run/misp-herald.",
          `state: { path: ${quote(join(folder, "state.db"))} }`,
          ...(socket.length <= MAX_SOCKET ? [`control: ${quote(socket)}`] : []),
          "",
        ]),
    "destinations:",
    `  ${name}: # a name of your choice`,
    `    type: ${destination.type}`,
    ...Object.entries(destination.options).flatMap(([key, option]) => optional("    ", key, option)),
    "    guard: # what its readers may see",
    `      max_tlp: ${maxTlp} # everything up to here, nothing above it`,
    audience.length > 0
      ? `      audience: ${write(audience)} # who reads it: decides on "your organisation only" and sharing groups`
      : '      # audience: [] # who reads it: decides on "your organisation only" and sharing groups',
    ...(isConsole
      ? []
      : [
          `  ${CONSOLE}: # the output of the service: the terminal, or the journal`,
          "    type: console",
          "    guard: { max_tlp: clear } # it is told nothing of MISP, only what misp-herald says of itself",
        ]),
    "",
    "routes:",
    "  - name: published",
    "    kinds: [event.published]",
    "    # match: { threat_level: [high, medium] } # without match: all of them",
    `    notify: [${name}]`,
    "  - name: operations # what misp-herald says of itself, such as that the feed is silent",
    "    kinds: [herald.*]",
    ...(isConsole
      ? [
          "    # No destination is told what is wrong with itself: once there is a second one, name both.",
          `    notify: [${name}]`,
        ]
      : [
          `    # Two, because no destination is told what is wrong with itself: of ${name} only ${CONSOLE} hears.`,
          `    notify: [${name}, ${CONSOLE}]`,
        ]),
    "",
  ].join("\n");
  return { config: { path: file, text }, secrets, variables };
}

/** YAML takes JSON's quotes; a `${` of the operator's own must not become a reference. */
function quote(text: string): string {
  return JSON.stringify(text.split("${").join("$${"));
}

function isList(option: Option): option is readonly string[] {
  return Array.isArray(option);
}

function isConfidential(option: Confidential | { readonly [key: string]: Option }): option is Confidential {
  return "name" in option && "value" in option;
}
