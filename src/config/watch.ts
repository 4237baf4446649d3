import { isAboutAttribute } from "../model/vocabulary.ts";
import { kindsMeantBy } from "../routing/kinds.ts";
import {
  childOf,
  type Dict,
  type DictEntry,
  error,
  listOf,
  mapOf,
  type Node,
  type ReportFault,
  textsOf,
  warning,
} from "./tree.ts";

/** How often an attribute was sighted is asked of what is about one attribute: of other kinds it is never true. */
export function checkSightings(routes: readonly Dict[], report: ReportFault): void {
  for (const route of routes) {
    const kinds = textsOf(childOf(route, "kinds"));
    const globs = route.entries.has("kinds") ? kinds : ["event.published"];
    if (globs.some((glob) => [...kindsMeantBy(glob)].some(isAboutAttribute))) {
      continue;
    }
    for (const [name, { key }] of entriesIn(childOf(route, "match"))) {
      if (name === "sightings") {
        const message = `"sightings" is about one attribute, and the kinds of this route (${globs.join(", ")}) are not`;
        report(error(key, message, "write kinds: [sighting.added], or add attribute.edited"));
      }
    }
  }
}

/** `watch` asks for entries of the lists that rules name: where none is named, there is no entry. */
export function checkWatch(routes: readonly Dict[], root: Dict, report: ReportFault): void {
  const quiets = [...(mapOf(root, "destinations")?.entries.values() ?? [])].map(({ node }) => childOf(node, "quiet"));
  const matches = [
    ...routes.map((route) => childOf(route, "match")),
    ...quiets.map((quiet) => quiet && childOf(quiet, "except")),
  ];
  const entries = matches.flatMap((match) => [...entriesIn(match)]);
  if (entries.some(([key]) => key === "list")) {
    return;
  }
  for (const [, { key }] of entries.filter(([name]) => name === "watch")) {
    const message = '"watch" asks for entries of watch lists, and no rule names a list: nothing is on one';
    report(warning(key, message, "a route names it by attribute: { value: { list: ours.txt } }"));
  }
}

function* entriesIn(node: Node | undefined): Generator<readonly [key: string, entry: DictEntry]> {
  for (const one of listOf(node)) {
    for (const [key, entry] of one.kind === "map" ? one.entries : []) {
      yield [key, entry];
      yield* entriesIn(entry.node);
    }
  }
}
