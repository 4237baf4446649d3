import { LOOPBACK, Name } from "../base/schema.ts";
import { type Kind, SENSITIVE } from "../model/vocabulary.ts";
import { kindsMeantBy } from "../routing/kinds.ts";
import { checkListen } from "./listen.ts";
import { checkMentions } from "./mentions.ts";
import { checkOrder } from "./order.ts";
import { checkPacing } from "./pacing.ts";
import { checkAudience } from "./readers.ts";
import { nearest } from "./suggest.ts";
import { checkTemplates } from "./templates.ts";
import {
  childOf,
  type Dict,
  error,
  listOf,
  mapOf,
  type Node,
  quoted,
  type ReportFault,
  type Scalar,
  textOf,
  textsOf,
  warning,
} from "./tree.ts";
import { checkValues } from "./values.ts";
import { checkSightings, checkWatch } from "./watch.ts";

/** Checks what one part of a config says about another; also where the structure is wrong elsewhere. */
export function checkReferences(root: Dict, report: ReportFault): void {
  const destinations = mapOf(root, "destinations");
  const routes = listOf(childOf(root, "routes")).filter((node) => node.kind === "map");
  const told = new Set<string>();
  let sure = routes.length > 0;

  for (const route of routes) {
    const targets = listOf(childOf(route, "notify")).flatMap((node) => targetOf(node) ?? []);
    const remind = childOf(route, "remind");
    const others = listOf(remind && childOf(remind, "escalate")).flatMap((node) => targetOf(node) ?? []);
    sure &&= targets.length > 0;
    for (const target of [...targets, ...others]) {
      // What is no name at all is told where the structure is checked.
      if (typeof target.value !== "string" || target.unread === "error" || !Name.safeParse(target.value).success) {
        sure = false;
        continue;
      }
      sure &&= destinations?.entries.has(target.value) ?? false;
      told.add(target.value);
      if (destinations && !destinations.entries.has(target.value)) {
        report(unknownDestination(target, destinations, others.includes(target) ? "escalate" : "notify"));
      }
    }
    if (destinations) {
      checkSensitive(route, targets, destinations, report);
    }
    checkValues(route, root, report);
  }
  checkNames(routes, report);
  checkMentions(routes, root, report);
  checkOrder(routes, report);
  checkPacing(routes, root, report);
  checkWatch(routes, root, report);
  checkSightings(routes, report);
  checkTemplates(root, report);
  checkKeys(root, report);
  checkAudience(root, report);
  checkListen(root, report);

  for (const [name, { key }] of destinations?.entries ?? []) {
    if (!sure || told.has(name)) {
      continue;
    }
    report(warning(key, `destination ${quoted(name)} is named by no route and will never be told anything`));
  }
}

/** An API key is sent with every question to MISP. */
function checkKeys(root: Dict, report: ReportFault): void {
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

function unknownDestination(target: Scalar, destinations: Dict, key: "notify" | "escalate") {
  const names = [...destinations.entries.keys()];
  const known = `destinations are ${names.join(", ")}`;
  const references = target.references?.join(" and ");
  if (target.unread) {
    return error(target, `${quoted(key)} cannot be checked without ${references}`);
  }
  if (references !== undefined) {
    return error(target, `the value of ${references} names no destination`, known);
  }
  const name = String(target.value);
  const near = nearest(name, names);
  const question = near === undefined ? "" : `, did you mean ${quoted(near)}?`;
  return error(target, `there is no destination ${quoted(name)}${question}`, near === undefined ? known : undefined);
}

function checkNames(routes: readonly Dict[], report: ReportFault): void {
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

function checkSensitive(route: Dict, targets: readonly Scalar[], destinations: Dict, report: ReportFault): void {
  for (const node of listOf(childOf(route, "kinds"))) {
    const glob = textOf(node);
    const groups = glob === undefined ? [] : [...kindsMeantBy(glob)].map((kind) => SENSITIVITY.get(kind));
    if (groups.length === 0 || groups.includes(undefined)) {
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

/** Which kinds are only told where a guard names their group. */
const SENSITIVITY: ReadonlyMap<Kind, string> = new Map(
  Object.entries(SENSITIVE).flatMap(([group, kinds]) => kinds.map((kind) => [kind, group] as const)),
);

function targetOf(node: Node): Scalar | undefined {
  const target = node.kind === "map" ? childOf(node, "to") : node;
  return target?.kind === "scalar" ? target : undefined;
}
