import { nearest } from "../../config/suggest.ts";
import {
  childOf,
  listOf,
  mapOf,
  type Node,
  quoted,
  type ReportFault,
  type Scalar,
  textsOf,
  warning,
} from "../../config/tree.ts";
import { compilePattern } from "../../routing/pattern.ts";
import type { Watches } from "../../watching/watches.ts";
import type { Linted } from "./linted.ts";

/** A label that no entry of the lists has is most likely misspelt: nothing would ever be told by it. */
export function checkLabels({ root, report }: Linted, watch: Watches): void {
  const labels = watch.labels();
  if (labels.size === 0) {
    return;
  }
  const all = new Set([...labels.values()].flatMap((some) => [...some]));
  const visit = (node: Node | undefined): void => {
    for (const one of listOf(node)) {
      if (one.kind !== "map") {
        continue;
      }
      const lists = textsOf(childOf(one, "list"));
      const own = new Set(lists.flatMap((list) => [...(labels.get(list) ?? [])]));
      for (const [key, { node: value }] of one.entries) {
        if (key === "watch") {
          checkAll(value, all, "the watch lists", report);
        } else if (key === "label" && own.size > 0) {
          checkAll(value, own, lists.join(" or "), report);
        } else {
          visit(value);
        }
      }
    }
  };
  for (const route of listOf(childOf(root, "routes"))) {
    visit(childOf(route, "match"));
  }
  for (const { node } of mapOf(root, "destinations")?.entries.values() ?? []) {
    const quiet = childOf(node, "quiet");
    visit(quiet && childOf(quiet, "except"));
  }
}

const MAX_SHOWN = 10;

function checkAll(node: Node, labels: ReadonlySet<string>, where: string, report: ReportFault): void {
  const names = [...labels];
  for (const scalar of listOf(node)) {
    if (scalar.kind !== "scalar" || scalar.unread !== undefined || names.some(patternOf(scalar))) {
      continue;
    }
    const text = String(scalar.value);
    const near = scalar.references ? undefined : nearest(text, names);
    const question = near === undefined ? "" : `, did you mean ${quoted(near)}?`;
    const more = names.length > MAX_SHOWN ? `, and ${names.length - MAX_SHOWN} more` : "";
    const shown = scalar.references ? "this" : quoted(text);
    const hint = `entries there are labelled ${names.slice(0, MAX_SHOWN).map(quoted).join(", ")}${more}`;
    report(warning(scalar, `no entry of ${where} is labelled ${shown}${question}`, hint));
  }
}

function patternOf({ value }: Scalar): (text: string) => boolean {
  try {
    return compilePattern(String(value));
  } catch {
    return () => true; // an error of its own
  }
}
