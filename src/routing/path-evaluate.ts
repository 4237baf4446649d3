import type { PathDocument } from "../model/document.ts";
import type { Truth } from "../model/message.ts";
import type { Operand, Operator, PathQuery, Segment, Selector, Test } from "./path-syntax.ts";

/** Stands in a document for what is not known: maybe nothing, maybe anything. */
export const UNKNOWN: unique symbol = Symbol("unknown");
/** The same where it has no members, such as a text. */
export const UNKNOWN_TEXT: unique symbol = Symbol("unknown text");

/** A node that a path finds, and what made it find that one. */
export interface FoundNode<Place> {
  readonly value: unknown;
  readonly places: readonly Place[];
}

interface Node<Place> extends FoundNode<Place> {
  /** False: what is not known may make it one, or none. */
  readonly isSure: boolean;
  /** Where it stands. */
  readonly place: Place | undefined;
}

/** Ends the work on a path that takes too much of it. */
class TooMuch extends Error {}

const STEPS_PER_NODE = 20;
const LEAST_STEPS = 20_000;
/** Reading so many characters of a text is one step. */
const TEXT_PER_STEP = 8;
const MAX_COUNTED = 5;

/**
 * Whether a path finds anything: what it finds first, or false; `unknown` where what is not known decides, or where the work is
 * more than a multiple of the document. Nodes are found in the order of RFC 9535.
 */
export function firstOf<Place>(query: PathQuery, document: PathDocument<Place>): FoundNode<Place> | false | "unknown" {
  let isOpen = false;
  try {
    for (const { isSure, ...node } of new Run(document).nodes(query)) {
      if (isSure) {
        return node;
      }
      isOpen = true;
    }
  } catch (error) {
    if (!(error instanceof TooMuch)) {
      throw error;
    }
    return "unknown";
  }
  return isOpen ? "unknown" : false;
}

/** All that a path finds of what is known. */
export function allOf<Place>(query: PathQuery, document: PathDocument<Place>): readonly FoundNode<Place>[] {
  return [...new Run(document).nodes(query)].filter(({ isSure }) => isSure);
}

/** What a test comes to, and what made it true. */
interface Verdict<Place> {
  readonly truth: Truth;
  readonly places: readonly Place[];
}

const NOTHING: unique symbol = Symbol("nothing");
interface Value<Place> {
  readonly value: unknown;
  readonly places: readonly Place[];
}

class Run<Place> {
  readonly #document: PathDocument<Place>;
  readonly #root: Node<Place>;
  #steps: number;

  constructor(document: PathDocument<Place>) {
    this.#document = document;
    this.#steps = Math.max(LEAST_STEPS, STEPS_PER_NODE * document.size);
    this.#root = { value: document.root, isSure: !isUnknown(document.root), places: [], place: undefined };
  }

  *nodes({ segments }: PathQuery, from = this.#root, at = 0): Generator<Node<Place>> {
    const segment = segments[at];
    if (!segment) {
      yield from;
      return;
    }
    for (const node of segment.isDeep ? this.#deep(from, segment) : this.#select(from, segment)) {
      yield* this.nodes({ fromRoot: false, segments }, node, at + 1);
    }
  }

  *#deep(node: Node<Place>, segment: Segment): Generator<Node<Place>> {
    yield* this.#select(node, segment);
    if (node.value !== UNKNOWN) {
      for (const child of this.#children(node)) {
        yield* this.#deep(child, segment);
      }
    }
  }

  *#select(node: Node<Place>, { selectors }: Segment): Generator<Node<Place>> {
    for (const selector of selectors) {
      this.#step();
      if (node.value === UNKNOWN) {
        yield node;
      } else {
        yield* this.#apply(node, selector);
      }
    }
  }

  *#apply(node: Node<Place>, selector: Selector): Generator<Node<Place>> {
    const { value } = node;
    switch (selector.type) {
      case "name":
        if (isMap(value) && Object.hasOwn(value, selector.name)) {
          yield this.#child(node, selector.name, value[selector.name]);
        }
        return;
      case "all":
        yield* this.#children(node);
        return;
      case "index":
        yield* this.#at(node, selector.index);
        return;
      case "slice":
        yield* this.#slice(node, selector);
        return;
      case "filter":
        for (const child of this.#children(node)) {
          const { truth, places } = this.#test(selector.test, child);
          if (truth !== false) {
            yield { ...child, isSure: child.isSure && truth === true, places: [...child.places, ...places] };
          }
        }
    }
  }

  *#children(node: Node<Place>): Generator<Node<Place>> {
    const { value } = node;
    if (Array.isArray(value)) {
      for (const [index, one] of value.entries()) {
        yield this.#child(node, index, one);
      }
    } else if (isMap(value)) {
      for (const key of Object.keys(value)) {
        yield this.#child(node, key, value[key]);
      }
    }
  }

  /** Of a list that goes on in a way that is not known, only what comes before has its place. */
  *#at(node: Node<Place>, index: number): Generator<Node<Place>> {
    const { value } = node;
    if (!Array.isArray(value)) {
      return;
    }
    const { known, goesOn } = extentOf(value);
    const place = index < 0 ? known + index : index;
    if (goesOn && (index < 0 || place >= known)) {
      yield this.#child(node, known, UNKNOWN);
    } else if (place >= 0 && place < known) {
      yield this.#child(node, place, value[place]);
    }
  }

  *#slice(node: Node<Place>, { start, stop, step }: Extract<Selector, { type: "slice" }>): Generator<Node<Place>> {
    const { value } = node;
    if (!Array.isArray(value) || step === 0) {
      return;
    }
    const { known, goesOn } = extentOf(value);
    if (goesOn && (step < 0 || (start ?? 0) < 0 || (stop ?? 0) < 0)) {
      yield this.#child(node, known, UNKNOWN);
      return;
    }
    const within = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + known : at, low), high);
    if (step > 0) {
      const end = within(stop ?? known, 0, known);
      for (let at = within(start ?? 0, 0, known); at < end; at += step) {
        yield this.#child(node, at, value[at]);
      }
    } else {
      const end = stop === undefined ? -1 : within(stop, -1, known - 1);
      for (let at = start === undefined ? known - 1 : within(start, -1, known - 1); at > end; at += step) {
        yield this.#child(node, at, value[at]);
      }
    }
    if (goesOn && (stop ?? Number.POSITIVE_INFINITY) > known) {
      yield this.#child(node, known, UNKNOWN);
    }
  }

  #child({ value: parent, isSure, places, place }: Node<Place>, key: string | number, value: unknown): Node<Place> {
    this.#step();
    const own = this.#document.placeOf(parent, key) ?? place;
    const all = own === undefined || own === place ? places : [...places.filter((one) => one !== place), own];
    return { value, isSure: isSure && !isUnknown(value), places: all, place: own };
  }

  #test(test: Test, node: Node<Place>): Verdict<Place> {
    this.#step();
    switch (test.type) {
      case "and": {
        const left = this.#test(test.left, node);
        const right = left.truth === false ? left : this.#test(test.right, node);
        if (left.truth === false || right.truth === false) {
          return FALSE;
        }
        const isTrue = left.truth === true && right.truth === true;
        return isTrue ? { truth: true, places: [...left.places, ...right.places] } : MAYBE;
      }
      case "or": {
        const left = this.#test(test.left, node);
        if (left.truth === true) {
          return left;
        }
        const right = this.#test(test.right, node);
        return right.truth === true || left.truth === false ? right : MAYBE;
      }
      case "not": {
        const { truth } = this.#test(test.test, node);
        return truth === "unknown" ? MAYBE : { truth: !truth, places: [] };
      }
      case "exists":
        return this.#exists(test.query, node);
      case "compare":
        return this.#compare(test.operator, this.#value(test.left, node), this.#value(test.right, node));
      case "like": {
        const { value, places } = this.#value(test.text, node);
        if (isUnknown(value)) {
          return MAYBE;
        }
        if (typeof value !== "string") {
          return FALSE;
        }
        this.#step(value.length);
        return test.matches(value) ? { truth: true, places } : FALSE;
      }
    }
  }

  #exists(query: PathQuery, node: Node<Place>): Verdict<Place> {
    let verdict: Verdict<Place> = FALSE;
    for (const found of this.#from(query, node)) {
      if (found.isSure) {
        return { truth: true, places: found.places };
      }
      verdict = MAYBE;
    }
    return verdict;
  }

  #from(query: PathQuery, node: Node<Place>): Generator<Node<Place>> {
    return this.nodes(query, query.fromRoot ? this.#root : { ...node, places: [] });
  }

  #value(operand: Operand, node: Node<Place>): Value<Place> {
    switch (operand.type) {
      case "literal":
        return { value: operand.value, places: [] };
      case "length": {
        const { value, places } = this.#value(operand.of, node);
        return { value: this.#lengthOf(value), places };
      }
      case "count": {
        const places: Place[] = [];
        let n = 0;
        for (const found of this.#from(operand.query, node)) {
          if (!found.isSure) {
            return { value: UNKNOWN, places: [] };
          }
          n += 1;
          if (n <= MAX_COUNTED) {
            places.push(...found.places);
          }
        }
        return { value: n, places };
      }
      // A query that is compared finds one node at most.
      case "query":
      case "value": {
        const [first, ...more] = take(this.#from(operand.query, node), 2);
        if (!first || (more.length > 0 && [first, ...more].every(({ isSure }) => isSure))) {
          return { value: NOTHING, places: [] };
        }
        return first.isSure && more.length === 0
          ? { value: first.value, places: first.places }
          : { value: UNKNOWN, places: [] };
      }
    }
  }

  #lengthOf(value: unknown): unknown {
    if (isUnknown(value)) {
      return UNKNOWN;
    }
    if (typeof value === "string") {
      this.#step(value.length);
      let n = 0;
      for (const _ of value) {
        n += 1;
      }
      return n;
    }
    if (Array.isArray(value)) {
      const { known, goesOn } = extentOf(value);
      return goesOn ? UNKNOWN : known;
    }
    return isMap(value) ? Object.keys(value).length : NOTHING;
  }

  #compare(operator: Operator, left: Value<Place>, right: Value<Place>): Verdict<Place> {
    const isEqual = operator === "<" || operator === ">" ? false : this.#equals(left.value, right.value);
    const one = left.value;
    const other = right.value;
    let truth: Truth;
    if (isEqual === "unknown" || isUnknown(one) || isUnknown(other)) {
      truth = "unknown";
    } else if (operator === "==" || operator === "!=") {
      truth = (operator === "==") === isEqual;
    } else {
      truth = isEqual || (operator.startsWith("<") ? this.#isBelow(one, other) : this.#isBelow(other, one));
    }
    return truth === true ? { truth, places: [...left.places, ...right.places] } : truth === false ? FALSE : MAYBE;
  }

  #isBelow(one: unknown, other: unknown): boolean {
    if (typeof one === "number" && typeof other === "number") {
      return one < other;
    }
    if (typeof one === "string" && typeof other === "string") {
      this.#step(Math.min(one.length, other.length));
      return isTextBelow(one, other);
    }
    return false;
  }

  #equals(one: unknown, other: unknown): Truth {
    this.#step(typeof one === "string" ? one.length : 0);
    if (isUnknown(one) || isUnknown(other)) {
      return "unknown";
    }
    if (Array.isArray(one) && Array.isArray(other)) {
      return this.#allEqual(
        one.map((value, index) => [value, other[index]]),
        one.length === other.length,
      );
    }
    if (isMap(one) && isMap(other)) {
      const keys = Object.keys(one);
      const isAlike = keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key));
      return this.#allEqual(isAlike ? keys.map((key) => [one[key], other[key]]) : [], isAlike);
    }
    return one === other;
  }

  #allEqual(pairs: readonly (readonly [unknown, unknown])[], isAlike: boolean): Truth {
    let result: Truth = isAlike;
    for (const [one, other] of isAlike ? pairs : []) {
      const truth = this.#equals(one, other);
      if (truth === false) {
        return false;
      }
      result = truth === "unknown" ? truth : result;
    }
    return result;
  }

  /** One step, or as many as it takes to read so much text. */
  #step(text = 0): void {
    this.#steps -= 1 + text / TEXT_PER_STEP;
    if (this.#steps < 0) {
      throw new TooMuch();
    }
  }
}

const FALSE = { truth: false, places: [] } as const;
const MAYBE = { truth: "unknown", places: [] } as const;

function isUnknown(value: unknown): boolean {
  return value === UNKNOWN || value === UNKNOWN_TEXT;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** How much of a list is known, and whether there may be more. */
function extentOf(list: readonly unknown[]): { readonly known: number; readonly goesOn: boolean } {
  const goesOn = list.at(-1) === UNKNOWN;
  return { known: list.length - (goesOn ? 1 : 0), goesOn };
}

function take<T>(from: Iterable<T>, most: number): readonly T[] {
  const taken: T[] = [];
  for (const one of from) {
    taken.push(one);
    if (taken.length === most) {
      break;
    }
  }
  return taken;
}

/** By Unicode's numbers, not by UTF-16's. */
function isTextBelow(one: string, other: string): boolean {
  const most = Math.min(one.length, other.length);
  for (let at = 0; at < most; at += 1) {
    if (one.charCodeAt(at) !== other.charCodeAt(at)) {
      const before = one.charCodeAt(at - 1);
      const start = at > 0 && before >= 0xd800 && before < 0xdc00 ? at - 1 : at;
      return (one.codePointAt(start) ?? 0) < (other.codePointAt(start) ?? 0);
    }
  }
  return one.length < other.length;
}
