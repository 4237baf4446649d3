const formats = new Map<string, Intl.DateTimeFormat>();

/** What the clocks of a time zone show. */
export interface WallTime {
  /** Days since 1 January 1970. */
  readonly day: number;
  readonly minutes: number;
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** What the clocks of `timezone` show at an instant, to the minute. */
export function wallTimeOf(at: number, timezone: string): WallTime {
  const local = at + offsetOf(at, timezone);
  const day = Math.floor(local / DAY_MS);
  return { day, minutes: Math.floor((local - day * DAY_MS) / MINUTE_MS) };
}

/** 0 is Sunday. */
export function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}

/**
 * When clocks of `timezone` show this; of two such instants the first, and where they skip it the one at which they go on.
 */
export function instantOf({ day, minutes }: WallTime, timezone: string): number {
  for (let skipped = 0; skipped <= LONGEST_SKIP; skipped += 1) {
    const local = day * DAY_MS + (minutes + skipped) * MINUTE_MS;
    const offsets = [offsetOf(local - DAY_MS, timezone), offsetOf(local + DAY_MS, timezone)];
    const found = offsets.map((offset) => local - offset).filter((at) => at + offsetOf(at, timezone) === local);
    if (found.length > 0) {
      return Math.min(...found);
    }
  }
  throw new Error("A time zone has no such day");
}

/** Samoa once skipped a whole day. */
const LONGEST_SKIP = 1500;

/** What is added to an instant for what the clocks show. */
function offsetOf(at: number, timezone: string): number {
  let format = formats.get(timezone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-u-hc-h23", {
      timeZone: timezone,
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(timezone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(at)) {
    part[type] = Number(value);
  }
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}
