import type { Reason } from "../model/evidence.ts";
import type { AttributeFacts, Fact, Matchable, Truth } from "../model/message.ts";
import { ATTRIBUTE_FACTS, FACTS, type FactName, type MeasureName, THREAT_LEVELS } from "../model/vocabulary.ts";
import { reaches } from "./measures.ts";
import { compileLiteral, compilePattern, type Pattern } from "./pattern.ts";
import type { AttributeMatch, Expected, Match } from "./schema.ts";

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
}

/** Bounds what a reason names: of so many that make a rule true, one is still visible. */
const MAX_NAMED = 5;
const NOTHING: Why = { all: [] };

/** Compiles a rule's conditions; maps of a list are alternatives, no list at all holds always. Throws for a bad regular expression. */
export function compileMatch(match: readonly Match[] | undefined): CompiledMatch {
  const blocks: Test<AttributeFacts>[] = [];
  if (match === undefined) {
    return { matches: () => true, why: () => NOTHING };
  }
  const { test: matches, why } = anyOf(match.map((map) => compileMap(map, blocks)));
  if (blocks.length === 0) {
    return { matches, why };
  }
  return { matches, why, picks: (attribute) => blocks.some((block) => block(attribute) === true) };
}

function compileMap(match: Match, blocks: Test<AttributeFacts>[]): Condition {
  const conditions: Condition[] = [];
  for (const name of FACTS) {
    const values = match[name];
    if (values) {
      conditions.push(compileFact(name, values));
    }
  }
  const lowest = match.min_threat_level;
  if (lowest) {
    conditions.push(compileFact("threat_level", THREAT_LEVELS.slice(0, THREAT_LEVELS.indexOf(lowest) + 1)));
  }
  conditions.push(...compileMeasures(match));
  if (match.attribute) {
    const block = anyTrue(match.attribute.map(compileAttribute));
    blocks.push(block);
    conditions.push({
      test: ({ attributes, attributesComplete }) => someAttribute(block, attributes, attributesComplete),
      why: ({ attributes }) => ({ attributes: placesOf(attributes, (attribute) => block(attribute) === true) }),
      looks: [],
    });
  }
  if (match.all) {
    conditions.push(allOf(match.all.map((map) => compileMap(map, blocks))));
  }
  if (match.any) {
    conditions.push(anyOf(match.any.map((map) => compileMap(map, blocks))));
  }
  if (match.not) {
    conditions.push(not(anyOf(match.not.map((map) => compileMap(map, [])))));
  }
  return allOf(conditions);
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

function compileMeasures({ max_age: age, max_event_age: eventAge, attributes }: Match): readonly Condition[] {
  return [
    ...(age === undefined ? [] : [compileMeasure("changed_at", (at) => at - age)]),
    ...(eventAge === undefined ? [] : [compileMeasure("date", (at) => at - eventAge)]),
    ...(attributes === undefined ? [] : [compileMeasure("attribute_count", () => attributes.min)]),
  ];
}

function compileMeasure(name: MeasureName, lowest: (at: number) => number): Condition {
  const look = { measure: name };
  return { test: (subject) => reaches(subject, name, lowest), why: () => look, looks: [look] };
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

function compileAttribute(match: AttributeMatch): Test<AttributeFacts> {
  const conditions: Test<AttributeFacts>[] = [];
  for (const name of ATTRIBUTE_FACTS) {
    const values = match[name];
    if (values) {
      const holds = compileValues(values.map(compileExpected));
      conditions.push((attribute) => holds(attribute[name]));
    }
  }
  if (match.all) {
    conditions.push(allTrue(match.all.map(compileAttribute)));
  }
  if (match.any) {
    conditions.push(anyTrue(match.any.map(compileAttribute)));
  }
  if (match.not) {
    conditions.push(opposite(compileAttribute(match.not)));
  }
  return allTrue(conditions);
}

function compileExpected(value: Expected): Pattern {
  return typeof value === "string" ? compilePattern(value) : compileLiteral(value.is);
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
