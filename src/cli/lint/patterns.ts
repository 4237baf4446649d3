import {
  childOf,
  type Dict,
  listOf,
  mapOf,
  type Node,
  quoted,
  type ReportFault,
  type Scalar,
  warning,
} from "../../config/tree.ts";
import { ATTRIBUTE_FACTS, FACTS } from "../../model/vocabulary.ts";
import { compilePattern } from "../../routing/pattern.ts";
import type { Linted } from "./linted.ts";

/** There may be none of these: a pattern that takes any asks whether there is one. */
const MAY_BE_NONE: ReadonlySet<string> = new Set([
  ...["tag", "event_tag", "galaxy", "cluster", "object", "watch", "sharing_group", "change", "sighting_type"],
  ...["sighting_source", "relation"],
]);

/** Texts that have nothing in common: whatever takes them all takes every text. */
const ANYTHING: readonly string[] = ["~", "7", "Q q", "Ω漢字", "-".repeat(400)];

/** Conditions that hold of everything, where something is asked: they are no conditions, and look like some. */
export function checkPatterns({ root, report }: Linted): void {
  for (const route of listOf(childOf(root, "routes"))) {
    visit(childOf(route, "match"), "match", report);
  }
  for (const { node } of mapOf(root, "destinations")?.entries.values() ?? []) {
    const quiet = childOf(node, "quiet");
    visit(quiet && childOf(quiet, "except"), "except", report);
  }
}

const FACT_NAMES: ReadonlySet<string> = new Set([...FACTS, ...ATTRIBUTE_FACTS]);

function visit(node: Node | undefined, key: string, report: ReportFault): void {
  if (!node || node.kind === "scalar") {
    return;
  }
  if (node.kind === "list") {
    for (const item of node.items) {
      visit(item, key, report);
    }
    return;
  }
  if (node.entries.size === 0) {
    const what = key === "attribute" ? "any attribute" : "everything";
    const hint =
      key === "match"
        ? "remove it: a route without match takes all messages of its kinds"
        : "remove it, or write a condition into it";
    report(warning(node, `a map without conditions holds of ${what}`, hint));
    return;
  }
  visitEntries(node, report);
}

function visitEntries(map: Dict, report: ReportFault): void {
  for (const [key, { node }] of map.entries) {
    if (!FACT_NAMES.has(key)) {
      visit(node, key, report);
      continue;
    }
    for (const value of listOf(node)) {
      const scalars = value.kind === "map" ? listOf(childOf(value, "label")) : [value];
      for (const scalar of scalars) {
        if (scalar.kind === "scalar" && (value.kind === "map" || !MAY_BE_NONE.has(key)) && takesAnything(scalar)) {
          report(warning(scalar, ...wordsFor(value.kind === "map" ? "label" : key, scalar)));
        }
      }
    }
  }
}

function takesAnything({ value, unread }: Scalar): boolean {
  if (unread !== undefined || typeof value !== "string") {
    return false;
  }
  try {
    return ANYTHING.every(compilePattern(value));
  } catch {
    return false; // an error of its own
  }
}

function wordsFor(key: string, { value, references }: Scalar): readonly [message: string, hint: string] {
  const shown = references ? "this" : quoted(String(value));
  return [
    `${shown} is every ${key === "info" ? "title" : key}: it asks for nothing`,
    key === "label"
      ? "remove label: without it all entries of the list count"
      : `remove ${key} here, or write what it has to be`,
  ];
}
