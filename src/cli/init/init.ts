import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../config/load.ts";
import { reasonOf } from "../../config/read.ts";
import { UsageError } from "../../errors.ts";
import { type Context, print } from "../context.ts";
import { DEFAULT_CONFIG } from "../reach.ts";
import { sendTestCommand } from "../send-test.ts";
import { type Asker, openAsker, STOPPED } from "./ask.ts";
import { type Draft, formatDocument, type Keeping, SECRETS_FOLDER } from "./document.ts";
import { askAnswers, type Given } from "./questions.ts";
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

/** `misp-herald init`: asks, tests, and writes a configuration; nothing is written before the last question but one. */
export async function initCommand(options: InitOptions, context: Context, listenMs = LISTEN_MS): Promise<0 | 1> {
  const file = resolve(options.config);
  const given = { ...options, endpoints: options.endpoint };
  await ensureWritable(file);
  if (options.yes) {
    if (!options.force && (await exists(file))) throw new UsageError(`${file} exists; --force replaces it`, 1);
    await write(
      file,
      formatDocument(file, unattended(given, context.env), "env", await packaged("config.schema.json")),
      context.env,
    );
    tellNext(file, given.type ?? "console", "env", [], context);
    return 0;
  }
  if (!context.stdin.isTTY || !context.stdout.isTTY) {
    throw new UsageError(
      `init asks questions, and this is no terminal: copy ${(await packaged("config.yaml.example")) ?? "config.yaml.example"} and edit it, or give all answers with --yes (misp-herald init --help)`,
    );
  }
  using asker = openAsker(context);
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
  const schema = await packaged("config.schema.json");
  const hasSecrets = formatDocument(file, answers, "file", schema).secrets.length > 0;
  const keeping = hasSecrets ? await askKeeping(asker, file) : "plain";
  const document = formatDocument(file, answers, keeping, schema);
  const taken: string[] = [];
  for (const { path } of document.secrets) if (await exists(path)) taken.push(path);
  if (taken.length > 0 && !options.force && !(await asker.confirm(`Replace ${taken.join(" and ")}?`, false))) {
    throw new UsageError("nothing was written", 1);
  }
  const env =
    keeping === "credential"
      ? { ...context.env, CREDENTIALS_DIRECTORY: join(dirname(file), SECRETS_FOLDER) }
      : context.env;
  await write(file, document, env);
  for (const { path } of [...document.secrets, document.config]) asker.say(`Written: ${path} (only you may read it)`);
  asker.say("The configuration is valid.\n");
  const { type } = answers.destination;
  if (await asker.confirm(`Send one alert marked TEST to ${type} now?`, false)) {
    await sendTestCommand({ destination: type, config: file, json: false }, { ...context, env, signal: asker.signal });
  }
  tellNext(file, type, keeping, document.secrets, context);
  return 0;
}

/** Checks with the loader what would be on disk, and then writes it. */
async function write(
  file: string,
  { config, secrets }: { readonly config: Draft; readonly secrets: readonly Draft[] },
  env: Context["env"],
): Promise<void> {
  const drafts = new Map([config, ...secrets].map(({ path, text }) => [path, text]));
  await loadConfig(file, {
    env,
    secrets: "required",
    async readFile(path) {
      return Buffer.from(drafts.get(path) ?? "");
    },
  });
  await writeDrafts([...secrets, config]);
}

async function askKeeping(asker: Asker, file: string): Promise<Keeping> {
  const folder = join(dirname(file), SECRETS_FOLDER);
  asker.say("");
  return asker.choose<Keeping>(
    "Where are the secrets kept?",
    [
      { value: "file", text: `each in a file of its own that only you may read, in ${folder}` },
      { value: "credential", text: "the same files, given to the service by systemd (LoadCredential=)" },
      { value: "plain", text: "in the configuration itself, in clear" },
    ],
    file.startsWith(`${dirname(DEFAULT_CONFIG)}/`) ? "credential" : "file",
  );
}

/** What tests a connection rejects with the signal's reason; to the person it is all the same. */
async function untilStopped<T>(asker: Asker, work: Promise<T>): Promise<T> {
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

function tellNext(file: string, name: string, keeping: Keeping, secrets: readonly Draft[], { stdout }: Context): void {
  const shown = /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
  const config = file === DEFAULT_CONFIG ? "" : ` -c ${shown}`;
  const folder = join(dirname(file), SECRETS_FOLDER);
  const prefix = keeping === "credential" ? `CREDENTIALS_DIRECTORY=${folder} ` : "";
  print(
    stdout,
    [
      "",
      "Next:",
      `  misp-herald check${config}`,
      `  ${prefix}misp-herald send-test ${name}${config}`,
      `  ${prefix}misp-herald run${config}`,
      "As a service: systemd/misp-herald.service of this package.",
      ...(keeping === "credential"
        ? [
            "  In its [Service]:",
            ...secrets.map(({ path }) => `    LoadCredential=${path.slice(folder.length + 1)}:${path}`),
            `  It runs as a user of its own, who must be able to read the configuration (no secret is in it):`,
            `    chmod 644 ${shown}`,
          ]
        : ["  It runs as a user of its own, who must be able to read the configuration and what it names."]),
    ].join("\n"),
  );
}

/** A file of this package; undefined: it is not there, as before the build. */
async function packaged(name: string): Promise<string | undefined> {
  const path = fileURLToPath(new URL(`../../../${name}`, import.meta.url));
  return (await exists(path)) ? path : undefined;
}

/** Told before the first question, not after the last. */
async function ensureWritable(file: string): Promise<void> {
  let folder = dirname(file);
  while (!(await exists(folder)) && folder !== dirname(folder)) folder = dirname(folder);
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
