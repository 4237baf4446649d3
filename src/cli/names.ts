import { parse } from "yaml";
import { z } from "zod";
import { Name } from "../base/schema.ts";
import { readBounded } from "../config/read.ts";

const MAX_BYTES = 1_048_576;
const Names = z.looseObject({ destinations: z.record(z.string(), z.unknown()) });

/** The names of the destinations, for completion: of a file that is wrong or unreadable, none. Reads no secret. */
export async function destinationNames(file: string): Promise<readonly string[]> {
  try {
    const bytes = await readBounded(file, MAX_BYTES);
    if (bytes.length > MAX_BYTES) {
      return [];
    }
    const { destinations } = Names.parse(parse(Buffer.from(bytes).toString("utf8"), { logLevel: "silent" }));
    // A shell reads them: nothing but what may be a name.
    return Object.keys(destinations).filter((name) => Name.safeParse(name).success);
  } catch {
    return [];
  }
}
