import type { Matchable, Truth } from "../model/message.ts";
import { KINDS, type Kind } from "../model/vocabulary.ts";
import { type CompiledMatch, compileMatch } from "./match.ts";
import { compileGlob } from "./pattern.ts";
import type { RouteOptions } from "./schema.ts";

/** A compiled rule. */
export interface Route extends CompiledMatch {
  readonly name: string;
  readonly options: RouteOptions;
}

/** The rules in file order, by the kinds that they are about. */
export type Routes = ReadonlyMap<Kind, readonly Route[]>;

/** Compiles the rules of a config; a route that has no kind in common with a message costs it nothing. */
export function compileRoutes(routes: readonly RouteOptions[]): Routes {
  const compiled = routes.map((options) => ({ name: options.name, options, ...compileMatch(options.match) }));
  return new Map(KINDS.map((kind) => [kind, compiled.filter(({ options }) => isOfKind(kind, options.kinds))]));
}

/** Every route that fires, or may fire once more is known, in file order. */
export function fire(
  routes: readonly Route[],
  subject: Matchable,
): readonly { route: Route; truth: true | "unknown" }[] {
  const fired: { route: Route; truth: true | "unknown" }[] = [];
  let reached: Truth = true;
  for (const route of routes) {
    const matches = and(route.matches(subject), route.options.otherwise ? nothingAbove(fired) : true);
    const truth = and(matches, reached);
    if (truth === false) {
      continue;
    }
    fired.push({ route, truth });
    if (!route.options.stop) {
      continue;
    }
    if (truth === true) {
      break;
    }
    reached = "unknown"; // whether the search has ended here is not known
  }
  return fired;
}

function nothingAbove(fired: readonly { readonly truth: true | "unknown" }[]): Truth {
  if (fired.some(({ truth }) => truth === true)) {
    return false;
  }
  return fired.length === 0 ? true : "unknown";
}

function and(a: Truth, b: Truth): Truth {
  if (a === false || b === false) {
    return false;
  }
  return a === "unknown" || b === "unknown" ? "unknown" : true;
}

/** Tells whether a kind is meant by one of these globs, in which `*` stands for anything. */
export function isOfKind(kind: Kind, globs: readonly string[]): boolean {
  return globs.some((glob) => compileGlob(glob)(kind));
}
