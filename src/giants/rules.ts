import type { Silence } from "../model/silence.ts";
import type { Rules } from "../planning/plan.ts";
import type { DestinationRules } from "../planning/share.ts";
import { compileMatch } from "../routing/match.ts";
import { compileRoutes } from "../routing/route.ts";
import type { RouteOptions } from "../routing/schema.ts";
import { compileSilence } from "../routing/silence.ts";

/** Rules about publications as they go from one thread to another, which no function can. */
export interface PlainRules {
  readonly routes: readonly RouteOptions[];
  readonly destinations: readonly (readonly [name: string, rules: DestinationRules])[];
  readonly asks: readonly string[];
  readonly silences: readonly Silence[];
}

/** What a thread needs to plan a publication by these rules. */
export function plainRules({ routes, destinations, asks = new Set(), silences = [] }: Rules): PlainRules {
  return {
    routes: (routes.get("event.published")?.routes ?? []).map(({ options }) => options),
    destinations: [...destinations].map(([name, rules]) => [name, plainDestination(rules)]),
    asks: [...asks],
    silences: silences.map(({ silence }) => silence),
  };
}

/** The same rules again. */
export function rulesOf({ routes, destinations, asks, silences }: PlainRules): Rules {
  return {
    routes: compileRoutes(routes),
    destinations: new Map(destinations.map(([name, rules]) => [name, compiledDestination(rules)])),
    asks: new Set(asks),
    silences: silences.map(compileSilence),
  };
}

function plainDestination({ guard, repeats, program = false, pace }: DestinationRules): DestinationRules {
  const { excepts: _, ...plain } = pace ?? {};
  return { guard, repeats, program, ...(pace && { pace: { ...plain, timezone: pace.timezone } }) };
}

function compiledDestination({ pace, ...rules }: DestinationRules): DestinationRules {
  if (!pace) {
    return rules;
  }
  return { ...rules, pace: { ...pace, ...(pace.except && { excepts: compileMatch(pace.except).matches }) } };
}
