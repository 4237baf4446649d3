import type { Flood, FloodClass, FloodNote, FloodRules, Floods } from "../model/pacing.ts";

/** Nothing came yet. */
export const NO_FLOODS: Floods = { openings: [], on: {} };

/** A group that becomes due is looked at beside those of so long before. */
const HOUR_MS = 3_600_000;
/** What comes evenly over an hour may be so many times what may come at once. */
const HOURLY = 3;
/** Readers hear soon that a flood is on; what is urgent leaves as often. */
const SOON_MS = 60_000;
/** More causes at a time than these are no causes of their own. */
const MAX_CAUSES = 3;

type Opening = Floods["openings"][number];

/** What came too fast, if `opening` is one group too many; else the group is only counted. */
export function count(
  floods: Floods,
  rules: FloodRules,
  opening: Opening,
): { readonly floods: Floods; readonly flooded?: FloodClass } {
  const recent = floods.openings.filter(({ at }) => at > opening.at - HOUR_MS);
  const openings = [...recent, opening];
  const beside = openings.filter((one) => poolOf(one.class) === poolOf(opening.class) && one.at <= opening.at);
  const sudden = beside.filter(({ at }) => at > opening.at - rules.withinMs);
  const isBurst = sudden.length > rules.over;
  if (!isBurst && beside.length <= HOURLY * rules.over) {
    return { floods: { ...floods, openings } };
  }
  const flooded = culpritOf(isBurst ? sudden : beside, floods);
  const flood: Flood = {
    ...{ over: rules.over, withinMs: rules.withinMs },
    everyMs: flooded === "high" ? SOON_MS : rules.everyMs,
    since: opening.at,
    reason: isBurst ? "burst" : "hour",
    digests: 0,
    nextAt: opening.at + Math.min(SOON_MS, rules.everyMs),
  };
  const on = { ...floods.on, [flooded]: flood };
  // Those that belong to the flood have had their say: others are not held for them.
  const rest = openings.filter((one) => !isOf(one, flooded));
  return { floods: { openings: rest, on }, flooded };
}

/** Which flood that is on a group of this class belongs to; undefined: none. */
export function floodOf({ on }: Floods, of: FloodClass): FloodClass | undefined {
  if (on[of]) {
    return of;
  }
  return poolOf(of) === "rest" && on.rest ? "rest" : undefined;
}

/** A digest of a flood leaves, which tells of so many subjects; `isWhole`: nothing is left for the next one. */
export function leave(
  floods: Floods,
  flooded: FloodClass,
  { subjects, isWhole, now }: { readonly subjects: number; readonly isWhole: boolean; readonly now: number },
): { readonly floods: Floods; readonly note?: FloodNote; readonly dueAt: number | null } {
  const flood: Flood | undefined = floods.on[flooded];
  if (flood === undefined) {
    return { floods, dueAt: isWhole ? null : now + SOON_MS };
  }
  const { since, reason, over, withinMs, everyMs } = flood;
  const begins = flood.digests === 0;
  // The first one leaves so soon that it says nothing of how fast they come.
  const ends = isWhole && subjects < over && (!begins || everyMs <= SOON_MS);
  const common = { class: flooded, reason, since, over, withinMs, everyMs, begins, ends };
  if (ends) {
    const { [flooded]: _, ...on } = floods.on;
    return {
      floods: { openings: floods.openings.filter((one) => !isOf(one, flooded)), on },
      note: common,
      dueAt: null,
    };
  }
  const nextAt = now + (isWhole ? everyMs : Math.min(SOON_MS, everyMs));
  const next: Flood = { ...flood, digests: flood.digests + 1, nextAt };
  return { floods: { ...floods, on: { ...floods.on, [flooded]: next } }, note: { ...common, nextAt }, dueAt: nextAt };
}

/** The clock was set back by so much. */
export function setBack({ openings, on }: Floods, by: number): Floods {
  const moved = Object.entries(on).flatMap(([name, flood]) =>
    flood ? [[name, { ...flood, since: flood.since - by, nextAt: flood.nextAt - by }]] : [],
  );
  return { openings: openings.map((one) => ({ ...one, at: one.at - by })), on: Object.fromEntries(moved) };
}

/** The cause that most of them have, or else all of them. */
function culpritOf(openings: readonly Opening[], { on }: Floods): FloodClass {
  const pool = poolOf(openings[0]?.class ?? "rest");
  if (pool !== "rest") {
    return pool;
  }
  const counts = new Map<FloodClass, number>();
  for (const { class: of } of openings) {
    counts.set(of, (counts.get(of) ?? 0) + 1);
  }
  const [first] = [...counts].filter(([of]) => isCause(of)).sort(([, a], [, b]) => b - a);
  const causes = Object.keys(on).filter((name) => name.startsWith("cause:"));
  return first && first[1] * 2 > openings.length && causes.length < MAX_CAUSES ? first[0] : "rest";
}

function isCause(of: FloodClass): boolean {
  return of.startsWith("cause:");
}

function poolOf(of: FloodClass): "high" | "excepted" | "rest" {
  return of === "high" || of === "excepted" ? of : "rest";
}

function isOf(one: Opening, flooded: FloodClass): boolean {
  return flooded === "rest" ? poolOf(one.class) === "rest" : one.class === flooded;
}
