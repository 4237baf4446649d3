import { JSONPathError, type JSONPathQuery, jsonpath } from "json-p3";
import { compileIRegexp, type Pattern } from "./pattern.ts";

// What a path says, read by a library that keeps to RFC 9535, as plain data. It is evaluated here (path-evaluate.ts): what is
// not known of an event is no part of the RFC, nor is a bound of the work.

/** A path of segments, from the root or from the node that a filter looks at. */
export interface PathQuery {
  readonly fromRoot: boolean;
  readonly segments: readonly Segment[];
}

export interface Segment {
  /** It looks at all below, too. */
  readonly isDeep: boolean;
  readonly selectors: readonly Selector[];
}

export type Selector =
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "all" }
  | { readonly type: "index"; readonly index: number }
  | { readonly type: "slice"; readonly start?: number; readonly stop?: number; readonly step: number }
  | { readonly type: "filter"; readonly test: Test };

export type Test =
  | { readonly type: "and" | "or"; readonly left: Test; readonly right: Test }
  | { readonly type: "not"; readonly test: Test }
  | { readonly type: "exists"; readonly query: PathQuery }
  | { readonly type: "compare"; readonly operator: Operator; readonly left: Operand; readonly right: Operand }
  | { readonly type: "like"; readonly text: Operand; readonly matches: Pattern };

export type Operator = "==" | "!=" | "<" | "<=" | ">" | ">=";

export type Operand =
  | { readonly type: "literal"; readonly value: string | number | boolean | null }
  | { readonly type: "query"; readonly query: PathQuery }
  | { readonly type: "length"; readonly of: Operand }
  | { readonly type: "count" | "value"; readonly query: PathQuery };

/** A longer one is a mistake, or takes long to read. */
const MAX_PATH = 2_000;
/** No event is so deep. */
const MAX_SEGMENTS = 32;

/** Reads a path; throws SyntaxError that says what is wrong with it, and where. */
export function parsePath(text: string): PathQuery {
  if (text.length > MAX_PATH) {
    throw new SyntaxError(`is longer than ${MAX_PATH} characters`);
  }
  try {
    return readQuery(jsonpath.compile(text), true);
  } catch (error) {
    if (error instanceof JSONPathError) {
      const said = error.message.replace(/ \('.*'?:\d+\)$/s, "");
      throw new SyntaxError(`is no JSONPath (RFC 9535): ${said}, at character ${error.token.index + 1}`);
    }
    if (error instanceof RangeError) {
      throw new SyntaxError("is nested too deeply");
    }
    throw error;
  }
}

function readQuery({ segments }: JSONPathQuery, fromRoot: boolean): PathQuery {
  if (segments.length > MAX_SEGMENTS) {
    throw new SyntaxError(`has more than ${MAX_SEGMENTS} segments`);
  }
  return {
    fromRoot,
    segments: segments.map((segment) => ({
      isDeep: segment.toString().startsWith(".."),
      selectors: segment.selectors.map(readSelector),
    })),
  };
}

const { selectors: S, expressions: E } = jsonpath;

function readSelector(selector: InstanceType<typeof jsonpath.JSONPathSelector>): Selector {
  if (selector instanceof S.NameSelector) {
    return { type: "name", name: selector.name };
  }
  if (selector instanceof S.WildcardSelector) {
    return { type: "all" };
  }
  if (selector instanceof S.IndexSelector) {
    return { type: "index", index: selector.index };
  }
  if (selector instanceof S.SliceSelector) {
    const { start, stop, step = 1 } = selector;
    return { type: "slice", ...(start !== undefined && { start }), ...(stop !== undefined && { stop }), step };
  }
  if (selector instanceof S.FilterSelector) {
    return { type: "filter", test: readTest(selector.expression) };
  }
  throw new SyntaxError("has a selector that RFC 9535 does not have");
}

type Expression = InstanceType<typeof E.FilterExpression>;

function readTest(expression: Expression): Test {
  if (expression instanceof E.LogicalExpression) {
    return readTest(expression.expression);
  }
  if (expression instanceof E.PrefixExpression) {
    return { type: "not", test: readTest(expression.right) };
  }
  if (expression instanceof E.FilterQuery) {
    return { type: "exists", query: readFilterQuery(expression) };
  }
  if (expression instanceof E.FunctionExtension) {
    return readLike(expression);
  }
  if (expression instanceof E.InfixExpression) {
    const { operator, left, right } = expression;
    if (operator === "&&" || operator === "||") {
      return { type: operator === "&&" ? "and" : "or", left: readTest(left), right: readTest(right) };
    }
    if (isOperator(operator)) {
      return { type: "compare", operator, left: readOperand(left), right: readOperand(right) };
    }
  }
  throw new SyntaxError("has a test that RFC 9535 does not have");
}

/** `match` and `search`; whose pattern is from the event has it from whoever wrote that. */
function readLike({ name, args }: InstanceType<typeof E.FunctionExtension>): Test {
  const [text, pattern] = args;
  if ((name !== "match" && name !== "search") || !text || !pattern) {
    throw new SyntaxError(`has ${name}(), which is no test`);
  }
  if (!(pattern instanceof E.StringLiteral)) {
    throw new SyntaxError(`needs a text as the pattern of ${name}(): one from an event may be anything`);
  }
  try {
    return { type: "like", text: readOperand(text), matches: compileIRegexp(pattern.value, name === "match") };
  } catch {
    throw new SyntaxError(`has a pattern in ${name}() that is none: RE2 cannot read it`);
  }
}

function readOperand(expression: Expression): Operand {
  if (expression instanceof E.StringLiteral || expression instanceof E.NumberLiteral) {
    return { type: "literal", value: expression.value };
  }
  if (expression instanceof E.BooleanLiteral) {
    return { type: "literal", value: expression.value };
  }
  if (expression instanceof E.NullLiteral) {
    return { type: "literal", value: null };
  }
  if (expression instanceof E.FilterQuery) {
    return { type: "query", query: readFilterQuery(expression) };
  }
  if (expression instanceof E.FunctionExtension) {
    const { name, args } = expression;
    const [first] = args;
    if (name === "length" && first) {
      return { type: "length", of: readOperand(first) };
    }
    if ((name === "count" || name === "value") && first instanceof E.FilterQuery) {
      return { type: name, query: readFilterQuery(first) };
    }
  }
  throw new SyntaxError("compares what RFC 9535 does not compare");
}

function readFilterQuery(query: InstanceType<typeof E.FilterQuery>): PathQuery {
  return readQuery(query.path, query instanceof E.RootQuery);
}

function isOperator(operator: string): operator is Operator {
  return ["==", "!=", "<", "<=", ">", ">="].includes(operator);
}

/** All names of members that a path asks for. */
export function namesIn({ segments }: PathQuery): readonly string[] {
  return segments.flatMap(({ selectors }) =>
    selectors.flatMap((selector) =>
      selector.type === "name" ? [selector.name] : selector.type === "filter" ? namesInTest(selector.test) : [],
    ),
  );
}

function namesInTest(test: Test): readonly string[] {
  switch (test.type) {
    case "and":
    case "or":
      return [...namesInTest(test.left), ...namesInTest(test.right)];
    case "not":
      return namesInTest(test.test);
    case "exists":
      return namesIn(test.query);
    case "compare":
      return [...namesInOperand(test.left), ...namesInOperand(test.right)];
    case "like":
      return namesInOperand(test.text);
  }
}

function namesInOperand(operand: Operand): readonly string[] {
  switch (operand.type) {
    case "literal":
      return [];
    case "length":
      return namesInOperand(operand.of);
    default:
      return namesIn(operand.query);
  }
}
