import { isForPrograms } from "../destinations/index.ts";
import { childOf, type Dict, error, mapOf, quoted, type ReportFault, textOf, warning } from "./tree.ts";
import { checkMatch } from "./values.ts";

/** What routes and destinations say of when something is told: nothing is said that means nothing. */
export function checkPacing(routes: readonly Dict[], root: Dict, report: ReportFault): void {
  for (const route of routes) {
    checkDigest(route, report);
    checkRemind(route, report);
  }
  for (const [name, { node }] of mapOf(root, "destinations")?.entries ?? []) {
    if (node.kind !== "map") {
      continue;
    }
    const quiet = childOf(node, "quiet");
    checkMatch(quiet && childOf(quiet, "except"), root, report);
    const flood = node.entries.get("flood");
    if (
      flood &&
      !flood.inherited &&
      textOf(flood.node) !== "off" &&
      isForPrograms(textOf(childOf(node, "type")) ?? "")
    ) {
      const message = `${quoted(name)} is for programs, which get everything: "flood" means nothing there`;
      report(warning(flood.key, message, "remove it"));
    }
  }
}

function checkRemind(route: Dict, report: ReportFault): void {
  const remind = route.entries.get("remind");
  const priority = childOf(route, "priority");
  // What is no priority at all, or cannot be read here, is told elsewhere.
  if (remind && (priority === undefined || textOf(priority) === "normal")) {
    const message =
      'only routes of priority: high remind: what may wait needs no acknowledgement, and "remind" would ask for it';
    report(error(remind.key, message, 'add priority: high to this route, or remove "remind"'));
  }
}

function checkDigest(route: Dict, report: ReportFault): void {
  const digest = route.entries.get("digest");
  if (!digest) {
    return;
  }
  if (textOf(childOf(route, "priority")) === "high") {
    const message = 'a route of priority: high is held by nothing, and "digest" would hold it';
    report(error(digest.key, message, "give what is urgent a route of its own, without a digest"));
  }
  const group = childOf(route, "group");
  for (const [key, entry] of group?.kind === "map" ? group.entries : []) {
    if (key === "by" || key === "wait" || key === "interval") {
      const message = `${quoted(key)} means nothing beside "digest", which is one group for the whole route`;
      report(warning(entry.key, message, "remove it; of group only show counts here"));
    }
  }
}
