import type { Kind } from "../model/vocabulary.ts";
import { kindsMeantByAny } from "../routing/kinds.ts";
import { childOf, type Dict, error, quoted, type ReportFault, textOf, textsOf, warning } from "./tree.ts";

/** What routes leave to those below: one below a route that takes all messages of its kinds is never reached. */
export function checkOrder(routes: readonly Dict[], report: ReportFault): void {
  const taken = new Map<Kind, string>();
  const above = { asked: new Set<Kind>(), sure: new Map<Kind, string>() };
  for (const route of routes) {
    const kinds = kindsOf(route);
    const isWrong = checkOtherwise(route, kinds, above, report);
    for (const kind of kinds) {
      above.asked.add(kind);
      if (!route.entries.has("match") && !above.sure.has(kind)) {
        above.sure.set(kind, titleOf(route));
      }
    }
    const by = kinds.map((kind) => taken.get(kind));
    const place = route.entries.get("name")?.node ?? { at: route.at, end: route.at + 1 };
    if (!isWrong && by.length > 0 && by.every((name) => name !== undefined)) {
      const names = [...new Set(by)].join(" and ");
      report(warning(place, `no message ever reaches this route: ${names} above has no match and stops the search`));
    }
    const stops = childOf(route, "stop");
    if (stops?.kind !== "scalar" || stops.value !== true) {
      continue;
    }
    if (route.entries.has("match") || route.entries.has("otherwise")) {
      continue;
    }
    for (const kind of kinds) {
      if (!taken.has(kind)) {
        taken.set(kind, titleOf(route));
      }
    }
  }
}

/** `otherwise` is for what routes above may leave: where they leave all of a kind, or nothing, it says nothing. */
function checkOtherwise(
  route: Dict,
  kinds: readonly Kind[],
  above: { readonly asked: ReadonlySet<Kind>; readonly sure: ReadonlyMap<Kind, string> },
  report: ReportFault,
): boolean {
  const otherwise = route.entries.get("otherwise");
  if (!otherwise || kinds.length === 0) {
    return false;
  }
  const names = kinds.map((kind) => above.sure.get(kind));
  if (names.every((name) => name !== undefined)) {
    const by = [...new Set(names)].join(" and ");
    const hint =
      "remove this route, or give the one above a match; an otherwise route is for what no match above takes";
    report(error(otherwise.key, `"otherwise" never fires: ${by} above has no match, so that it always fires`, hint));
    return true;
  }
  if (!kinds.some((kind) => above.asked.has(kind))) {
    const message = `"otherwise" always fires: no route above is about ${kinds.length > 3 ? "any of these kinds" : kinds.join(" or ")}`;
    report(error(otherwise.key, message, "remove otherwise, or move this route below those whose rest it takes"));
    return true;
  }
  return false;
}

function titleOf(route: Dict): string {
  const name = childOf(route, "name");
  const text = textOf(name);
  return text === undefined || (name?.kind === "scalar" && name.references) ? "a route" : `route ${quoted(text)}`;
}

function kindsOf(route: Dict): readonly Kind[] {
  const globs = route.entries.has("kinds") ? textsOf(childOf(route, "kinds")) : ["event.published"];
  return kindsMeantByAny(globs);
}
