import type { QuietRules, QuietWindow } from "../model/pacing.ts";
import { instantOf, wallTimeOf, weekdayOf } from "./zone.ts";

const DAY_MINUTES = 1440;
/** Windows that follow one another without a gap; more of them are quiet for good, which the configuration refuses. */
const LONGEST_CHAIN = 16;

/** When quiet hours end that `at` is in; undefined: it is in none. */
export function quietUntil(rules: QuietRules, at: number): number | undefined {
  let until = at;
  for (let link = 0; link < LONGEST_CHAIN; link += 1) {
    const next = endOfWindow(rules, until);
    if (next === undefined) {
      break;
    }
    until = next;
  }
  return until > at ? until : undefined;
}

const MINUTE_MS = 60_000;

/** How much of a time was quiet, to the minute. */
export function quietMsBetween(rules: QuietRules, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; ) {
    const end = quietUntil(rules, at);
    sum += end === undefined ? 0 : Math.min(end, to) - at;
    at = end ?? at + MINUTE_MS;
  }
  return sum;
}

/** Whether there is a time at all that is not quiet. */
export function endsSometime({ windows }: Pick<QuietRules, "windows">): boolean {
  const week = new Uint8Array(7 * DAY_MINUTES);
  for (const { days, from, to } of windows) {
    for (const day of days) {
      const begin = day * DAY_MINUTES + from;
      const end = begin + (to > from ? to - from : to + DAY_MINUTES - from);
      for (let minute = begin; minute < end; minute += 1) {
        week[minute % week.length] = 1;
      }
    }
  }
  return week.includes(0);
}

/** The end of the window that lasts longest of those around `at`. */
function endOfWindow(rules: QuietRules, at: number): number | undefined {
  const { day } = wallTimeOf(at, rules.timezone);
  // Of yesterday's windows one may last into today.
  const around = [day - 1, day].flatMap((begins) => windowsOf(rules, begins));
  const ends = around.filter(({ from, to }) => from <= at && at < to).map(({ to }) => to);
  return ends.length > 0 ? Math.max(...ends) : undefined;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** What was worked out of some days: it is asked for each alert. */
const known = new WeakMap<QuietRules, Map<number, readonly Span[]>>();
const MAX_KNOWN = 8;

/** The windows that belong to a day. */
function windowsOf(rules: QuietRules, day: number): readonly Span[] {
  const days = known.get(rules) ?? new Map<number, readonly Span[]>();
  known.set(rules, days);
  const found = days.get(day);
  if (found) {
    return found;
  }
  const spans = rules.windows
    .filter((window) => window.days.includes(weekdayOf(day)))
    .map((window) => spanOf(window, day, rules.timezone));
  if (days.size >= MAX_KNOWN) {
    days.clear();
  }
  days.set(day, spans);
  return spans;
}

function spanOf({ from, to }: QuietWindow, day: number, timezone: string): Span {
  const end = to > from ? to : to + DAY_MINUTES;
  const last = { day: day + Math.floor(end / DAY_MINUTES), minutes: end % DAY_MINUTES };
  return { from: instantOf({ day, minutes: from }, timezone), to: instantOf(last, timezone) };
}
