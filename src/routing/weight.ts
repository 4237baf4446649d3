import type { Message } from "../model/message.ts";
import { isExpression } from "./pattern.ts";
import type { AttributeMatch, Match } from "./schema.ts";

/** So many characters are compared with one expression in about a tenth of a second. */
const MOST = 500_000;
/** What has less than this is never heavy: a thread would cost more than what it takes over. */
const LEAST_TEXT = 2 ** 15;

/** How many regular expressions of these routes are asked of each attribute. */
export function expressionsIn(matches: readonly (readonly Match[] | undefined)[]): number {
  return sum(matches.map((match) => sum((match ?? []).map(expressionsOf))));
}

/** A path's own, of which each may be asked of each text. */
const IN_PATH = /\b(?:match|search)\s*\(/g;

function expressionsOf({ all = [], any = [], not = [], attribute = [], jsonpath = [] }: Match): number {
  const inPaths = jsonpath.map((path) => path.match(IN_PATH)?.length ?? 0);
  return sum([...inPaths, ...[...all, ...any, ...not].map(expressionsOf), ...attribute.map(expressionsOfAttribute)]);
}

function expressionsOfAttribute({ all = [], any = [], not, ...facts }: AttributeMatch): number {
  const values = Object.values(facts).flat();
  const own = values.filter((value) => typeof value === "string" && isExpression(value)).length;
  return own + sum([...all, ...any, ...(not ? [not] : [])].map(expressionsOfAttribute));
}

/** How many characters attributes may have to be compared with so many expressions in one turn of the loop. */
export function mostText(expressions: number): number {
  return expressions === 0 ? Number.POSITIVE_INFINITY : Math.max(LEAST_TEXT, MOST / expressions);
}

/** How many characters the attributes of a message have. */
export function textIn({ attributes }: Pick<Message, "attributes">): number {
  let text = 0;
  for (const { value = "", comment = "" } of attributes) {
    text += value.length + comment.length;
  }
  return text;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
