import { quoted, warning } from "../../config/tree.ts";
import { KINDS, type Kind } from "../../model/vocabulary.ts";
import { isOfKind } from "../../routing/kinds.ts";
import type { Match, RouteOptions } from "../../routing/schema.ts";
import { type AskedFact, askedBy, type Knowledge, knowledgeOf } from "./knowledge.ts";
import type { Linted } from "./linted.ts";
import { spotOf } from "./spots.ts";

/** Kinds of which a route is never true, since they have nothing of what it asks for. */
export function checkKinds({ root, config, report }: Linted): void {
  for (const [index, route] of config.routes.entries()) {
    for (const [place, glob] of route.kinds.entries()) {
      const kinds = KINDS.filter((kind) => isOfKind(kind, [glob]));
      const lacks = kinds.map((kind) => lackOf(route, kind));
      const [lack] = lacks;
      if (lack === undefined || lacks.includes(undefined)) {
        continue;
      }
      const hint =
        route.kinds.length > 1
          ? "remove the kind, or give it a route of its own"
          : `give the route kinds that have it, such as event.published, or another match`;
      const message = `route ${quoted(route.name)} is never true of ${quoted(glob)}, which has no ${lack}`;
      report(warning(spotOf(root, ["routes", index, "kinds", place]), message, hint));
    }
  }
}

/** The kinds of which a route may be true. */
export function aliveKinds(route: RouteOptions): readonly Kind[] {
  return KINDS.filter((kind) => isOfKind(kind, route.kinds) && lackOf(route, kind) === undefined);
}

/** What each alternative of a route asks of a kind that has no such thing; undefined: one may be true. */
function lackOf({ match }: { readonly match?: readonly Match[] | undefined }, kind: Kind): string | undefined {
  if (match === undefined) {
    return undefined;
  }
  const lacks = match.map((map) => lackIn(map, kind));
  return lacks.includes(undefined) ? undefined : lacks[0];
}

function lackIn(map: Match, kind: Kind): string | undefined {
  const lacking = askedBy(map).find((asked) => knowledgeOf(kind, asked) === "absent");
  if (lacking !== undefined) {
    return nameOf(lacking);
  }
  if (map.attribute && knowledgeOf(kind, "attribute.value") === "absent") {
    return "attributes";
  }
  const all = (map.all ?? []).map((one) => lackIn(one, kind)).find((lack) => lack !== undefined);
  return all ?? (map.any && lackOf({ match: map.any }, kind));
}

/** What conditions of a route are about, by how far its kinds tell it; what is always known is not in it. */
export interface Gap {
  readonly known: Exclude<Knowledge, "always">;
  readonly facts: readonly string[];
  readonly kinds: readonly Kind[];
}

/** Of which kinds of a route what it asks for is not always known. */
export function gapsOf(route: RouteOptions): readonly Gap[] {
  const asked = [...new Set((route.match ?? []).flatMap((map) => allAskedBy(map)))];
  const gaps = new Map<string, Gap>();
  for (const kind of KINDS.filter((one) => isOfKind(one, route.kinds))) {
    for (const known of ["never", "sometimes", "absent"] as const) {
      const facts = asked.filter((name) => knowledgeOf(kind, name) === known).map(nameOf);
      if (facts.length > 0) {
        const key = JSON.stringify([known, facts]);
        gaps.set(key, { known, facts: [...new Set(facts)], kinds: [...(gaps.get(key)?.kinds ?? []), kind] });
      }
    }
  }
  return [...gaps.values()];
}

function allAskedBy(map: Match): readonly AskedFact[] {
  const { all = [], any = [], not = [] } = map;
  return [...askedBy(map), ...[...all, ...any, ...not].flatMap(allAskedBy)];
}

const NAMES: Partial<Readonly<Record<AskedFact, string>>> = {
  changed_at: "max_age",
  attribute_count: "attributes",
  tally: "attributes",
};

function nameOf(asked: AskedFact): string {
  return NAMES[asked] ?? (asked.startsWith("attribute.") ? "attributes" : asked);
}
