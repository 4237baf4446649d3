import type { Values } from "../alert/json.ts";
import type { Format } from "./format.ts";
import { json } from "./json.ts";
import { misp } from "./misp.ts";
import { stix } from "./stix/bundle.ts";

/** All formats for programs, by their names in the configuration. */
export const FORMATS = { json, stix, misp } as const satisfies Record<string, Format>;

/** Names that `format:` of a destination may have. */
export const FORMAT_NAMES = ["json", "stix", "misp"] as const satisfies readonly (keyof typeof FORMATS)[];

/** Why a format does not go with how values are wanted; undefined: it does. */
export function valuesProblem(format: keyof typeof FORMATS, values: Values) {
  return FORMATS[format].needsValues && values !== "raw"
    ? { option: "include_values", message: `must be raw where format is ${format}: an indicator is its value` }
    : undefined;
}
