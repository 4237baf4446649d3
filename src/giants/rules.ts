import type { Silence } from "../model/silence.ts";
import type { PaceRules } from "../planning/pace.ts";
import type { Rules } from "../planning/plan.ts";
import type { DestinationRules } from "../planning/share.ts";
import { compileMatch } from "../routing/match.ts";
import { compileRoutes } from "../routing/route.ts";
import type { RouteOptions } from "../routing/schema.ts";
import { compileSilence } from "../routing/silence.ts";
import { NO_WATCH, type PlainTable, type Watch, WatchTable } from "../routing/watch.ts";

/** Rules about publications as they go from one thread to another, which no function can. */
export interface PlainRules {
  readonly routes: readonly RouteOptions[];
  readonly destinations: readonly (readonly [name: string, rules: DestinationRules])[];
  readonly asks: readonly string[];
  readonly silences: readonly Silence[];
  /** In memory that threads share. */
  readonly watch?: PlainTable;
}

// What is left once everything has been named is nothing: a rule that is new does not compile until it is carried over, too.

/** What a thread needs to plan a publication by these rules; whether it is to be confirmed first was decided before, and sightings are no matter of it. */
export function plainRules({
  routes,
  destinations,
  asks,
  silences,
  watch,
  counts,
  confirms: _,
  ...none
}: Rules): PlainRules {
  none satisfies Nothing;
  return {
    routes: (routes.get("event.published")?.routes ?? []).map(({ options }) => options),
    destinations: [...destinations].map(([name, rules]) => [name, plainDestination(rules)]),
    asks: [...(asks ?? [])],
    silences: (silences ?? []).map(({ silence }) => silence),
    ...(watch?.plain && { watch: watch.plain }),
  };
}

/** The same rules again. */
export function rulesOf({ routes, destinations, asks, silences, watch: table, ...none }: PlainRules): Rules {
  none satisfies Nothing;
  const watch = table ? new WatchTable(table) : NO_WATCH;
  return {
    routes: compileRoutes(routes, watch),
    destinations: new Map(destinations.map(([name, rules]) => [name, compiledDestination(rules, watch)])),
    asks: new Set(asks),
    silences: silences.map(compileSilence),
    watch,
  };
}

type Nothing = { readonly [K in PropertyKey]: never };

/** What of a destination planning asks; a configuration has more, of which functions and secrets go nowhere. */
function plainDestination({ guard, repeats, program, pace, withdraw }: DestinationRules): DestinationRules {
  const plain: Carried<DestinationRules> = { guard, repeats, program, withdraw, pace: pace && plainPace(pace) };
  return defined(plain);
}

function plainPace({ flood, quiet, timezone, drops, except }: PaceRules): PaceRules {
  const plain: Carried<Omit<PaceRules, "excepts">> = { flood, quiet, timezone, drops, except };
  return defined(plain);
}

function compiledDestination({ pace, ...rules }: DestinationRules, watch: Watch): DestinationRules {
  if (!pace) {
    return rules;
  }
  return { ...rules, pace: { ...pace, ...(pace.except && { excepts: compileMatch(pace.except, watch).matches }) } };
}

/** Every key, whether there is something or not. */
type Carried<T> = { readonly [K in keyof Required<T>]: T[K] | undefined };

function defined<T extends object>(all: Carried<T>): T {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as T;
}
