import { z } from "zod";
import { UsageError } from "../base/errors.ts";
import { reasonOf } from "../base/file-reason.ts";
import { ConfigError } from "../base/problem.ts";
import { loadYaml } from "../config/load.ts";
import { decodeUtf8, readBounded } from "../config/read.ts";
import type { ControlTarget } from "../doors/socket/client.ts";
import { DEFAULT_SOCKET } from "../doors/socket/socket.ts";
import type { Context } from "./context.ts";

/** The configuration that every command uses unless it is told another. */
export const DEFAULT_CONFIG = "/etc/misp-herald/config.yaml";

/** What every command that talks to the daemon has. */
export interface ReachOptions {
  readonly config: string;
  readonly control?: string;
  readonly json: boolean;
}

const MAX_BYTES = 1_048_576;

/** All that matters here: what else is in the file may be wrong, or a secret, while the daemon runs on. */
const Reach = z.looseObject({ control: z.string().min(1).optional() });

/** Where the daemon is: `--control`, or what the configuration says. */
export async function reach({ config, control }: ReachOptions, { env, signal }: Context): Promise<ControlTarget> {
  return { path: control ?? (await configured(config, env)) ?? DEFAULT_SOCKET, signal };
}

async function configured(file: string, env: Context["env"]): Promise<string | undefined> {
  const bytes = await readBounded(file, MAX_BYTES).catch((error: unknown) => {
    // Who may talk to the daemon need not be able to read its configuration.
    if (file === DEFAULT_CONFIG) {
      return undefined;
    }
    throw new UsageError(`Cannot read ${file}: ${reasonOf(error)}; or name the socket itself with --control`, 1);
  });
  if (!bytes) {
    return undefined;
  }
  const text = bytes.length > MAX_BYTES ? undefined : decodeUtf8(bytes);
  if (text === undefined) {
    throw new UsageError(`${file} is not a configuration; name the socket with --control`, 1);
  }
  try {
    const { value } = await loadYaml(text, file, Reach, { env, secrets: "optional" });
    return value.control;
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      throw error;
    }
    // Whoever breaks the file still has to reach the service, which says what is wrong with it.
    return /^control:[ \t]+["']?([^\s"'#$]+)["']?[ \t]*(?:#.*)?$/m.exec(text)?.[1];
  }
}
