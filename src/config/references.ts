import { LOOPBACK, Name } from "../base/schema.ts";
import {
  ANALYSES,
  ATTRIBUTE_FACTS,
  FACTS,
  KINDS,
  type Kind,
  PAP,
  SENSITIVE,
  THREAT_LEVELS,
  TLP,
} from "../model/vocabulary.ts";
import { compilePattern } from "../routing/pattern.ts";
import { isOfKind } from "../routing/route.ts";
import { checkListen } from "./listen.ts";
import { nearest } from "./suggest.ts";
import { checkTemplates } from "./templates.ts";
import { childOf, type Dict, type Node, quoted, type Report, type Scalar, type Span, textOf } from "./tree.ts";

/** Checks what one part of a config says about another; also where the structure is wrong elsewhere. */
export function checkReferences(root: Dict, report: Report): void {
  const destinations = mapOf(root, "destinations");
  const routes = listOf(childOf(root, "routes")).filter((node) => node.kind === "map");
  const told = new Set<string>();
  let sure = routes.length > 0;

  for (const route of routes) {
    const targets = listOf(childOf(route, "notify")).flatMap((node) => targetOf(node) ?? []);
    sure &&= targets.length > 0;
    for (const target of targets) {
      // What is no name at all is told where the structure is checked.
      if (typeof target.value !== "string" || target.unread === "error" || !Name.safeParse(target.value).success) {
        sure = false;
        continue;
      }
      sure &&= destinations?.entries.has(target.value) ?? false;
      told.add(target.value);
      if (destinations && !destinations.entries.has(target.value)) {
        report(unknownDestination(target, destinations));
      }
    }
    if (destinations) {
      checkSensitive(route, targets, destinations, report);
    }
    checkPatterns(route, root, report);
  }
  checkNames(routes, report);
  checkOrder(routes, report);
  checkTemplates(root, report);
  checkKeys(root, report);
  checkListen(root, report);

  for (const [name, { key }] of destinations?.entries ?? []) {
    if (!sure || told.has(name)) {
      continue;
    }
    report(warning(key, `destination ${quoted(name)} is named by no route and will never be told anything`));
  }
}

/** An API key is sent with every question to MISP. */
function checkKeys(root: Dict, report: Report): void {
  for (const { node } of mapOf(root, "misp")?.entries.values() ?? []) {
    const url = childOf(node, "url");
    const text = textOf(url);
    if (!url || !childOf(node, "api_key") || text === undefined || !URL.canParse(text)) {
      continue;
    }
    const { protocol, hostname } = new URL(text);
    if (protocol !== "http:" || LOOPBACK.test(hostname)) {
      continue;
    }
    const message = "`api_key` travels in clear to this address: whoever is on the way can read it, and MISP with it";
    report(warning(url, message, "use https://, with `ca_file` for an authority of your own"));
  }
}

function unknownDestination(target: Scalar, destinations: Dict) {
  const names = [...destinations.entries.keys()];
  const known = `destinations are ${names.join(", ")}`;
  const references = target.references?.join(" and ");
  if (target.unread) {
    return error(target, `"notify" cannot be checked without ${references}`);
  }
  if (references !== undefined) {
    return error(target, `the value of ${references} names no destination`, known);
  }
  const name = String(target.value);
  const near = nearest(name, names);
  const question = near === undefined ? "" : `, did you mean ${quoted(near)}?`;
  return error(target, `there is no destination ${quoted(name)}${question}`, near === undefined ? known : undefined);
}

function checkNames(routes: readonly Dict[], report: Report): void {
  const seen = new Set<string>();
  for (const route of routes) {
    const node = childOf(route, "name");
    const name = textOf(node);
    if (!node || name === undefined) {
      continue;
    }
    if (seen.has(name)) {
      const shown = node.kind === "scalar" && node.references ? "this name" : quoted(name);
      report(
        error(node, `another route is called ${shown} too`, "names identify groups and metrics, so each is unique"),
      );
    }
    seen.add(name);
  }
}

/** A route below one that takes all messages of its kinds is never reached. */
function checkOrder(routes: readonly Dict[], report: Report): void {
  const taken = new Map<Kind, string>();
  for (const route of routes) {
    const kinds = kindsOf(route);
    const by = kinds.map((kind) => taken.get(kind));
    const place = route.entries.get("name")?.node ?? { at: route.at, end: route.at + 1 };
    if (by.length > 0 && by.every((name) => name !== undefined)) {
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
    const name = textOf(childOf(route, "name"));
    for (const kind of kinds) {
      if (!taken.has(kind)) {
        taken.set(kind, name === undefined ? "a route" : `route ${quoted(name)}`);
      }
    }
  }
}

function kindsOf(route: Dict): readonly Kind[] {
  const globs = route.entries.has("kinds") ? textsOf(childOf(route, "kinds")) : ["event.published"];
  return KINDS.filter((kind) => isOfKind(kind, globs));
}

function checkSensitive(route: Dict, targets: readonly Scalar[], destinations: Dict, report: Report): void {
  for (const node of listOf(childOf(route, "kinds"))) {
    const glob = textOf(node);
    const kinds = glob === undefined ? [] : KINDS.filter((kind) => isOfKind(kind, [glob]));
    const groups = kinds.map(sensitivityOf);
    if (kinds.length === 0 || groups.includes(undefined)) {
      continue;
    }
    for (const target of targets) {
      const name = String(target.value);
      const destination = destinations.entries.get(name)?.node;
      if (destination?.kind !== "map") {
        continue;
      }
      const guard = childOf(destination, "guard");
      const also = new Set(textsOf(guard && childOf(guard, "also")));
      const shut = [...new Set(groups)].filter((group) => group !== undefined && !also.has(group));
      if (shut.length === 0 || groups.some((group) => group !== undefined && also.has(group))) {
        continue;
      }
      report(
        warning(
          node,
          `${quoted(String(glob))} is never sent to ${quoted(name)}, whose guard does not allow it`,
          `kinds about people and the platform need also: [${shut.join(", ")}] in its guard`,
        ),
      );
    }
  }
}

function sensitivityOf(kind: Kind): string | undefined {
  return Object.entries(SENSITIVE).find(([, kinds]) => kinds.some((sensitive) => sensitive === kind))?.[0];
}

/** Facts whose values are a fixed set: anything else never matches. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  threat_level: THREAT_LEVELS,
  analysis: ANALYSES,
  tlp: [...TLP, "none"],
  pap: [...PAP, "none"],
  change: ["new", "updated", "unchanged"],
  origin: ["local", "pulled", "feed"],
  kind: KINDS,
  late: ["true", "false"],
  to_ids: ["true", "false"],
};

function checkPatterns(route: Dict, root: Dict, report: Report): void {
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
      } else {
        for (const entry of listOf(value)) {
          checkValue(key, entry, key === "instance" ? instances : VALUES[key], report);
        }
      }
    }
  };
  visit(childOf(route, "match"));
}

function checkValue(key: string, node: Node, allowed: readonly string[] | undefined, report: Report): void {
  if (node.kind !== "scalar" || node.value === null) {
    return;
  }
  const text = String(node.value);
  try {
    compilePattern(text);
  } catch (cause) {
    const what = node.references ? `the value of ${node.references.join(" and ")}` : "this";
    const reason =
      node.references || !(cause instanceof Error) ? "" : `: ${cause.message.replace(/^error parsing regexp: /, "")}`;
    const hint = "regular expressions are matched in linear time (RE2): no look-around, no back-references";
    report(error(node, `${what} is not a regular expression that can be used${reason}`, hint));
    return;
  }
  if (!allowed || text === "" || text.includes("*") || /^\/.+\/[a-z]*$/s.test(text)) {
    return;
  }
  if (allowed.some((value) => value.toLowerCase() === text.toLowerCase())) {
    return;
  }
  if (node.unread) {
    return;
  }
  const near = node.references ? undefined : nearest(text, allowed);
  const value = node.references ? `the value of ${node.references.join(" and ")}` : quoted(text);
  const question = near === undefined ? "" : `, did you mean ${quoted(near)}?`;
  report(warning(node, `${quoted(key)} is never ${value}${question}`, `it is one of ${allowed.join(", ")}`));
}

function targetOf(node: Node): Scalar | undefined {
  const target = node.kind === "map" ? childOf(node, "to") : node;
  return target?.kind === "scalar" ? target : undefined;
}

function textsOf(node: Node | undefined): readonly string[] {
  return listOf(node).flatMap((entry) => textOf(entry) ?? []);
}

/** The entries of a list, or the one value that stands for a list. */
function listOf(node: Node | undefined): readonly Node[] {
  if (!node) {
    return [];
  }
  return node.kind === "list" ? node.items : [node];
}

function mapOf(root: Dict, key: string): Dict | undefined {
  const node = childOf(root, key);
  return node?.kind === "map" ? node : undefined;
}

function error(span: Span, message: string, hint?: string) {
  return { severity: "error", at: span.at, end: span.end, message, ...(hint === undefined ? {} : { hint }) } as const;
}

function warning(span: Span, message: string, hint?: string) {
  return { ...error(span, message, hint), severity: "warning" } as const;
}
