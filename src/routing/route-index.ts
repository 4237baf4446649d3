import type { Steps } from "../base/steps.ts";
import type { Fact, Matchable } from "../model/message.ts";
import { ATTRIBUTE_FACTS, type AttributeFactName, FACTS, type FactName, THREAT_LEVELS } from "../model/vocabulary.ts";
import { prefixOf } from "./network.ts";
import { networksAround, observedOf, parentsOf } from "./observed.ts";
import { foldText, literalsOf } from "./pattern.ts";
import type { AttributeMatch, Expected, Match, ValueTest } from "./schema.ts";
import { lengthsOf } from "./value-test.ts";
import { NO_WATCH, type Watch } from "./watch.ts";

// A route can only be true or unknown where one condition that it cannot do without is. The index finds, by the values of a
// message, the routes whose chosen condition holds or is unknown; all others are false, and are not asked. It gives too
// many rather than too few: whoever asks evaluates what it gives.

/** What is looked up by a text: the text itself as rules write it, or as it stands. */
type Sought = string | { readonly is: string };
/** What is looked up by what a value names. */
type Place = { readonly network: string } | { readonly domain: string } | { readonly list: string };

/**
 * One of the conditions that a route needs: a fact of the message, or of one of its attributes, is like one of these texts,
 * or the value of an attribute is at one of these places.
 */
type Need =
  | { readonly of: "message"; readonly fact: FactName; readonly values: readonly Sought[] }
  | { readonly of: "attribute"; readonly fact: AttributeFactName; readonly values: readonly Sought[] }
  | { readonly of: "value"; readonly fact: "value"; readonly values: readonly Place[] };

/** Of these one must hold; `cost` says how many messages will meet it, roughly. */
interface Choice {
  readonly needs: readonly Need[];
  readonly cost: number;
}

/** Finds by a message the places, in order, of the routes that may be true or unknown of it. */
export class RouteIndex {
  readonly #always: readonly number[];
  readonly #facts: ReadonlyMap<FactName, TextIndex>;
  readonly #attributeFacts: ReadonlyMap<AttributeFactName, TextIndex>;
  readonly #places: PlaceIndex;
  readonly #size: number;

  private constructor(
    size: number,
    always: readonly number[],
    facts: ReadonlyMap<FactName, TextIndex>,
    attributeFacts: ReadonlyMap<AttributeFactName, TextIndex>,
    places: PlaceIndex,
  ) {
    this.#size = size;
    this.#always = always;
    this.#facts = facts;
    this.#attributeFacts = attributeFacts;
    this.#places = places;
  }

  /** `matches` are the conditions of the routes, in file order; undefined: such a route is about every message. */
  static *making(matches: readonly (readonly Match[] | undefined)[], watch: Watch = NO_WATCH): Steps<RouteIndex> {
    const always: number[] = [];
    const places: (readonly [Place, number])[] = [];
    const gathered = new Map<string, { readonly need: Need; readonly entries: (readonly [Sought, number])[] }>();
    for (const [place, match] of matches.entries()) {
      yield;
      const choice = match && anyOf(match.map(choiceOf));
      if (!choice) {
        always.push(place);
        continue;
      }
      for (const need of choice.needs) {
        if (need.of === "value") {
          for (const value of need.values) {
            places.push([value, place]);
          }
          continue;
        }
        const key = `${need.of} ${need.fact}`;
        const into = gathered.get(key) ?? { need, entries: [] };
        gathered.set(key, into);
        for (const value of need.values) {
          into.entries.push([value, place]);
        }
      }
    }
    const facts = new Map<FactName, TextIndex>();
    const attributeFacts = new Map<AttributeFactName, TextIndex>();
    for (const { need, entries } of gathered.values()) {
      if (need.of === "message") {
        facts.set(need.fact, yield* TextIndex.making(entries));
      } else if (need.of === "attribute") {
        attributeFacts.set(need.fact, yield* TextIndex.making(entries));
      }
    }
    return new RouteIndex(matches.length, always, facts, attributeFacts, new PlaceIndex(places, watch));
  }

  /** How many routes there are. */
  get size(): number {
    return this.#size;
  }

  /** The places of the routes that must be asked about this message, in file order. */
  candidates(subject: Matchable): readonly number[] {
    const found = new Set(this.#always);
    for (const [name, index] of this.#facts) {
      index.find(subject.facts[name], found);
    }
    if (this.#attributeFacts.size > 0) {
      this.#findByAttributes(subject, found);
    }
    this.#places.find(subject, found);
    return found.size === this.#always.length ? this.#always : [...found].sort((a, b) => a - b);
  }

  #findByAttributes({ attributes, attributesComplete }: Matchable, found: Set<number>): void {
    for (const [name, index] of this.#attributeFacts) {
      if (!attributesComplete) {
        index.findAll(found);
        continue;
      }
      for (const attribute of attributes) {
        if (index.find(attribute[name], found)) {
          break;
        }
      }
    }
  }
}

/** Routes by the networks, domains and watch lists that the value of an attribute has to be in. */
class PlaceIndex {
  readonly #networks = new Map<string, number[]>();
  readonly #domains = new Map<string, number[]>();
  readonly #lists = new Map<string, number[]>();
  readonly #all: readonly number[];
  readonly #lengths: ReturnType<typeof lengthsOf>;
  readonly #watch: Watch;

  constructor(entries: readonly (readonly [place: Place, route: number])[], watch: Watch) {
    this.#watch = watch;
    this.#all = [...new Set(entries.map(([, route]) => route))];
    for (const [place, route] of entries) {
      if ("network" in place) {
        push(this.#networks, place.network, route);
      } else if ("domain" in place) {
        push(this.#domains, place.domain, route);
      } else {
        push(this.#lists, place.list, route);
      }
    }
    this.#lengths = lengthsOf(this.#networks.keys());
  }

  find({ attributes, attributesComplete }: Matchable, found: Set<number>): void {
    if (this.#all.length === 0) {
      return;
    }
    if (!attributesComplete || attributes.some(({ value }) => !value?.complete)) {
      addAll(found, this.#all);
      return;
    }
    for (const [list, routes] of this.#lists) {
      if (!this.#watch.has(list)) {
        addAll(found, routes);
      }
    }
    for (const attribute of attributes) {
      const { networks, domains } = observedOf(attribute);
      for (const network of this.#networks.size > 0 ? networks : []) {
        for (const key of networksAround(network, this.#lengths[network.bytes.length === 4 ? 4 : 16])) {
          addAll(found, this.#networks.get(key));
        }
      }
      for (const domain of this.#domains.size > 0 ? domains : []) {
        for (const parent of parentsOf(domain)) {
          addAll(found, this.#domains.get(parent));
        }
      }
      for (const { list } of this.#lists.size > 0 ? this.#watch.hits(attribute) : []) {
        addAll(found, this.#lists.get(list));
      }
    }
  }
}

/** How many characters of a glob are looked up together. */
const GRAM = 4;

/** Places by the texts that they need: whole texts by themselves, globs by their rarest four characters, others always. */
class TextIndex {
  readonly #whole = new Map<string, number[]>();
  readonly #grams = new Map<number, number[]>();
  readonly #any: number[] = [];
  readonly #all: readonly number[];

  private constructor(all: readonly number[]) {
    this.#all = all;
  }

  static *making(entries: readonly (readonly [text: Sought, place: number])[]): Steps<TextIndex> {
    const index = new TextIndex([...new Set(entries.map(([, place]) => place))]);
    const globs: { readonly grams: readonly number[]; readonly place: number }[] = [];
    const counts = new Map<number, number>();
    for (const [text, place] of entries) {
      yield;
      const literals = literalsOf(text);
      if (literals === undefined) {
        index.#any.push(place);
      } else if (typeof literals === "string") {
        push(index.#whole, literals, place);
      } else {
        const grams = literals.flatMap(gramsOf);
        globs.push({ grams, place });
        for (const gram of new Set(grams)) {
          counts.set(gram, (counts.get(gram) ?? 0) + 1);
        }
      }
    }
    for (const { grams, place } of globs) {
      yield;
      const rarest = grams.reduce<number | undefined>(
        // Of equals the last: a prefix that many texts begin with says less.
        (best, gram) => (best === undefined || (counts.get(gram) ?? 0) <= (counts.get(best) ?? 0) ? gram : best),
        undefined,
      );
      if (rarest === undefined) {
        index.#any.push(place);
      } else {
        push(index.#grams, rarest, place);
      }
    }
    return index;
  }

  /** Adds the places that a fact may meet; true: all of them. What is unknown may meet each. */
  find(fact: Fact | undefined, found: Set<number>): boolean {
    if (!fact?.complete) {
      return this.findAll(found);
    }
    for (const value of fact.values) {
      addAll(found, this.#any);
      const text = foldText(value);
      addAll(found, this.#whole.get(text));
      if (this.#grams.size > 0) {
        for (let at = 0; at + GRAM <= text.length; at += 1) {
          addAll(found, this.#grams.get(gramAt(text, at)));
        }
      }
    }
    return false;
  }

  findAll(found: Set<number>): true {
    addAll(found, this.#all);
    return true;
  }
}

function gramsOf(text: string): readonly number[] {
  const grams: number[] = [];
  for (let at = 0; at + GRAM <= text.length; at += 1) {
    grams.push(gramAt(text, at));
  }
  return grams;
}

/** A number for four characters; that two share one only makes a candidate more. */
function gramAt(text: string, at: number): number {
  let gram = 0;
  for (let index = at; index < at + GRAM; index += 1) {
    gram = (Math.imul(gram, 0x01000193) ^ text.charCodeAt(index)) | 0;
  }
  return gram;
}

function push<K>(into: Map<K, number[]>, key: K, place: number): void {
  const places = into.get(key);
  if (places) {
    places.push(place);
  } else {
    into.set(key, [place]);
  }
}

function addAll(found: Set<number>, places: readonly number[] | undefined): void {
  for (const place of places ?? []) {
    found.add(place);
  }
}

/** What a map of conditions cannot do without, the rarest of it; undefined: nothing that can be looked up. */
function choiceOf(match: Match): Choice | undefined {
  const { all, any, attribute, min_threat_level: lowest } = match;
  // What is measured cannot be looked up, nor what is asked of lists by the names of their entries alone.
  const facts = FACTS.filter((fact) => fact !== "watch");
  return cheapest([
    ...facts.map((fact) => {
      const values = match[fact];
      return values && choose({ of: "message", fact, values });
    }),
    lowest && choose({ of: "message", fact: "threat_level", values: upTo(lowest) }),
    attribute && anyOf(attribute.map(attributeChoiceOf)),
    ...(all ?? []).map(choiceOf),
    any && anyOf(any.map(choiceOf)),
  ]);
}

function attributeChoiceOf(match: AttributeMatch): Choice | undefined {
  const { all, any } = match;
  return cheapest([
    ...ATTRIBUTE_FACTS.map((fact) => {
      const values: readonly Expected[] | undefined = match[fact];
      return values && anyOf([...textsOf(fact, values), ...values.flatMap(placeOf)]);
    }),
    ...(all ?? []).map(attributeChoiceOf),
    any && anyOf(any.map(attributeChoiceOf)),
  ]);
}

function textsOf(fact: AttributeFactName, all: readonly Expected[]): readonly Choice[] {
  const values = all.flatMap((value): readonly Sought[] =>
    typeof value === "string" ? [value] : isText(value) ? [value] : [],
  );
  return values.length > 0 ? [choose({ of: "attribute", fact, values })] : [];
}

function isText(test: ValueTest): test is ValueTest & { readonly is: string } {
  return test.is !== undefined;
}

/** How a value is looked up that is tested for more than its text; of several tests that hold together, the rarest. */
function placeOf(value: Expected): readonly (Choice | undefined)[] {
  if (typeof value === "string" || value.is !== undefined) {
    return [];
  }
  const { cidr, domain, list } = value;
  const choice = (values: readonly Place[], cost: number): Choice => ({
    needs: [{ of: "value", fact: "value", values }],
    cost,
  });
  return [
    cheapest([
      // The longer its prefix, the fewer addresses a network has.
      cidr &&
        choice(
          cidr.map((network) => ({ network })),
          Math.min(...cidr.map((key) => prefixOf(key).bits)) >= 8 ? 1 : 5,
        ),
      domain &&
        choice(
          domain.map((one) => ({ domain: one })),
          1,
        ),
      list &&
        choice(
          list.map((one) => ({ list: one })),
          4,
        ),
    ]),
  ];
}

/** The levels that are at least as high: `min_threat_level: medium` needs one of `high`, `medium`. */
function upTo(lowest: (typeof THREAT_LEVELS)[number]): readonly string[] {
  return THREAT_LEVELS.slice(0, THREAT_LEVELS.indexOf(lowest) + 1);
}

/** Facts that have few values: half of all messages have the one that is asked for. */
const COMMON: ReadonlySet<string> = new Set([
  ...["kind", "instance", "change", "late", "origin", "tlp", "pap", "threat_level", "analysis", "distribution"],
  ...["to_ids", "type", "category", "sighting_type", "relation"],
]);
/** Facts that frames about parts often leave out: then all that ask for them are asked. */
const OFTEN_UNKNOWN: ReadonlySet<string> = new Set(["tag", "event_tag", "galaxy", "cluster"]);

function choose(need: Exclude<Need, { readonly of: "value" }>): Choice {
  const spelling = Math.max(
    ...need.values.map((value) => {
      const literals = literalsOf(value);
      if (typeof literals === "string") {
        return 0;
      }
      return literals?.some((literal) => literal.length >= GRAM) ? 1 : 10;
    }),
  );
  return { needs: [need], cost: spelling + (COMMON.has(need.fact) ? 6 : OFTEN_UNKNOWN.has(need.fact) ? 3 : 0) };
}

function cheapest(choices: readonly (Choice | undefined)[]): Choice | undefined {
  return choices.reduce((best, choice) => (choice && (!best || choice.cost < best.cost) ? choice : best), undefined);
}

/** Of alternatives each must be looked up; one that cannot be makes all of them useless. */
function anyOf(choices: readonly (Choice | undefined)[]): Choice | undefined {
  const known = choices.filter((choice) => choice !== undefined);
  if (known.length < choices.length || known.length === 0) {
    return undefined;
  }
  return { needs: known.flatMap(({ needs }) => needs), cost: Math.max(...known.map(({ cost }) => cost)) };
}
