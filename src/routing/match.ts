import type { AttributeFacts, Fact, Matchable, Truth } from "../model/message.ts";
import { ATTRIBUTE_FACTS, FACTS, THREAT_LEVELS } from "../model/vocabulary.ts";
import { compileLiteral, compilePattern } from "./pattern.ts";
import type { AttributeMatch, Expected, Match } from "./schema.ts";

type Condition<T> = (subject: T) => Truth;

/** A compiled `match:`. */
export interface CompiledMatch {
  readonly matches: Condition<Matchable>;
  /** The attributes that an `attribute:` block, outside `not`, is true of: what a reader wants to see first. Absent: no block. */
  readonly picks?: (attribute: AttributeFacts) => boolean;
}

/** Compiles a rule's conditions; maps of a list are alternatives, no list at all holds always. Throws for a bad regular expression. */
export function compileMatch(match: readonly Match[] | undefined): CompiledMatch {
  const blocks: Condition<AttributeFacts>[] = [];
  const matches = match === undefined ? () => true as const : anyOf(match.map((map) => compileMap(map, blocks)));
  if (blocks.length === 0) {
    return { matches };
  }
  return { matches, picks: (attribute) => blocks.some((block) => block(attribute) === true) };
}

function compileMap(match: Match, blocks: Condition<AttributeFacts>[]): Condition<Matchable> {
  const conditions: Condition<Matchable>[] = [];
  for (const name of FACTS) {
    const values = match[name];
    if (values) {
      const holds = compileValues(values);
      conditions.push(({ facts }) => holds(facts[name]));
    }
  }
  const lowest = match.min_threat_level;
  if (lowest) {
    const holds = compileValues(THREAT_LEVELS.slice(0, THREAT_LEVELS.indexOf(lowest) + 1));
    conditions.push(({ facts }) => holds(facts.threat_level));
  }
  if (match.attribute) {
    const block = anyOf(match.attribute.map(compileAttribute));
    blocks.push(block);
    conditions.push(({ attributes, attributesComplete }) => someAttribute(block, attributes, attributesComplete));
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

function compileAttribute(match: AttributeMatch): Condition<AttributeFacts> {
  const conditions: Condition<AttributeFacts>[] = [];
  for (const name of ATTRIBUTE_FACTS) {
    const values = match[name];
    if (values) {
      const holds = compileValues(values);
      conditions.push((attribute) => holds(attribute[name]));
    }
  }
  if (match.all) {
    conditions.push(allOf(match.all.map(compileAttribute)));
  }
  if (match.any) {
    conditions.push(anyOf(match.any.map(compileAttribute)));
  }
  if (match.not) {
    conditions.push(not(compileAttribute(match.not)));
  }
  return allOf(conditions);
}

function compileValues(values: readonly Expected[]): Condition<Fact | undefined> {
  const patterns = values.map((value) =>
    typeof value === "string" ? compilePattern(value) : compileLiteral(value.is),
  );
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

function someAttribute(
  block: Condition<AttributeFacts>,
  attributes: readonly AttributeFacts[],
  complete: boolean,
): Truth {
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

/** Three-valued logic (Kleene): unknown stays unknown unless the others decide. */
function allOf<T>(conditions: readonly Condition<T>[]): Condition<T> {
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

function anyOf<T>(conditions: readonly Condition<T>[]): Condition<T> {
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

function not<T>(condition: Condition<T>): Condition<T> {
  return (subject) => {
    const truth = condition(subject);
    return truth === "unknown" ? truth : !truth;
  };
}
