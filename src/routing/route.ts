import type { Matchable, Truth } from "../model/message.ts";
import { KINDS, type Kind } from "../model/vocabulary.ts";
import { asksOnlyOfEvent } from "./event-facts.ts";
import { isOfKind } from "./kinds.ts";
import { asksLists } from "./lists.ts";
import { type CompiledMatch, compileMatch } from "./match.ts";
import { RouteIndex } from "./route-index.ts";
import type { RouteOptions } from "./schema.ts";
import { NO_WATCH, type Watch } from "./watch.ts";
import { expressionsIn, mostText } from "./weight.ts";

/** A compiled rule. */
export interface Route extends CompiledMatch {
  readonly name: string;
  readonly options: RouteOptions;
}

/** The rules about one kind of message, in file order, and how to find those that matter to a message. */
export class RouteTable {
  readonly routes: readonly Route[];
  /** The watch lists that the rules ask. */
  readonly watch: Watch;
  readonly #byName: ReadonlyMap<string, Route>;
  #index: RouteIndex | undefined;
  #isAboutEvents: boolean | undefined;
  #expressions: ReturnType<typeof expressionsOf> | undefined;

  constructor(routes: readonly Route[], watch: Watch = NO_WATCH) {
    this.routes = routes;
    this.watch = watch;
    this.#byName = new Map(routes.map((route) => [route.name, route]));
  }

  named(name: string): Route | undefined {
    return this.#byName.get(name);
  }

  /** What matches nothing does so by its event alone. */
  get isAboutEvents(): boolean {
    this.#isAboutEvents ??= this.routes.every(({ options }) => asksOnlyOfEvent(options.match));
    return this.#isAboutEvents;
  }

  /** How many characters of attributes these can be asked about in one turn of the loop. */
  get mostText(): number {
    this.#expressions ??= expressionsOf(this.routes.map(({ options }) => options.match));
    const { own, asksLists } = this.#expressions;
    // Lists may have become others.
    return mostText(own + (asksLists ? this.watch.expressions : 0));
  }

  /** Those that may be true or unknown of a message, and maybe others, in file order. */
  candidates(subject: Matchable): readonly Route[] {
    // Made when the first message of the kind comes: many kinds never do.
    this.#index ??= new RouteIndex(
      this.routes.map(({ options }) => options.match),
      this.watch,
    );
    return this.#index.candidates(subject).flatMap((place) => this.routes[place] ?? []);
  }
}

function expressionsOf(matches: readonly RouteOptions["match"][]) {
  return { own: expressionsIn(matches), asksLists: asksLists(matches.flatMap((match) => match ?? [])) };
}

/** The rules, by the kinds that they are about. */
export type Routes = ReadonlyMap<Kind, RouteTable>;

/** Compiles the rules of a config; a route that has no kind in common with a message costs it nothing. */
export function compileRoutes(routes: readonly RouteOptions[], watch: Watch = NO_WATCH): Routes {
  const compiled = routes.map((options) => ({ name: options.name, options, ...compileMatch(options.match, watch) }));
  return new Map(
    KINDS.map((kind) => [
      kind,
      new RouteTable(
        compiled.filter(({ options }) => isOfKind(kind, options.kinds)),
        watch,
      ),
    ]),
  );
}

/** Every route that fires, or may fire once more is known, in file order. */
export function fire(
  table: Pick<RouteTable, "candidates"> | undefined,
  subject: Matchable,
): readonly { route: Route; truth: true | "unknown" }[] {
  const fired: { route: Route; truth: true | "unknown" }[] = [];
  let reached: Truth = true;
  for (const route of table?.candidates(subject) ?? []) {
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
