import { atOnce, type Steps } from "../base/steps.ts";
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

  /** What the first message would have to wait for: how to find those that matter to it. */
  *preparing(): Steps<void> {
    this.#index ??= yield* this.#making();
  }

  #making(): Steps<RouteIndex> {
    return RouteIndex.making(
      this.routes.map(({ options }) => options.match),
      this.watch,
    );
  }

  /** Those that may be true or unknown of a message, and maybe others, in file order. */
  candidates(subject: Matchable): readonly Route[] {
    // Whoever has not prepared for messages makes it when the first comes.
    this.#index ??= atOnce(this.#making());
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
  return atOnce(compilingRoutes(routes, watch));
}

/** The same in steps. Kinds that the same routes are about have one table. */
export function* compilingRoutes(routes: readonly RouteOptions[], watch: Watch = NO_WATCH): Steps<Routes> {
  const compiled: Route[] = [];
  for (const options of routes) {
    compiled.push({ name: options.name, options, ...compileMatch(options.match, watch) });
    yield;
  }
  const sets = new Map(routes.map(({ kinds }) => [kinds.join(" "), kinds]));
  const tables = new Map<string, RouteTable>();
  const byKind = new Map<Kind, RouteTable>();
  for (const kind of KINDS) {
    const asking = new Set([...sets].flatMap(([key, globs]) => (isOfKind(kind, globs) ? [key] : [])));
    const key = [...asking].join("\n");
    const table =
      tables.get(key) ??
      new RouteTable(
        compiled.filter(({ options }) => asking.has(options.kinds.join(" "))),
        watch,
      );
    tables.set(key, table);
    byKind.set(kind, table);
    yield;
  }
  return byKind;
}

/** Makes all that the first messages would have to wait for. */
export function* preparing(routes: Routes): Steps<void> {
  for (const table of new Set(routes.values())) {
    yield* table.preparing();
  }
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
