import { UsageError } from "../base/errors.ts";
import type { Config } from "../config/schema.ts";

/** The instance that frames count as of: the one that is named, or else the first; throws UsageError for one that there is not. */
export function chosenInstance(named: string | undefined, { misp }: Pick<Config, "misp">): string {
  const names = Object.keys(misp);
  if (named !== undefined && !names.includes(named)) {
    throw new UsageError(`There is no instance "${named}"; there are ${names.join(", ")}`);
  }
  return named ?? names[0] ?? "";
}
