import { defangText, defangValue } from "./defang.ts";
import { type CleanText, clean, truncate } from "./text.ts";

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

/** Free text from MISP for people: clean, as inert as the style wants it, of a length that fits on a page. */
export function prose(text: string, style: Style, maxGraphemes: number = 300): CleanText {
  return truncate(inert(clean(text, maxGraphemes * 4), style), maxGraphemes);
}

/** `2026-11-20 14:02 UTC`; undefined for what is no instant, since MISP's numbers are not checked. */
export function formatInstant(at: number, { timeZone }: Pick<Style, "timeZone">): CleanText | undefined {
  if (!Number.isFinite(at) || Math.abs(at) > 8.64e15) {
    return undefined;
  }
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "short",
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((candidate) => candidate.type === type)?.value ?? "";
  return clean(
    `${part("year")}-${part("month")}-${part("day")} ${part("hour")}:${part("minute")} ${part("timeZoneName")}`,
  );
}
