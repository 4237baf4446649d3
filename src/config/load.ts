import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { z } from "zod";
import { reasonOf } from "../base/file-reason.ts";
import { ConfigError, type Problem } from "../base/problem.ts";
import type { Redactor } from "../base/redact.ts";
import { applyDefaults, secretDefaults } from "./defaults.ts";
import { flatten } from "./flatten.ts";
import { decodeUtf8, type ReadFile, readBounded } from "./read.ts";
import { qualifyGroups } from "./readers.ts";
import { checkReferences } from "./references.ts";
import { Config } from "./schema.ts";
import { Outline } from "./shapes.ts";
import { SourceText } from "./source.ts";
import { type Sources, substitute } from "./substitute.ts";
import {
  childOf,
  type Dict,
  type Fault,
  mapScalars,
  type Node,
  nodeAt,
  plainOf,
  type ReportFault,
  type Scalar,
  scalarsOf,
} from "./tree.ts";
import { explainIssues } from "./wording.ts";
import { parseYaml } from "./yaml.ts";

const MAX_BYTES = 64 * 2 ** 20;

/** Where values come from. */
export interface LoadOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * `optional`: a secret that cannot be read is a warning, for commands that send nothing; `feeds`: but for those of the
   * feeds; `asking`: but for those by which MISP is asked.
   */
  readonly secrets: "required" | "optional" | "feeds" | "asking";
  readonly readFile?: ReadFile;
  /** Learns every secret, also of a configuration that is refused. */
  readonly redactor?: Redactor;
}

/** What a file says beyond its own schema. */
export interface Checks {
  /** Changes the file before it is validated. */
  readonly prepare?: (root: Dict, outline: Outline, report: ReportFault) => Dict;
  /** What must not be printed beside what the schema and the names of keys tell. */
  readonly secrets?: (root: Dict, outline: Outline) => Iterable<Scalar>;
  /** What it takes to listen to the feeds. */
  readonly feeds?: (root: Dict) => Iterable<Scalar>;
  /** What it takes to ask MISP. */
  readonly asking?: (root: Dict) => Iterable<Scalar>;
  /** Looks at what one part says about another. */
  readonly references?: (root: Dict, report: ReportFault) => void;
}

/** A valid config, and what was noticed in it. */
export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly Problem[];
  readonly file: string;
  /** SHA-256 of the text, in hex: tells whether the file has changed, not what is in it. */
  readonly digest: string;
}

/** A valid config that may be looked at further. */
export interface ExaminedConfig extends LoadedConfig {
  /** The values of the file as they were validated. */
  readonly root: Dict;
  /** What a check finds in it, by place; `root` has the values of the file as they are used, with those of `defaults`. */
  readonly examine: (check: (root: Node, report: ReportFault) => void) => readonly Problem[];
}

/** Reads, substitutes, merges defaults, validates and cross-checks a config; throws ConfigError with all problems at once. */
export async function loadConfig(path: string, options: LoadOptions): Promise<LoadedConfig> {
  // The text of a large file need not be kept by whoever runs it.
  const { config, warnings, file, digest } = await examineConfig(path, options);
  return { config, warnings, file, digest };
}

/** The same, for whoever looks for more in it than what must be right. */
export async function examineConfig(path: string, options: LoadOptions): Promise<ExaminedConfig> {
  const text = await readText(path, options.readFile ?? readBounded);
  const { value, ...read } = await loadYaml(text, path, Config, options, {
    prepare: (root, outline, report) => qualifyGroups(applyDefaults(root, outline, report), report),
    secrets: secretDefaults,
    feeds: (root) => ofInstances(root, ["feed"]),
    asking: (root) => ofInstances(root, ["url", "api_key", "ca_file"]),
    references: checkReferences,
  });
  return { ...read, config: value, file: path, digest: createHash("sha256").update(text).digest("hex") };
}

/** The text of a YAML file by any schema; a top-level key `x-…` is ignored. Throws ConfigError with all problems at once. */
export async function loadYaml<T>(
  text: string,
  file: string,
  schema: z.ZodType<T>,
  options: LoadOptions,
  checks: Checks = {},
): Promise<{ readonly value: T } & Pick<ExaminedConfig, "warnings" | "root" | "examine">> {
  const faults: Fault[] = [];
  const report: ReportFault = (fault) => faults.push(fault);
  const source = new SourceText(file, text);
  const outline = new Outline(schema);

  const { root, broken } = parseYaml(text, report);
  const more = root?.kind === "map" ? (checks.secrets?.(root, outline) ?? []) : [];
  const masked = new Set(root ? [...outline.secrets(root), ...more] : []);
  source.mask(masked, !broken);
  faults.splice(0, faults.length, ...faults.map((fault) => source.conceal(fault)));
  if (broken) {
    throw new ConfigError(problemsOf(faults, source));
  }
  if (root?.kind !== "map") {
    if (faults.length > 0) {
      throw new ConfigError(problemsOf(faults, source));
    }
    throw new ConfigError([
      root ? source.problem({ ...START, message: "a configuration is a map", hint: "key: value" }) : emptyFile(file),
    ]);
  }

  const { secrets } = options;
  const needed = new Set(secrets === "feeds" || secrets === "asking" ? checks[secrets]?.(root) : []);
  const isRequired = (scalar: Scalar) => secrets === "required" || needed.has(scalar);
  const sources: Sources = {
    env: options.env,
    isRequired,
    readFile: options.readFile ?? readBounded,
    isSecret: (scalar) => masked.has(scalar),
    learn: (secret) => options.redactor?.learn(secret),
  };
  const entries = new Map([...root.entries].filter(([key]) => !key.startsWith("x-")));
  const substituted = await substitute({ ...root, entries }, file, sources, report);
  const prepared = outline.asWritten(checks.prepare?.(substituted, outline, report) ?? substituted);
  const result = validate(prepared, schema);
  if (!result.success) {
    for (const fault of explainIssues(result.error.issues, prepared, outline)) {
      report(fault);
    }
  }
  checks.references?.(prepared, report);

  const problems = problemsOf(faults, source);
  if (!result.success || problems.some((problem) => problem.severity === "error")) {
    throw new ConfigError(problems);
  }
  return { value: result.data, warnings: problems, root: prepared, examine };

  function examine(check: (root: Node, report: ReportFault) => void): readonly Problem[] {
    const found: Fault[] = [];
    check(prepared, (fault) => found.push(fault));
    return problemsOf(found, source);
  }
}

function* ofInstances(root: Dict, keys: readonly string[]): Generator<Scalar> {
  const instances = childOf(root, "misp");
  for (const { node } of instances?.kind === "map" ? instances.entries.values() : []) {
    for (const key of keys) {
      const value = childOf(node, key);
      if (value) {
        yield* scalarsOf(value);
      }
    }
  }
}

const START = { severity: "error", at: 0, end: 1 } as const;

/** Stand-ins for what could not be read, tried in turn where the schema asks for more than any text. */
const STAND_INS = [
  "https://placeholder.invalid/",
  "tcp://placeholder.invalid:50000",
  "placeholder@placeholder.invalid",
  "placeholder-of-thirty-two-letters",
  "/placeholder",
  "1h",
  "1MiB",
] as const;

function validate<T>(root: Dict, schema: z.ZodType<T>) {
  let tree = root;
  let result = schema.safeParse(plainOf(tree));
  for (const stand of STAND_INS) {
    if (result.success) {
      break;
    }
    const refused = new Map<number, string>();
    for (const issue of flatten(result.error.issues)) {
      const node = nodeAt(tree, issue.path);
      const fitting = issue.kind === "value" ? issue.allowed[0] : undefined;
      if (node?.kind === "scalar" && node.unread) {
        refused.set(node.at, fitting ?? stand);
      }
    }
    if (refused.size === 0) {
      break;
    }
    tree = mapScalars(tree, (scalar) => ({
      ...scalar,
      value: (scalar.unread && refused.get(scalar.at)) || scalar.value,
    }));
    result = schema.safeParse(plainOf(tree));
  }
  return result;
}

/** Each fault once, in the order of the file. What `defaults` brings to many destinations is one fault. */
function problemsOf(faults: readonly Fault[], source: SourceText): readonly Problem[] {
  const unique = new Map(faults.map((fault) => [`${fault.at}:${fault.message}`, fault]));
  return [...unique.values()].sort((a, b) => a.at - b.at).map((fault) => source.problem(fault));
}

async function readText(path: string, readFile: ReadFile): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path, MAX_BYTES);
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const hint = missing
      ? `misp-herald init -c ${path} makes it by a few questions; another file is named with -c FILE`
      : "name a readable file: misp-herald check -c FILE";
    throw new ConfigError([wholeFile(path, `the file cannot be read: ${reasonOf(error)}`, hint)]);
  }
  if (bytes.length > MAX_BYTES) {
    throw new ConfigError([
      wholeFile(path, "the file is larger than 64 MiB", "is it the right file? misp-herald check -c FILE"),
    ]);
  }
  const text = decodeUtf8(bytes);
  if (text === undefined || text.includes("\0")) {
    throw new ConfigError([
      wholeFile(path, "the file is not UTF-8 text", "save it as UTF-8, without a UTF-16 or Latin-1 encoding"),
    ]);
  }
  return text;
}

function emptyFile(file: string): Problem {
  return wholeFile(
    file,
    "the file is empty",
    `start from config.yaml.example, then: misp-herald check -c ${basename(file)}`,
  );
}

/** What is wrong with a file as such. */
export function wholeFile(file: string, message: string, hint: string): Problem {
  return { severity: "error", file, line: 0, column: 0, sourceLine: "", mark: { start: 0, width: 0 }, message, hint };
}
