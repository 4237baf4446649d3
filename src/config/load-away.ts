import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { getHeapStatistics } from "node:v8";
import { Worker } from "node:worker_threads";
import { inTurns } from "../base/in-turns.ts";
import { ConfigError } from "../base/problem.ts";
import type { Steps } from "../base/steps.ts";
import { RouteOptions } from "../routing/schema.ts";
import { type LoadedConfig, type LoadOptions, loadConfig, wholeFile } from "./load.ts";
import type { ReadConfig, ReadRequest } from "./reading.ts";
import { Config } from "./schema.ts";

/** A smaller file is read in less time than a thread takes to start. */
const QUICK_BYTES = 2 ** 16;
/** A smaller file takes no memory that matters. */
const SMALL_BYTES = 2 ** 23;
/** What a byte of the file takes while it is read, at most. */
const HEAP_PER_BYTE = 64;
const MIB = 2 ** 20;

/** Who reads a configuration: this process, or a thread of it. */
export interface ConfigReader {
  read(request: ReadRequest): Promise<ReadConfig>;
  /** The next of its routes; none: there are no more. */
  next(): Promise<readonly unknown[]>;
}

/**
 * Loads a config as `loadConfig` does, a large one in a thread of its own: what takes more memory than there is for it is refused
 * like anything else that is wrong with it, and while `isBusy` the loop is not held up.
 */
export async function loadAway(
  path: string,
  options: Pick<LoadOptions, "env" | "secrets" | "redactor">,
  isBusy: boolean,
): Promise<LoadedConfig> {
  // What is no file, or is not there, says so below.
  const bytes = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  if (bytes <= (isBusy ? QUICK_BYTES : SMALL_BYTES)) {
    return await loadConfig(path, options);
  }
  await using thread = openReader(path, bytes);
  return await takeConfig(path, options, thread);
}

/** What a reader makes of a config, put together in turns of the loop. */
export async function takeConfig(
  path: string,
  { env, secrets, redactor }: Pick<LoadOptions, "env" | "secrets" | "redactor">,
  reader: ConfigReader,
): Promise<LoadedConfig> {
  const read = await reader.read({ path, env, secrets });
  for (const secret of read.secrets) {
    redactor?.learn(secret);
  }
  if ("issues" in read) {
    throw new ConfigError(read.issues);
  }
  const head = Config.omit({ routes: true }).parse(read.head);
  const routes: RouteOptions[] = [];
  for (let more = await reader.next(); more.length > 0; more = await reader.next()) {
    await inTurns(parsing(more, routes));
  }
  return { config: { ...head, routes }, warnings: read.warnings, file: path, digest: read.digest };
}

/** The reader has found nothing wrong with them: what a schema makes of them is functions, which go from no thread to another. */
function* parsing(plain: readonly unknown[], into: RouteOptions[]): Steps<void> {
  for (const route of plain) {
    into.push(RouteOptions.parse(route));
    yield;
  }
}

function openReader(path: string, bytes: number): ConfigReader & AsyncDisposable {
  // It stands beside this file, as TypeScript or as JavaScript.
  const program = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);
  const mostMiB = (getHeapStatistics().heap_size_limit / MIB) * 0.75;
  const maxOldGenerationSizeMb = Math.ceil(Math.min(128 + (HEAP_PER_BYTE * bytes) / MIB, mostMiB));
  const worker = new Worker(program, {
    name: "config",
    // Most of what is made is kept until all has been read: collecting it often takes longer than reading.
    resourceLimits: { maxOldGenerationSizeMb, maxYoungGenerationSizeMb: 64 },
  });

  async function ask<T>(request: ReadRequest | "next"): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      const failed = (error: unknown) => {
        const isTooLarge = error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
        reject(isTooLarge ? new ConfigError([tooLarge(path, maxOldGenerationSizeMb)]) : error);
      };
      worker.removeAllListeners();
      worker.once("message", resolve);
      worker.once("error", failed);
      worker.once("exit", () => failed(new Error("The thread that reads the configuration ended")));
      worker.postMessage(request);
    });
  }

  return {
    read: (request) => ask(request),
    next: () => ask("next"),
    async [Symbol.asyncDispose]() {
      worker.removeAllListeners();
      await worker.terminate();
    },
  };
}

function tooLarge(path: string, mostMiB: number) {
  return wholeFile(
    path,
    `the file takes more memory to read than there is for it (${mostMiB} MiB)`,
    "give the process more memory, or put long lists of values into watch lists, which take less",
  );
}
