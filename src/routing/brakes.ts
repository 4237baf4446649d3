import { isOfKind } from "./kinds.ts";
import type { Match, RouteOptions } from "./schema.ts";

/** Conditions that nearly every event of a pull or of a feed meets. */
const BROAD: ReadonlySet<keyof Match> = new Set<keyof Match>([
  ...(["kind", "instance", "change", "late", "distribution", "analysis", "not"] as const),
]);
/** What keeps a pull or a feed with a thousand old events from being told one by one. */
const BRAKES: ReadonlySet<keyof Match> = new Set<keyof Match>(["max_age", "max_event_age", "attributes", "origin"]);

/** The brakes that MISP's own mail alerts have, as conditions of a route. */
export const BRAKE_ADVICE =
  "match: { max_age: 30d } leaves out what was changed last before that, max_event_age goes by the date of the event, and not: { origin: [pulled, feed] } leaves out what was pulled; attributes: { min: 5 } and not: { tag: [...] } narrow it further";

/** Whether a route tells of nearly every publication, so that the first pull of a partner's events is a flood. */
export function lacksBrakes({ kinds, match }: Pick<RouteOptions, "kinds" | "match">): boolean {
  return isOfKind("event.published", kinds) && (match === undefined || match.some((map) => isBroad(map)));
}

function isBroad(match: Match): boolean {
  const { all = [], any, ...own } = match;
  const keys = Object.keys(own) as readonly (keyof Match)[];
  return (
    keys.every((key) => BROAD.has(key)) &&
    !hasBrake(match) &&
    all.every((map) => isBroad(map)) &&
    (any === undefined || any.some((map) => isBroad(map)))
  );
}

function hasBrake(match: Match): boolean {
  const { all = [], not = [] } = match;
  return (
    (Object.keys(match) as readonly (keyof Match)[]).some((key) => BRAKES.has(key)) || [...all, ...not].some(hasBrake)
  );
}
