const DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s?(Z|UTC|[+-]\d{2}:?\d{2})?$/i;
/** No date is longer: a text from MISP may have a megabyte. */
const MAX_LENGTH = 40;

/** The instant that a date means as MISP and people write it, with or without a time, by UTC where it names no zone; undefined for what is none. */
export function dateOf(text: string): number | undefined {
  const [, day, time, seconds, fraction, zone] = text.length <= MAX_LENGTH ? (DATE.exec(text.trim()) ?? []) : [];
  if (day === undefined) {
    return undefined;
  }
  const offset = zone === undefined || /^(z|utc)$/i.test(zone) ? "Z" : zone.replace(/(\d{2}):?(\d{2})$/, "$1:$2");
  const milliseconds = (fraction ?? "").slice(0, 3).padEnd(3, "0");
  const at = Date.parse(`${day}T${time ?? "00:00"}:${seconds ?? "00"}.${milliseconds}${offset}`);
  return Number.isNaN(at) ? undefined : at;
}
