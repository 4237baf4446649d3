import type { AttributeFacts, Matchable } from "../model/message.ts";
import { ATTRIBUTE_FACTS, FACTS, type FactName } from "../model/vocabulary.ts";
import { compileMatch } from "./match.ts";
import { compilePattern } from "./pattern.ts";
import type { AttributeMatch, Expected, Match, RouteOptions } from "./schema.ts";

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
): readonly string[] {
  const clauses = (match ?? []).find((map) => holds(map, subject));
  const words = [...(clauses ? describe(clauses, subject) : []), ...(otherwise ? ["no route before it fired"] : [])];
  return [...new Set(words)].slice(0, MAX_CLAUSES);
}

function holds(map: Match, subject: Matchable): boolean {
  return compileMatch([map]).matches(subject) === true;
}

/** Of alternatives the first one that holds is enough; what does not hold is not told. */
function describe(match: Match, subject: Matchable): readonly string[] {
  const facts = FACTS.flatMap((name) => {
    const values = match[name];
    return values ? describeFact(name, values, subject) : [];
  });
  const level = subject.facts.threat_level?.values[0];
  const any = match.any?.find((map) => holds(map, subject));
  return [
    ...facts,
    ...(match.min_threat_level && !match.threat_level && level !== undefined ? [`threat level is ${level}`] : []),
    ...(match.attribute ? describeAttributes(match.attribute, subject) : []),
    ...(match.all ?? []).flatMap((map) => describe(map, subject)),
    ...(any ? describe(any, subject) : []),
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
  info: "title has",
  event_id: "event is",
  event_uuid: "event is",
  galaxy: "about a",
  cluster: "about",
  object: "has the object",
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

function describeAttributes(blocks: readonly AttributeMatch[], { attributes }: Matchable): readonly string[] {
  return blocks.flatMap((block) => {
    const { picks } = compileMatch([{ attribute: [block] }]);
    const n = attributes.filter((attribute: AttributeFacts) => picks?.(attribute)).length;
    const words = describeBlock(block);
    return n === 0 ? [] : [`${n} ${n === 1 ? "attribute" : "attributes"}${words === "" ? "" : ` ${words}`}`];
  });
}

function describeBlock(block: AttributeMatch): string {
  const parts = ATTRIBUTE_FACTS.flatMap((name) => {
    const values = block[name];
    if (!values) {
      return [];
    }
    const shown = values.slice(0, MAX_VALUES).map(textOf);
    const rest = values.length - shown.length;
    const list = `${shown.join(" or ")}${rest > 0 ? ` or ${rest} more` : ""}`;
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

function textOf(value: Expected): string {
  return typeof value === "string" ? value : value.is;
}
