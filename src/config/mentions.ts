import { mentionProblem } from "../destinations/index.ts";
import { childOf, type Dict, error, listOf, mapOf, quoted, type ReportFault, textOf } from "./tree.ts";

/** A mention that the channel cannot make would be missed when it is needed: it is an error before that. */
export function checkMentions(routes: readonly Dict[], root: Dict, report: ReportFault): void {
  const destinations = mapOf(root, "destinations");
  for (const notify of routes.flatMap((route) => listOf(childOf(route, "notify")))) {
    const to = notify.kind === "map" ? textOf(childOf(notify, "to")) : undefined;
    const destination = to === undefined ? undefined : destinations?.entries.get(to)?.node;
    const type = destination?.kind === "map" ? textOf(childOf(destination, "type")) : undefined;
    if (notify.kind !== "map" || to === undefined || type === undefined) {
      continue;
    }
    for (const node of listOf(childOf(notify, "mention"))) {
      const text = textOf(node);
      const problem =
        node.kind === "scalar" && !node.unread && text !== undefined ? mentionProblem(type, text) : undefined;
      if (problem !== undefined) {
        const shown = node.kind === "scalar" && node.references ? "this" : quoted(text ?? "");
        report(error(node, `${quoted(to)} cannot mention ${shown}`, problem));
      }
    }
  }
}
