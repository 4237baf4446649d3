import { formatDuration } from "../base/schema.ts";
import type { AttributeFacts, Matchable } from "../model/message.ts";
import { ATTRIBUTE_FACTS, FACTS, type FactName } from "../model/vocabulary.ts";
import { compileMatch } from "./match.ts";
import { countSightings } from "./measures.ts";
import { formatNetwork } from "./network.ts";
import { compilePaths } from "./paths.ts";
import { compilePattern } from "./pattern.ts";
import type { AttributeMatch, Expected, Match, RouteOptions, SightingMatch } from "./schema.ts";
import { NO_WATCH, type Watch } from "./watch.ts";

/** Of so many values that make a condition true, these tell enough. */
const MAX_VALUES = 3;
const MAX_CLAUSES = 6;

/**
 * Which conditions of a route hold, in words, with the values that made them so: `threat level is high`,
 * `3 attributes of type domain`. `subject` is what the readers may see. Empty: the rule is another one by now, or asks nothing.
 */
export function describeReason(
  { match, otherwise }: Pick<RouteOptions, "match" | "otherwise">,
  subject: Matchable,
  watch: Watch = NO_WATCH,
): readonly string[] {
  const clauses = (match ?? []).find((map) => holds(map, subject, watch));
  const words = [
    ...(clauses ? describe(clauses, subject, watch) : []),
    ...(otherwise ? ["no route before it fired"] : []),
  ];
  return [...new Set(words)].slice(0, MAX_CLAUSES);
}

function holds(map: Match, subject: Matchable, watch: Watch): boolean {
  return compileMatch([map], watch).matches(subject) === true;
}

/** Of alternatives the first one that holds is enough; what does not hold is not told. */
function describe(match: Match, subject: Matchable, watch: Watch): readonly string[] {
  const facts = FACTS.flatMap((name) => {
    const values = match[name];
    return values && name !== "watch" ? describeFact(name, values, subject) : [];
  });
  const level = subject.facts.threat_level?.values[0];
  const any = match.any?.find((map) => holds(map, subject, watch));
  return [
    ...facts,
    ...(match.min_threat_level && !match.threat_level && level !== undefined ? [`threat level is ${level}`] : []),
    ...(match.watch ? describeHits([{ watch: match.watch }], "", subject, watch) : []),
    ...(match.jsonpath ? describePath(match.jsonpath, subject) : []),
    ...(match.sightings ? describeCount(match.sightings, subject) : []),
    ...(match.attribute ? describeAttributes(match.attribute, subject, watch) : []),
    ...(match.all ?? []).flatMap((map) => describe(map, subject, watch)),
    ...(any ? describe(any, subject, watch) : []),
  ];
}

const WORDS: Readonly<Record<FactName, string>> = {
  kind: "kind is",
  instance: "instance is",
  change: "publication is",
  late: "found late is",
  origin: "origin is",
  org: "reported by",
  org_uuid: "reported by",
  event_org: "reported by",
  owner_org: "owned by",
  tag: "tagged",
  event_tag: "tagged",
  tlp: "TLP is",
  pap: "PAP is",
  threat_level: "threat level is",
  analysis: "analysis is",
  distribution: "distribution is",
  sharing_group: "sharing group is",
  published: "published is",
  info: "title has",
  event_id: "event is",
  event_uuid: "event is",
  galaxy: "about a",
  cluster: "about",
  object: "has the object",
  watch: "on the watch list",
  sighting_type: "sighting is",
  sighting_source: "sighted by",
};

function describeFact(name: FactName, values: readonly string[], { facts }: Matchable): readonly string[] {
  const patterns = values.map((value) => ({ value, matches: compilePattern(value) }));
  const found = (facts[name]?.values ?? []).filter((text) => patterns.some(({ matches }) => matches(text)));
  if (found.length === 0) {
    return [];
  }
  // A title is read already: what in it was looked for is what there is to say.
  const hit = patterns.find(({ matches }) => matches(found[0] ?? ""))?.value ?? "";
  const told = name === "info" ? [`"${hit}"`] : found.slice(0, MAX_VALUES).map(readable);
  const rest = name === "info" ? 0 : found.length - told.length;
  return [`${WORDS[name]} ${told.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`];
}

/** A cluster by its name, not by its tag. */
function readable(value: string): string {
  const [, galaxy, name] = /^misp-galaxy:([^=]+)="(.+)"$/i.exec(value) ?? [];
  return galaxy === undefined ? value : `${galaxy.replace(/[-_]+/g, " ")} ${name}`;
}

const MAX_PATH = 80;

function describePath(paths: readonly string[], { document }: Matchable): readonly string[] {
  const found = paths.find((path) => compilePaths([path]).test(document) === true);
  return found === undefined
    ? []
    : [`${found.length > MAX_PATH ? `${found.slice(0, MAX_PATH)}…` : found} finds something`];
}

function describeCount(match: SightingMatch, { sightings, at }: Matchable): readonly string[] {
  const counted = countSightings(sightings, match, at);
  return typeof counted === "object" ? [`sighted ${counted.atLeast} times within ${formatDuration(match.within)}`] : [];
}

/** How many sightings are asked for, in words. */
export function describeSightings({ min, within, type }: SightingMatch): string {
  return `${min} ${min === 1 ? "time" : "times"} or more within ${formatDuration(within)}${type.join() === "sighting" ? "" : ` as ${type.join(" or ")}`}`;
}

function describeAttributes(blocks: readonly AttributeMatch[], subject: Matchable, watch: Watch): readonly string[] {
  return blocks.flatMap((block) => describeHits([{ attribute: [block] }], describeBlock(block), subject, watch));
}

/** How many attributes a rule asks for, and what the entries of watch lists are called that they hit. */
function describeHits(
  rule: readonly Match[],
  words: string,
  { attributes }: Matchable,
  watch: Watch,
): readonly string[] {
  const { picks, labels } = compileMatch(rule, watch);
  const n = attributes.filter((attribute: AttributeFacts) => picks?.(attribute)).length;
  if (n === 0) {
    return [];
  }
  const hit = labels(attributes);
  const shown = hit.slice(0, MAX_VALUES).join(", ");
  const rest = hit.length > MAX_VALUES ? ` and ${hit.length - MAX_VALUES} more` : "";
  return [
    `${n} ${n === 1 ? "attribute" : "attributes"}${words === "" ? "" : ` ${words}`}${hit.length > 0 ? `, watched as ${shown}${rest}` : ""}`,
  ];
}

function describeBlock(block: AttributeMatch): string {
  const parts = ATTRIBUTE_FACTS.flatMap((name) => {
    const values = block[name];
    if (!values) {
      return [];
    }
    const list = listed(values.map(describeExpected));
    if (values.some((value) => typeof value !== "string" && value.is === undefined)) {
      return [list];
    }
    return name === "to_ids" ? [list === "true" ? "for detection" : "not for detection"] : [`${PLACES[name]} ${list}`];
  });
  const nested = [...(block.all ?? []), ...(block.any ?? [])].map(describeBlock).filter((words) => words !== "");
  return [...parts, ...(nested.length > 0 ? [nested.join(block.any ? " or " : ", ")] : [])].join(", ");
}

const PLACES = {
  type: "of type",
  category: "of category",
  value: "with value",
  tag: "tagged",
  comment: "with comment",
  object: "in the object",
  relation: "as",
} as const;

/** What a value is compared with, in words; nothing of a value itself is in them. */
export function describeExpected(expected: Expected): string {
  if (typeof expected === "string") {
    return expected;
  }
  const { is, min, max, after, before, cidr, domain, list, label } = expected;
  const day = (at: number) => new Date(at).toISOString().replace(/T00:00:00.000Z$/, "");
  return [
    ...(is === undefined ? [] : [is]),
    ...(min === undefined ? [] : [`of ${min} or more`]),
    ...(max === undefined ? [] : [`of ${max} or less`]),
    ...(after === undefined ? [] : [`not before ${day(after)}`]),
    ...(before === undefined ? [] : [`before ${day(before)}`]),
    ...(cidr ? [`in ${listed(cidr.map(formatNetwork))}`] : []),
    ...(domain ? [`below ${listed(domain)}`] : []),
    ...(list ? [`on the list ${listed(list)}`] : []),
    ...(label ? [`labelled ${listed(label)}`] : []),
  ].join(" and ");
}

function listed(words: readonly string[]): string {
  const rest = words.length - MAX_VALUES;
  return `${words.slice(0, MAX_VALUES).join(" or ")}${rest > 0 ? ` or ${rest} more` : ""}`;
}
