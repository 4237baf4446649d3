import { ConfigError, type Problem } from "../base/problem.ts";
import { Redactor } from "../base/redact.ts";
import { examineConfig, type LoadOptions } from "./load.ts";
import { childOf, type Node, plainOf } from "./tree.ts";

/** A configuration that is read away from the main loop: where it stands, and where its values come from. */
export interface ReadRequest extends Pick<LoadOptions, "env" | "secrets"> {
  readonly path: string;
}

/** What became of it. `secrets` are all that were learned. */
export type ReadConfig = { readonly secrets: readonly string[] } & (
  | { readonly issues: readonly Problem[] }
  | { readonly head: unknown; readonly warnings: readonly Problem[]; readonly digest: string }
);

/** So many bytes of the file are handed over at once. */
const SLICE_BYTES = 2 ** 15;

/** Learns secrets to pass them on. */
class Learned extends Redactor {
  readonly secrets: string[] = [];

  override learn(secret: string): void {
    this.secrets.push(secret);
  }
}

/** Reads a configuration and checks all of it; what is good is handed over as plain data, its routes in slices. */
export class ConfigReading {
  #routes: readonly Node[] = [];

  async read({ path, env, secrets }: ReadRequest): Promise<ReadConfig> {
    const learned = new Learned();
    try {
      const { root, warnings, digest } = await examineConfig(path, { env, secrets, redactor: learned });
      const routes = childOf(root, "routes");
      this.#routes = routes?.kind === "list" ? routes.items : [];
      const head = plainOf({ ...root, entries: new Map([...root.entries].filter(([key]) => key !== "routes")) });
      return { secrets: learned.secrets, head, warnings, digest };
    } catch (error) {
      if (error instanceof ConfigError) {
        return { secrets: learned.secrets, issues: error.issues };
      }
      throw error;
    }
  }

  /** The next of its routes; none: there are no more. */
  next(): readonly unknown[] {
    let bytes = 0;
    let count = 0;
    for (const { at, end } of this.#routes) {
      if (bytes >= SLICE_BYTES) {
        break;
      }
      bytes += end - at;
      count += 1;
    }
    const slice = this.#routes.slice(0, count).map(plainOf);
    this.#routes = this.#routes.slice(count);
    return slice;
  }
}
