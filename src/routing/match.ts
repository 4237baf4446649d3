import type { Reason } from "../model/evidence.ts";
import type { AttributeFacts, Fact, Matchable, Measure, Truth } from "../model/message.ts";
import { ATTRIBUTE_FACTS, FACTS, type FactName, type MeasureName, THREAT_LEVELS } from "../model/vocabulary.ts";
import { countSightings, isBelow, reaches } from "./measures.ts";
import { compilePaths } from "./paths.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import type { AttributeMatch, CountMatch, Expected, Match, SightingMatch } from "./schema.ts";
import { compileHit, compileValueTest } from "./value-test.ts";
import { type Hit, NO_WATCH, type Watch } from "./watch.ts";

/** By what a rule is true: attributes by their place in the subject, objects by their name. */
export type Why = Reason<number, string>;

/** A part of a rule: whether it holds, and by what. `why` is asked of what it holds of, and of nothing else. */
interface Condition {
  readonly test: (subject: Matchable) => Truth;
  readonly why: (subject: Matchable) => Why;
  /** What it looks at, but for what attributes have. */
  readonly looks: readonly Look[];
}
type Look = { readonly fact: FactName } | { readonly measure: MeasureName };
type Test<T> = (subject: T) => Truth;

/** A compiled `match:`. */
export interface CompiledMatch {
  readonly matches: Test<Matchable>;
  /** By what a subject of which it is true made it so. */
  readonly why: (subject: Matchable) => Why;
  /** The attributes that an `attribute:` block, outside `not`, is true of: what a reader wants to see first. Absent: no block. */
  readonly picks?: (attribute: AttributeFacts) => boolean;
  /** What the entries of watch lists are called that these attributes hit, as far as the rule asks for them. */
  readonly labels: (attributes: readonly AttributeFacts[]) => readonly string[];
}

/** Bounds what a reason names: of so many that make a rule true, one is still visible. */
const MAX_NAMED = 5;
const NOTHING: Why = { all: [] };
/** More labels than these make no group that means anything. */
const MAX_LABELS = 20;

/** What a rule is compiled with, and what is gathered of it outside `not`. */
interface Compiling {
  readonly watch: Watch;
  readonly blocks: Test<AttributeFacts>[];
  /** The entries of watch lists that it asks for. */
  readonly wanted: ((hit: Hit) => boolean)[];
}

/** Compiles a rule's conditions; maps of a list are alternatives, no list at all holds always. Throws for a bad regular expression. */
export function compileMatch(match: readonly Match[] | undefined, watch: Watch = NO_WATCH): CompiledMatch {
  if (match === undefined) {
    return { matches: () => true, why: () => NOTHING, labels: () => [] };
  }
  const compiling: Compiling = { watch, blocks: [], wanted: [] };
  const { test: matches, why } = anyOf(match.map((map) => compileMap(map, compiling)));
  const { blocks, wanted } = compiling;
  const picks = (attribute: AttributeFacts) => blocks.some((block) => block(attribute) === true);
  const labels = (attributes: readonly AttributeFacts[]) =>
    wanted.length === 0
      ? []
      : labelsOf(attributes.filter(picks), watch, (hit) => wanted.some((isWanted) => isWanted(hit)));
  return { matches, why, labels, ...(blocks.length > 0 && { picks }) };
}

function labelsOf(
  attributes: readonly AttributeFacts[],
  watch: Watch,
  isWanted: (hit: Hit) => boolean,
): readonly string[] {
  const labels = new Set<string>();
  for (const attribute of attributes) {
    for (const hit of watch.hits(attribute)) {
      if (labels.size < MAX_LABELS && isWanted(hit)) {
        labels.add(hit.label);
      }
    }
  }
  return [...labels];
}

function compileMap(match: Match, compiling: Compiling): Condition {
  const conditions: Condition[] = [];
  const { watch, blocks, wanted } = compiling;
  for (const name of FACTS) {
    const values = match[name];
    if (values && name !== "watch") {
      conditions.push(compileFact(name, values));
    }
  }
  if (match.watch) {
    const isHit = compileHit(undefined, match.watch);
    wanted.push(isHit);
    conditions.push(compileBlock((attribute) => hitBy(attribute, isHit, watch), blocks));
  }
  const lowest = match.min_threat_level;
  if (lowest) {
    conditions.push(compileFact("threat_level", THREAT_LEVELS.slice(0, THREAT_LEVELS.indexOf(lowest) + 1)));
  }
  conditions.push(...compileMeasures(match));
  if (match.jsonpath) {
    conditions.push(compileJsonPath(match.jsonpath));
  }
  if (match.sightings) {
    conditions.push(compileSightings(match.sightings));
  }
  if (match.attribute) {
    conditions.push(
      compileBlock(anyTrue(match.attribute.map((block) => compileAttribute(block, watch, wanted))), blocks),
    );
  }
  if (match.all) {
    conditions.push(allOf(match.all.map((map) => compileMap(map, compiling))));
  }
  if (match.any) {
    conditions.push(anyOf(match.any.map((map) => compileMap(map, compiling))));
  }
  if (match.not) {
    const apart: Compiling = { watch, blocks: [], wanted: [] };
    conditions.push(not(anyOf(match.not.map((map) => compileMap(map, apart)))));
  }
  return allOf(conditions);
}

/** That one attribute is so. */
function compileBlock(block: Test<AttributeFacts>, blocks: Test<AttributeFacts>[]): Condition {
  blocks.push(block);
  return {
    test: ({ attributes, attributesComplete }) => someAttribute(block, attributes, attributesComplete),
    why: ({ attributes }) => ({ attributes: placesOf(attributes, (attribute) => block(attribute) === true) }),
    looks: [],
  };
}

function hitBy(attribute: AttributeFacts, isHit: (hit: Hit) => boolean, watch: Watch): Truth {
  return attribute.value ? watch.hits(attribute).some(isHit) : "unknown";
}

function compileFact(name: FactName, values: readonly string[]): Condition {
  const patterns = values.map(compilePattern);
  const test = compileValues(patterns);
  return {
    test: ({ facts }) => test(facts[name]),
    why: (subject) => whyFact(name, patterns, subject),
    looks: [{ fact: name }],
  };
}

/** That a path finds something: what it finds, and what its filters looked at, has to be what readers may see. */
function compileJsonPath(match: readonly string[]): Condition {
  const { test, places, named } = compilePaths(match);
  return {
    test: ({ document }) => test(document),
    why: (subject) => {
      const found = places(subject.document);
      return joined("all", found.length > 0 ? found : [wholeOf(subject)]);
    },
    looks: named.flatMap((place) => ("fact" in place || "measure" in place ? [place] : [])),
  };
}

/** What is told of the event where its readers get more of it than a pointer. */
function wholeOf({ facts }: Matchable): Why {
  const whole = (["info", "org", "distribution", "threat_level"] as const).find((name) => facts[name] !== undefined);
  return { fact: whole ?? "event_uuid" };
}

/** That the attribute was sighted so often; it has to be one that readers may see. */
function compileSightings(match: SightingMatch): Condition {
  return {
    test: ({ sightings, at }) => reaches(countSightings(sightings, match, at), match.min),
    why: ({ attributes }) => ({ attributes: attributes.length > 0 ? [0] : [] }),
    looks: [],
  };
}

function compileMeasures({ max_age: age, max_event_age: eventAge, date, attributes }: Match): readonly Condition[] {
  const { after, before } = date ?? {};
  return [
    ...(age === undefined ? [] : [compileMeasure("changed_at", (measure, at) => reaches(measure, at - age))]),
    ...(eventAge === undefined ? [] : [compileMeasure("date", (measure, at) => reaches(measure, at - eventAge))]),
    ...(after === undefined ? [] : [compileMeasure("date", (measure) => reaches(measure, after))]),
    ...(before === undefined ? [] : [compileMeasure("date", (measure) => isBelow(measure, before))]),
    ...(attributes === undefined ? [] : compileCount(attributes)),
  ];
}

function compileCount(match: CountMatch): readonly Condition[] {
  const { min, max } = match;
  const count = compileCounter(match);
  return [
    ...(min === undefined ? [] : [compileMeasure("attribute_count", (measure) => reaches(measure, min), count)]),
    ...(max === undefined ? [] : [compileMeasure("attribute_count", (measure) => isBelow(measure, max + 1), count)]),
  ];
}

/** How many attributes a condition counts: all, or those of a type, or for detection. */
export function compileCounter({ type, to_ids }: CountMatch): (subject: Matchable) => Measure | undefined {
  if (type === undefined && to_ids === undefined) {
    return ({ measures }) => measures.attribute_count;
  }
  const patterns = type?.map(compilePattern);
  const isCounted = (cell: { readonly type: string; readonly toIds: boolean }) =>
    (to_ids === undefined || cell.toIds === to_ids) && (patterns?.some((pattern) => pattern(cell.type)) ?? true);
  return ({ tally }) =>
    typeof tally !== "object"
      ? tally
      : {
          atLeast: tally.cells.reduce((sum, cell) => sum + (isCounted(cell) ? cell.n : 0), 0),
          complete: tally.complete,
        };
}

function compileMeasure(
  name: MeasureName,
  holds: (measure: Measure | undefined, at: number) => Truth,
  measure: (subject: Matchable) => Measure | undefined = ({ measures }) => measures[name],
): Condition {
  const look = { measure: name };
  return { test: (subject) => holds(measure(subject), subject.at), why: () => look, looks: [look] };
}

/** Tags and objects of parts are no facts of the event: they are as visible as those parts. */
function whyFact(name: FactName, patterns: readonly Pattern[], { facts, attributes }: Matchable): Why {
  const holds = (fact: Fact | undefined) =>
    fact?.values.some((text) => patterns.some((pattern) => pattern(text))) ?? false;
  if (name === "tag" && !holds(facts.event_tag)) {
    const tagged = placesOf(attributes, (attribute) => holds(attribute.tag));
    return tagged.length > 0 ? { attributes: tagged } : { fact: name };
  }
  if (name === "object") {
    const names = facts.object?.values.filter((text) => patterns.some((pattern) => pattern(text))) ?? [];
    return { objects: names.slice(0, MAX_NAMED) };
  }
  return { fact: name };
}

function placesOf(
  attributes: readonly AttributeFacts[],
  isOne: (attribute: AttributeFacts) => boolean,
): readonly number[] {
  const places: number[] = [];
  for (const [place, attribute] of attributes.entries()) {
    if (isOne(attribute)) {
      places.push(place);
    }
    if (places.length === MAX_NAMED) {
      break;
    }
  }
  return places;
}

function compileAttribute(match: AttributeMatch, watch: Watch, wanted: Compiling["wanted"]): Test<AttributeFacts> {
  const conditions: Test<AttributeFacts>[] = [];
  for (const name of ATTRIBUTE_FACTS) {
    const values: readonly Expected[] | undefined = match[name];
    if (values) {
      const patterns = values.filter((value) => typeof value === "string").map(compilePattern);
      const tests = values.filter((value) => typeof value !== "string");
      const holds = compileValues(patterns);
      const text: Test<AttributeFacts> = (attribute) => holds(attribute[name]);
      wanted.push(...tests.flatMap(({ list, label }) => (list ? [compileHit(list, label)] : [])));
      const others = tests.map((test) => compileValueTest(test, watch));
      conditions.push(others.length === 0 ? text : anyTrue([...(patterns.length > 0 ? [text] : []), ...others]));
    }
  }
  const { max_age: age } = match;
  if (age !== undefined) {
    conditions.push((attribute) => (attribute.age === undefined ? "unknown" : attribute.age <= age));
  }
  if (match.all) {
    conditions.push(allTrue(match.all.map((block) => compileAttribute(block, watch, wanted))));
  }
  if (match.any) {
    conditions.push(anyTrue(match.any.map((block) => compileAttribute(block, watch, wanted))));
  }
  if (match.not) {
    conditions.push(opposite(compileAttribute(match.not, watch, [])));
  }
  return allTrue(conditions);
}

function compileValues(patterns: readonly Pattern[]): Test<Fact | undefined> {
  return (fact) => {
    if (!fact) {
      return "unknown";
    }
    if (fact.values.some((text) => patterns.some((pattern) => pattern(text)))) {
      return true;
    }
    return fact.complete ? false : "unknown";
  };
}

function someAttribute(block: Test<AttributeFacts>, attributes: readonly AttributeFacts[], complete: boolean): Truth {
  let result: Truth = complete ? false : "unknown";
  for (const attribute of attributes) {
    const truth = block(attribute);
    if (truth === true) {
      return true;
    }
    if (truth === "unknown") {
      result = "unknown";
    }
  }
  return result;
}

function allOf(conditions: readonly Condition[]): Condition {
  return {
    test: allTrue(conditions.map(({ test }) => test)),
    why: (subject) =>
      joined(
        "all",
        conditions.map(({ why }) => why(subject)),
      ),
    looks: looksOf(conditions),
  };
}

function anyOf(conditions: readonly Condition[]): Condition {
  return {
    test: anyTrue(conditions.map(({ test }) => test)),
    why: (subject) => {
      const true_ = conditions.filter(({ test }) => test(subject) === true).slice(0, MAX_NAMED);
      return joined(
        "any",
        true_.map(({ why }) => why(subject)),
      );
    },
    looks: looksOf(conditions),
  };
}

/** That something is not so tells of the facts that are known to be otherwise. */
function not({ test, looks }: Condition): Condition {
  return {
    test: opposite(test),
    why: (subject) => joined("all", looks.filter((look) => isKnown(look, subject)).map(whyNot)),
    looks,
  };
}

/** What no part has, objects among them, no part tells. */
function whyNot(look: Look): Why {
  return "fact" in look && look.fact === "object" ? NOTHING : look;
}

function isKnown(look: Look, { facts, measures }: Matchable): boolean {
  return ("fact" in look ? facts[look.fact] : measures[look.measure]) !== undefined;
}

function looksOf(conditions: readonly Condition[]): readonly Look[] {
  const looks = conditions.flatMap((condition) => condition.looks);
  return [...new Map(looks.map((look) => ["fact" in look ? look.fact : look.measure, look])).values()];
}

function joined(how: "all" | "any", reasons: readonly Why[]): Why {
  const [only, ...others] = reasons;
  if (only && others.length === 0) {
    return only;
  }
  if (how === "any") {
    return { any: reasons };
  }
  return { all: reasons };
}

/** Three-valued logic (Kleene): unknown stays unknown unless the others decide. */
function allTrue<T>(conditions: readonly Test<T>[]): Test<T> {
  return (subject) => {
    let result: Truth = true;
    for (const condition of conditions) {
      const truth = condition(subject);
      if (truth === false) {
        return false;
      }
      if (truth === "unknown") {
        result = "unknown";
      }
    }
    return result;
  };
}

function anyTrue<T>(conditions: readonly Test<T>[]): Test<T> {
  return (subject) => {
    let result: Truth = false;
    for (const condition of conditions) {
      const truth = condition(subject);
      if (truth === true) {
        return true;
      }
      if (truth === "unknown") {
        result = "unknown";
      }
    }
    return result;
  };
}

function opposite<T>(condition: Test<T>): Test<T> {
  return (subject) => {
    const truth = condition(subject);
    return truth === "unknown" ? truth : !truth;
  };
}
