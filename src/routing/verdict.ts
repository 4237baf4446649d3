import { formatDuration } from "../base/schema.ts";
import type { AttributeFacts, Fact, Matchable, Truth } from "../model/message.ts";
import { ATTRIBUTE_FACTS, FACTS, type FactName } from "../model/vocabulary.ts";
import { describeExpected, describeSightings } from "./because.ts";
import { compileCounter, compileMatch } from "./match.ts";
import { countSightings } from "./measures.ts";
import type { AttributeMatch, CountMatch, Expected, Match, SightingMatch } from "./schema.ts";
import { NO_WATCH, type Watch } from "./watch.ts";

/** The condition that keeps a rule from being true. */
export interface Obstruction {
  /** Where it stands in the rule: `any.2.attribute.value`. */
  readonly path: string;
  readonly truth: false | "unknown";
  /** What the rule asks for. */
  readonly expected: string;
  /** What there is instead: text from MISP, bounded; absent: it is not known. */
  readonly actual?: readonly string[];
}

const MAX_VALUES = 5;
const MAX_LENGTH = 120;

/**
 * The first condition of a rule that does not hold of a subject, or is not known to; undefined where all of it does. Each
 * condition is asked by the code that rules are asked by, one by one.
 */
export function obstructionOf(
  match: readonly Match[] | undefined,
  subject: Matchable,
  watch: Watch = NO_WATCH,
): Obstruction | undefined {
  if (match === undefined || ask(match, subject, watch) === true) {
    return undefined;
  }
  const found = match.map((map, index) => ofMap(map, match.length > 1 ? `${index + 1}.` : "", subject, watch));
  // Of alternatives one that may still hold says more.
  return found.find((one) => one?.truth === "unknown") ?? found.find((one) => one !== undefined);
}

function ask(match: readonly Match[], subject: Matchable, watch: Watch): Truth {
  return compileMatch(match, watch).matches(subject);
}

function ofMap(map: Match, path: string, subject: Matchable, watch: Watch): Obstruction | undefined {
  const found = Object.entries(map).flatMap(([key, value]) => {
    const truth = ask([{ [key]: value } as Match], subject, watch);
    return truth === true ? [] : [{ key: key as keyof Match, truth }];
  });
  // What is false decides, whatever else is unknown.
  const first = found.find(({ truth }) => truth === false) ?? found[0];
  return first && ofKey(map, first.key, first.truth, path, subject, watch);
}

function ofKey(
  map: Match,
  key: keyof Match,
  truth: false | "unknown",
  path: string,
  subject: Matchable,
  watch: Watch,
): Obstruction {
  const here = `${path}${key}`;
  if (key === "all" || key === "any") {
    const inner = (map[key] ?? []).map((one, index) => ofMap(one, `${here}.${index + 1}.`, subject, watch));
    const found = inner.find((one) => one?.truth === truth) ?? inner.find((one) => one !== undefined);
    return found ?? { path: here, truth, expected: `${key} of them` };
  }
  if (key === "not") {
    const held = (map.not ?? []).find((one) => ask([one], subject, watch) !== false) ?? {};
    const [name] = Object.keys(held);
    const fact = FACTS.find((known) => known === name && known !== "watch");
    const actual = fact && actualOf(subject.facts[fact]);
    const expected = `not ${written(held)}`;
    return { path: actual ? `${here}.${fact}` : here, truth, expected, ...(actual && { actual }) };
  }
  if (key === "attribute") {
    return ofBlocks(map.attribute ?? [], here, truth, subject, watch);
  }
  const facts: readonly string[] = FACTS;
  if (facts.includes(key)) {
    const values = map[key as FactName] ?? [];
    const actual = key === "watch" ? hitsOf(subject, watch) : actualOf(subject.facts[key as FactName]);
    return { path: here, truth, expected: listed(values), ...(actual && { actual }) };
  }
  if (key === "jsonpath") {
    const expected = listed(map.jsonpath ?? []);
    return { path: here, truth, expected, ...(truth === false && { actual: ["nothing that it finds"] }) };
  }
  if (key === "sightings" && map.sightings) {
    return { path: here, truth, ...sighted(map.sightings, subject) };
  }
  return { path: here, truth, expected: asked(map, key), ...measured(map, key, subject) };
}

/** What is asked of a measure or a level. */
function asked(map: Match, key: keyof Match): string {
  const { max_age, max_event_age, date, min_threat_level: lowest } = map;
  const within = key === "max_age" ? max_age : key === "max_event_age" ? max_event_age : undefined;
  if (within !== undefined) {
    return `within ${formatDuration(within)}`;
  }
  if (key === "date" && date) {
    return describeExpected(date);
  }
  if (key === "attributes" && map.attributes) {
    return describeCount(map.attributes);
  }
  return key === "min_threat_level" ? `${lowest} or higher` : written(map[key]);
}

/** How many sightings are asked for, and how many there are; where some may be missing, since when none is. */
function sighted(match: SightingMatch, { sightings, at }: Matchable): Pick<Obstruction, "expected" | "actual"> {
  const expected = describeSightings(match);
  const counted = countSightings(sightings, match, at);
  if (counted === undefined || sightings === undefined) {
    return { expected };
  }
  if (counted === "none" || sightings === "none") {
    return { expected, actual: ["none: it is about no single attribute"] };
  }
  const { atLeast, complete } = counted;
  const since = new Date(sightings.since).toISOString();
  return { expected, actual: [complete ? String(atLeast) : `${atLeast} or more, counted since ${since}`] };
}

/** Conditions as they are written, but for those that are kept in another form. */
function written(conditions: unknown): string {
  const plain = JSON.stringify(conditions, (key, value) => {
    if ((key === "max_age" || key === "max_event_age") && typeof value === "number") {
      return formatDuration(value);
    }
    if (key === "sightings") {
      return describeSightings(value as SightingMatch);
    }
    if (key === "date") {
      return describeExpected(value as NonNullable<Match["date"]>);
    }
    return key === "value" && Array.isArray(value) ? value.map((one: Expected) => describeExpected(one)) : value;
  });
  return plain === undefined ? "" : flow(JSON.parse(plain));
}

/** As YAML has it in one line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) {
    return value.length === 1 ? flow(value[0]) : `[${value.map(flow).join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${key}: ${flow(one)}`)
      .join(", ")} }`;
  }
  return typeof value === "string" && /^[\w.][\w .+|/-]*$/.test(value) ? value : JSON.stringify(value);
}

/** How many attributes are asked for. */
function describeCount({ min, max, type, to_ids }: CountMatch): string {
  return [
    [...(min === undefined ? [] : [`${min} or more`]), ...(max === undefined ? [] : [`${max} or fewer`])].join(", "),
    ...(type ? [`of type ${listed(type)}`] : []),
    ...(to_ids === undefined ? [] : [to_ids ? "for detection" : "not for detection"]),
  ].join(" ");
}

/** What of an `attribute:` map no attribute has; where there is none at all, that. */
function ofBlocks(
  blocks: readonly AttributeMatch[],
  path: string,
  truth: false | "unknown",
  subject: Matchable,
  watch: Watch,
): Obstruction {
  const { attributes } = subject;
  if (attributes.length === 0) {
    return { path, truth, expected: "an attribute", actual: ["none"] };
  }
  for (const block of blocks) {
    for (const [key, value] of Object.entries(block)) {
      const alone = ask([{ attribute: [{ [key]: value }] } as Match], subject, watch);
      if (alone !== true) {
        const known: readonly string[] = ATTRIBUTE_FACTS;
        const actual = known.includes(key) ? valuesOf(attributes, key) : undefined;
        return {
          path: `${path}.${key}`,
          truth: alone,
          expected: known.includes(key)
            ? listed(value as readonly Expected[])
            : key === "not"
              ? `not ${written(value)}`
              : written({ [key]: value }),
          ...(actual && { actual }),
        };
      }
    }
  }
  return { path, truth, expected: "one attribute of which all of it holds", actual: ["several, each in part"] };
}

function valuesOf(attributes: readonly AttributeFacts[], key: string): readonly string[] | undefined {
  const values = attributes.flatMap((attribute) => (Reflect.get(attribute, key) as Fact | undefined)?.values ?? []);
  if (values.length > 0) {
    return bounded([...new Set(values)]);
  }
  return attributes.some((attribute) => Reflect.get(attribute, key) === undefined) ? undefined : ["none"];
}

function hitsOf({ attributes }: Matchable, watch: Watch): readonly string[] {
  const hits = bounded([
    ...new Set(attributes.flatMap((attribute) => watch.hits(attribute).map(({ label }) => label))),
  ]);
  return hits.length > 0 ? hits : ["none"];
}

function actualOf(fact: Fact | undefined): readonly string[] | undefined {
  if (!fact) {
    return undefined;
  }
  return fact.values.length === 0 && fact.complete ? ["none"] : bounded(fact.values);
}

const MEASURED: Partial<Readonly<Record<keyof Match, "changed_at" | "date" | "attribute_count">>> = {
  max_age: "changed_at",
  max_event_age: "date",
  date: "date",
  attributes: "attribute_count",
};

function measured(
  { attributes }: Match,
  key: keyof Match,
  subject: Matchable,
): { readonly actual?: readonly string[] } {
  if (key === "min_threat_level") {
    const actual = actualOf(subject.facts.threat_level);
    return actual ? { actual } : {};
  }
  const name = MEASURED[key];
  // Of some attributes those are meant that the rule counts.
  const measure =
    attributes && key === "attributes" ? compileCounter(attributes)(subject) : name && subject.measures[name];
  if (measure === undefined) {
    return {};
  }
  if (measure === "none") {
    return { actual: ["none"] };
  }
  const text = name === "attribute_count" ? String(measure.atLeast) : new Date(measure.atLeast).toISOString();
  return { actual: [measure.complete ? text : `${text} or more`] };
}

function listed(values: readonly Expected[]): string {
  return bounded(values.map(describeExpected)).join(" or ");
}

function bounded(values: readonly string[]): readonly string[] {
  const shown = values
    .slice(0, MAX_VALUES)
    .map((text) => (text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH).toWellFormed()}…` : text));
  return values.length > MAX_VALUES ? [...shown, `and ${values.length - MAX_VALUES} more`] : shown;
}
