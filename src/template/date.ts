import { formatInstant } from "../alert/style.ts";

const DIRECTIVE = /%(.)/gu;

/**
 * An instant of a view in a time zone, as `2026-11-20 14:02 UTC` or by `format`, which knows %Y %m %d %H %M %S %Z %%. Throws
 * for other directives; what is no instant gives no text.
 */
export function formatDate(value: unknown, format: string | undefined, timeZone: string): string {
  const at = typeof value === "string" ? Date.parse(value) : typeof value === "number" ? value : Number.NaN;
  const standard = formatInstant(at, { timeZone });
  if (standard === undefined || format === undefined) {
    return standard ?? "";
  }
  const [, year = "", month = "", day = "", hour = "", minute = "", zone = ""] =
    /^(\d+)-(\d+)-(\d+) (\d+):(\d+) (.*)$/.exec(standard) ?? [];
  const second = String(Math.floor((((at % 60_000) + 60_000) % 60_000) / 1000)).padStart(2, "0");
  const parts: Readonly<Record<string, string>> = {
    Y: year,
    m: month,
    d: day,
    H: hour,
    M: minute,
    S: second,
    Z: zone,
    "%": "%",
  };
  return format.replace(DIRECTIVE, (whole, name: string) => {
    if (!Object.hasOwn(parts, name)) {
      throw new UnknownDirective(whole);
    }
    return parts[name] ?? "";
  });
}

/** A date format has something in it that `date` does not know. */
export class UnknownDirective extends Error {
  override readonly name = "UnknownDirective";
}
