import { lintTemplate, PARTS } from "../template/compile.ts";
import { SAMPLES } from "../template/samples.ts";
import { nearest } from "./suggest.ts";
import { childOf, type Dict, type Node, quoted, type ReportFault } from "./tree.ts";

/** Warns of fields that a template reads and that no alert has: they would be empty for ever. */
export function checkTemplates(root: Dict, report: ReportFault): void {
  const destinations = childOf(root, "destinations");
  const routes = childOf(root, "routes");
  const owners: readonly Node[] = [
    ...(destinations?.kind === "map" ? [...destinations.entries.values()].map(({ node }) => node) : []),
    ...(routes?.kind === "list" ? routes.items : []),
  ];
  for (const owner of owners) {
    const template = childOf(owner, "template");
    if (template?.kind !== "map") {
      continue;
    }
    for (const part of PARTS) {
      const node = childOf(template, part);
      if (node?.kind !== "scalar" || typeof node.value !== "string") {
        continue;
      }
      for (const name of lintTemplate(node.value)) {
        const shown = /^\w{1,40}$/.test(name) ? quoted(name) : "a field";
        const near = nearest(name, FIELDS);
        const question = near === undefined ? "" : `, did you mean ${quoted(near)}?`;
        const message = `the template reads ${shown}, which no alert has${question}`;
        report({ severity: "warning", at: node.at, end: node.end, message });
      }
    }
  }
}

const FIELDS: readonly string[] = [...new Set(namesIn(SAMPLES[0]))];

function namesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) {
    return value.flatMap(namesIn);
  }
  if (typeof value !== "object" || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([name, inside]) => [name, ...namesIn(inside)]);
}
