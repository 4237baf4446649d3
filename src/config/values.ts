import { isIP } from "node:net";
import {
  ANALYSES,
  ATTRIBUTE_FACTS,
  CHANGES,
  DISTRIBUTIONS,
  FACTS,
  KINDS,
  ORIGINS,
  PAP,
  SIGHTING_TYPES,
  THREAT_LEVELS,
  TLP,
} from "../model/vocabulary.ts";
import { compilePattern, type Pattern } from "../routing/pattern.ts";
import { doubtOf } from "./open-values.ts";
import { nearest } from "./suggest.ts";
import {
  childOf,
  type Dict,
  error,
  type Fault,
  listOf,
  mapOf,
  type Node,
  nodeOf,
  quoted,
  type ReportFault,
  type Scalar,
  warning,
} from "./tree.ts";

/** Facts whose values are a fixed set: anything else never matches. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  kind: KINDS,
  change: CHANGES,
  late: ["true", "false"],
  published: ["true", "false"],
  origin: ORIGINS,
  tlp: [...TLP, "none"],
  pap: [...PAP, "none"],
  threat_level: THREAT_LEVELS,
  analysis: ANALYSES,
  distribution: DISTRIBUTIONS.filter((name) => name !== "inherit"), // which no event has
  sighting_type: SIGHTING_TYPES,
  to_ids: ["true", "false"],
};

/** How MISP itself writes some of them: by number, and with the names of TLP 1.0. */
const MISP_SPELLINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  tlp: { white: "clear" },
  pap: { white: "clear" },
  threat_level: Object.fromEntries(THREAT_LEVELS.map((name, i) => [String(i + 1), name])),
  analysis: Object.fromEntries(ANALYSES.map((name, i) => [String(i), name])),
  distribution: Object.fromEntries(DISTRIBUTIONS.map((name, i) => [String(i), name])),
  sighting_type: Object.fromEntries(SIGHTING_TYPES.map((name, i) => [String(i), name])),
  late: { yes: "true", no: "false", "1": "true", "0": "false" },
  published: { yes: "true", no: "false", "1": "true", "0": "false" },
  to_ids: { yes: "true", no: "false", "1": "true", "0": "false" },
};

/** Checks what a route compares facts with: patterns must compile, and a fixed set of values must have what is named. */
export function checkValues(route: Dict, root: Dict, report: ReportFault): void {
  checkMatch(childOf(route, "match"), root, report);
}

/** The same of a match that stands in no file; which instances there are is not known then. */
export function faultsOf(match: unknown): readonly Fault[] {
  const faults: Fault[] = [];
  checkMatch(nodeOf(match), { kind: "map", entries: new Map(), at: 0, end: 0 }, (fault) => faults.push(fault));
  return faults;
}

/** The same of a match wherever it stands. */
export function checkMatch(match: Node | undefined, root: Dict, report: ReportFault): void {
  const instances = [...(mapOf(root, "misp")?.entries.keys() ?? [])];
  const facts = new Set<string>([...FACTS, ...ATTRIBUTE_FACTS]);
  const visit = (node: Node | undefined): void => {
    if (node?.kind === "list") {
      node.items.forEach(visit);
    }
    if (node?.kind !== "map") {
      return;
    }
    for (const [key, { node: value }] of node.entries) {
      if (!facts.has(key)) {
        visit(value);
        continue;
      }
      // A map says in what sense it means its text; only the label of a list's entry is a pattern.
      for (const entry of listOf(value).filter((one) => one.kind === "map")) {
        for (const label of listOf(childOf(entry, "label")).filter((one) => one.kind === "scalar")) {
          checkValue("label", label, instances, report);
        }
      }
      for (const entry of listOf(value).filter((one) => one.kind === "scalar")) {
        checkValue(key, entry, instances, report);
      }
    }
  };
  visit(match);
}

function checkValue(key: string, node: Scalar, instances: readonly string[], report: ReportFault): void {
  const text = String(node.value);
  if (node.value === null || text === "" || node.unread) {
    return;
  }
  let pattern: Pattern;
  try {
    pattern = compilePattern(text);
  } catch (cause) {
    const reason =
      node.references || !(cause instanceof Error) ? "" : `: ${cause.message.replace(/^error parsing regexp: /, "")}`;
    const hint = "regular expressions are matched in linear time (RE2): no look-around, no back-references";
    report(error(node, `${shown(node, "this")} is not a regular expression that can be used${reason}`, hint));
    return;
  }
  if (key === "value" && isNetwork(text)) {
    const form = node.references ? `"${node.references.join("")}"` : quoted(text);
    const message = `${shown(node, quoted(text))} looks like a network: it would be compared as text`;
    const hint = `write value: { cidr: ${form} } for what is in it, or { is: ${form} } for that text itself`;
    report(error(node, message, hint));
    return;
  }
  const allowed = key === "instance" && instances.length > 0 ? instances : VALUES[key];
  if (!allowed) {
    checkOpenValue(key, node, text, pattern, report);
    return;
  }
  if (allowed.some(pattern)) {
    return;
  }
  const near = node.references ? undefined : meant(key, text, allowed);
  const question = near === undefined ? "" : `, did you mean ${quoted(near)}?`;
  const message = `${quoted(key)} is never ${shown(node, quoted(text))}${question}`;
  // The instances are whatever this file names: a rule may be older than they are.
  const fault = key === "instance" ? warning : error;
  report(fault(node, message, `it is one of ${allowed.join(", ")}`));
}

/** Others add to such vocabularies: it may be right, and is more often a mistake. */
function checkOpenValue(key: string, node: Scalar, text: string, pattern: Pattern, report: ReportFault): void {
  const doubt = doubtOf(key, text, pattern);
  if (!doubt) {
    return;
  }
  const near = node.references ? undefined : doubt.near;
  const question = near === undefined ? "" : `, did you mean ${quoted(near)}?`;
  const hint = "MISP may have it, or get it: then this is right";
  report(
    warning(node, `${shown(node, quoted(text))} is no ${key.replace("event_", "")} that is known${question}`, hint),
  );
}

function shown({ references }: Scalar, text: string): string {
  return references ? `the value of ${references.join(" and ")}` : text;
}

function meant(key: string, text: string, allowed: readonly string[]): string | undefined {
  const bare = text.toLowerCase().replace(new RegExp(`^${key}:`), "");
  return allowed.find((value) => value === bare) ?? MISP_SPELLINGS[key]?.[bare] ?? nearest(bare, allowed);
}

/** An address with a prefix length or a netmask. */
function isNetwork(text: string): boolean {
  const [address = "", mask = "", ...rest] = text.trim().split("/");
  const bits = isIP(address) === 4 ? 32 : 128;
  const isMask = /^\d{1,3}$/.test(mask) ? Number(mask) <= bits : isIP(mask) !== 0;
  return rest.length === 0 && isIP(address) !== 0 && isMask;
}
