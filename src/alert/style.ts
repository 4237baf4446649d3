import { defangText, defangValue } from "./defang.ts";
import type { CleanText } from "./text.ts";

/** How the readers of one destination want text: the zone of instants, and whether what MISP wrote is made inert. */
export interface Style {
  readonly timeZone: string;
  readonly defang: boolean;
}

/** Free text as the style wants it. */
export function inert(text: CleanText, { defang }: Style): CleanText {
  return defang ? defangText(text) : text;
}

/** The value of an attribute of MISP type `type` as the style wants it. */
export function inertValue(type: string, value: CleanText, { defang }: Style): CleanText {
  return defang ? defangValue(type, value) : value;
}
