import { quoted, warning } from "../../config/tree.ts";
import { KINDS, type Kind } from "../../model/vocabulary.ts";
import { isOfKind } from "../../routing/kinds.ts";
import type { Match, RouteOptions } from "../../routing/schema.ts";
import type { Linted } from "./linted.ts";
import { routeSpot } from "./spots.ts";

/** A route as far as it is compared with others; each condition is one text. */
interface Compared {
  readonly route: RouteOptions;
  readonly kinds: ReadonlySet<Kind>;
  readonly maps: readonly (readonly string[])[];
}

/** Routes that do nothing beside one above them: what that one leaves is not theirs, or it does the same. */
export function checkRepeats({ root, config: { routes }, report }: Linted): void {
  const above = new Above();
  const firsts = new Map<string, string>();
  for (const [index, route] of routes.entries()) {
    const compared = comparedOf(route);
    const taking = above.taking(compared);
    const same = firsts.get(identity(compared));
    if (taking) {
      const name = quoted(taking.name);
      const why = taking.stop
        ? `${name} above takes all that it asks for, and stops the search`
        : `it is for what no route above takes, and ${name} takes all that it asks for`;
      report(
        warning(
          routeSpot(root, index),
          `no message ever reaches this route: ${why}`,
          `move it above ${name}, or remove it`,
        ),
      );
    } else if (same !== undefined) {
      const message = `this route asks and tells the same as ${quoted(same)}: whoever both tell is told once`;
      const hint = "remove one of them; what they say of groups, mentions and priority goes into the one that stays";
      report(warning(routeSpot(root, index), message, hint));
    }
    if (same === undefined) {
      firsts.set(identity(compared), route.name);
    }
    above.add(compared);
  }
}

function comparedOf(route: RouteOptions): Compared {
  const kinds = new Set(KINDS.filter((kind) => isOfKind(kind, route.kinds)));
  return { route, kinds, maps: (route.match ?? []).map(conditionsOf) };
}

function conditionsOf(map: Match): readonly string[] {
  return Object.entries(map)
    .map(([key, value]) => `${key} ${JSON.stringify(value)}`)
    .sort();
}

/** The same conditions in another order are the same. */
function identity({ route: { match, otherwise, notify }, kinds, maps }: Compared): string {
  return JSON.stringify([[...kinds], match ? maps : null, otherwise ?? false, notify.map(({ to }) => to).sort()]);
}

/** The routes above one, by what they ask: there may be ten thousand. */
class Above {
  /** By the longest condition of one of its maps, which few others have. */
  readonly #byCondition = new Map<string, Compared[]>();

  add(compared: Compared): void {
    // Without match it is the loader that tells; one that waits for what is left takes what nobody knows.
    if (compared.route.otherwise) {
      return;
    }
    for (const conditions of compared.maps) {
      const longest = conditions.reduce((a, b) => (b.length > a.length ? b : a), "");
      const known = this.#byCondition.get(longest);
      if (known) {
        known.push(compared);
      } else {
        this.#byCondition.set(longest, [compared]);
      }
    }
  }

  /** One that takes all that a route is about, so that nothing is left for it. */
  taking(compared: Compared): RouteOptions | undefined {
    const [first = []] = compared.maps;
    for (const condition of first) {
      for (const one of this.#byCondition.get(condition) ?? []) {
        if (takes(one, compared)) {
          return one.route;
        }
      }
    }
    return undefined;
  }
}

function takes(above: Compared, { route, kinds, maps }: Compared): boolean {
  return (
    (above.route.stop || route.otherwise === true) &&
    kinds.size > 0 &&
    [...kinds].every((kind) => above.kinds.has(kind)) &&
    maps.every((map) => above.maps.some((wider) => wider.every((condition) => map.includes(condition))))
  );
}
