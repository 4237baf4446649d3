import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../base/errors.ts";
import { reasonOf } from "../../base/file-reason.ts";
import { loadConfig } from "../../config/load.ts";
import type { Context } from "../context.ts";
import { DEFAULT_CONFIG } from "../reach.ts";
import { sendTestCommand } from "../send-test.ts";
import { openPrompter, type Prompter, STOPPED } from "./ask.ts";
import { type Document, formatDocument, SECRETS_FOLDER, type SecretStorage } from "./document.ts";
import { type InitResult, tellNext, tellWritten } from "./next.ts";
import { askAnswers, type Given } from "./questions.ts";
import { findReaders, type Readers } from "./readers.ts";
import { unattended } from "./unattended.ts";
import { exists, writeDrafts } from "./write.ts";

export interface InitOptions extends Given {
  readonly config: string;
  readonly endpoint?: readonly string[];
  readonly force: boolean;
  readonly yes: boolean;
}

/** MISP says something every 10 s. */
const LISTEN_MS = 12_000;

/** Where the command runs. */
export interface Place {
  /** How long a feed is listened to. */
  readonly listenMs?: number;
  /** Where the service looks for its configuration. */
  readonly home?: string;
  /** The group of the service. */
  readonly readers?: () => Promise<Readers | undefined>;
}

/** `misp-herald init`: asks, tests, and writes a configuration; nothing is written before the last question but one. */
export async function initCommand(
  options: InitOptions,
  context: Context,
  { listenMs = LISTEN_MS, home = dirname(DEFAULT_CONFIG), readers = findReaders }: Place = {},
): Promise<0 | 1> {
  const file = resolve(options.config);
  const given = { ...options, endpoints: options.endpoint };
  await ensureWritable(file);
  const system = dirname(file) === home;
  // Elsewhere it is for whoever runs init, and the folder is theirs.
  const group = system ? await readers() : undefined;
  const form = { schema: await packaged("config.schema.json"), system };
  const manual = (await packaged("docs/systemd.md")) ?? "docs/systemd.md of this package";
  const finish = async (
    document: Document,
    keeping: SecretStorage,
    env: Context["env"],
    name: string,
  ): Promise<InitResult> => {
    await write(file, document, env, keeping, group?.reachable ? group.gid : undefined);
    const about = { file, name, keeping, document, system, manual };
    const outcome = group ? { ...about, shared: group.reachable } : about;
    tellWritten(outcome, context);
    return outcome;
  };
  if (options.yes) {
    if (!options.force && (await exists(file))) {
      throw new UsageError(`${file} exists; --force replaces it`, 1);
    }
    const document = formatDocument(file, unattended(given, context.env), "env", form);
    tellNext(await finish(document, "env", context.env, given.type ?? "console"), context);
    return 0;
  }
  if (!context.stdin.isTTY || !context.stdout.isTTY) {
    throw new UsageError(
      `init asks questions, and this is no terminal: copy ${(await packaged("config.yaml.example")) ?? "config.yaml.example"} and edit it, or give all answers with --yes (misp-herald init --help)`,
    );
  }
  using asker = openPrompter(context);
  asker.say(
    `This makes ${file} from a few questions. Enter takes what is in [ ].\nNothing is written before the end; Ctrl-C leaves everything as it is.`,
  );
  if (
    !options.force &&
    (await exists(file)) &&
    !(await asker.confirm(`${file} exists. Replace it at the end?`, false))
  ) {
    throw new UsageError(`${file} stays as it is; -c names another file`, 1);
  }
  const answers = await untilStopped(asker, askAnswers(asker, given, listenMs));
  const { type } = answers.destination;
  const hasSecrets = formatDocument(file, answers, "file", form).secrets.length > 0;
  const keeping = hasSecrets ? await askKeeping(asker, file, system) : "plain";
  const document = formatDocument(file, answers, keeping, form);
  const taken: string[] = [];
  for (const { path } of document.secrets) {
    if (await exists(path)) {
      taken.push(path);
    }
  }
  if (taken.length > 0 && !options.force && !(await asker.confirm(`Replace ${taken.join(" and ")}?`, false))) {
    throw new UsageError("nothing was written", 1);
  }
  const env =
    keeping === "credential"
      ? { ...context.env, CREDENTIALS_DIRECTORY: join(dirname(file), SECRETS_FOLDER) }
      : context.env;
  const outcome = await finish(document, keeping, env, type);
  if (await asker.confirm(`Send one alert marked TEST to ${type} now?`, false)) {
    await sendTestCommand({ destination: type, config: file, json: false }, { ...context, env, signal: asker.signal });
  }
  tellNext(outcome, context);
  return 0;
}

/** Checks with the loader what would be on disk, and then writes it. */
async function write(
  file: string,
  { config, secrets }: Document,
  env: Context["env"],
  keeping: SecretStorage,
  gid: number | undefined,
): Promise<void> {
  const drafts = new Map([config, ...secrets].map(({ path, text }) => [path, text]));
  await loadConfig(file, {
    env,
    secrets: "required",
    async readFile(path) {
      return Buffer.from(drafts.get(path) ?? "");
    },
  });
  const shared = gid === undefined ? {} : { gid };
  // Credentials are read by systemd, which is root.
  await writeDrafts([
    ...secrets.map((secret) => ({ ...secret, ...(keeping === "file" && shared) })),
    { ...config, ...shared },
  ]);
}

async function askKeeping(asker: Prompter, file: string, system: boolean): Promise<SecretStorage> {
  const folder = join(dirname(file), SECRETS_FOLDER);
  asker.say("");
  return asker.choose<SecretStorage>(
    "Where are the secrets kept?",
    [
      { value: "file", text: `each in a file of its own, in ${folder}` },
      { value: "credential", text: "the same files, given to the service by systemd (LoadCredential=)" },
      { value: "plain", text: "in the configuration itself, in clear" },
    ],
    system ? "credential" : "file",
  );
}

/** What tests a connection rejects with the signal's reason; to the person it is all the same. */
async function untilStopped<T>(asker: Prompter, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (asker.signal.aborted && !(error instanceof UsageError)) {
      asker.say("");
      throw new UsageError(STOPPED, 1, { cause: error });
    }
    throw error;
  }
}

/** A file of this package; undefined: it is not there, as before the build. */
async function packaged(name: string): Promise<string | undefined> {
  const path = fileURLToPath(new URL(`../../../${name}`, import.meta.url));
  return (await exists(path)) ? path : undefined;
}

/** Told before the first question, not after the last. */
async function ensureWritable(file: string): Promise<void> {
  let folder = dirname(file);
  while (!(await exists(folder)) && folder !== dirname(folder)) {
    folder = dirname(folder);
  }
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new UsageError(
      `Cannot write ${file}: ${reasonOf(error)}; be root, or name another file: misp-herald init -c config.yaml`,
      1,
      { cause: error },
    );
  }
}
