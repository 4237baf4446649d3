import type { AttributeFacts, Truth } from "../model/message.ts";
import { dateOf } from "./date.ts";
import { prefixOf } from "./network.ts";
import { networksAround, type Observed, observedOf, parentsOf } from "./observed.ts";
import { compileLiteral, compilePattern, type Pattern } from "./pattern.ts";
import type { ValueTest } from "./schema.ts";
import type { Hit, Watch } from "./watch.ts";

type Test = (attribute: AttributeFacts) => Truth;

/** Compiles what a value is tested for beyond its text: all that is given holds, each of the value or of one of its halves. */
export function compileValueTest(test: ValueTest, watch: Watch): Test {
  const { is, min, max, after, before, cidr, domain, list, label } = test;
  const tests: Test[] = [];
  if (is !== undefined) {
    tests.push(ofTexts(compileLiteral(is)));
  }
  if (min !== undefined || max !== undefined) {
    tests.push(ofTexts((text) => isBetween(numberOf(text), min, max)));
  }
  if (after !== undefined || before !== undefined) {
    tests.push(ofTexts((text) => isBetween(dateOf(text), after, before === undefined ? undefined : before - 1)));
  }
  if (cidr) {
    tests.push(ofObserved(isWithin(cidr)));
  }
  if (domain) {
    const domains = new Set(domain);
    tests.push(
      ofObserved((observed) => observed.domains.some((one) => parentsOf(one).some((name) => domains.has(name)))),
    );
  }
  if (list) {
    const isHit = compileHit(list, label);
    tests.push((attribute) => {
      if (!attribute.value) {
        return "unknown";
      }
      return watch.hits(attribute).some(isHit) || (list.every((name) => watch.has(name)) ? false : "unknown");
    });
  }
  return (attribute) => {
    let result: Truth = true;
    for (const one of tests) {
      const truth = one(attribute);
      if (truth === false) {
        return false;
      }
      result = truth === "unknown" ? truth : result;
    }
    return result;
  };
}

/** Whether an entry of a watch list is of one of these lists (absent: of any), and has one of these labels. */
export function compileHit(
  lists: readonly string[] | undefined,
  labels: readonly string[] | undefined,
): (hit: Hit) => boolean {
  const names = lists && new Set(lists);
  const patterns = labels?.map(compilePattern);
  return ({ list, label }) => (names?.has(list) ?? true) && (patterns?.some((matches) => matches(label)) ?? true);
}

function ofTexts(matches: Pattern): Test {
  return ({ value }) => (value ? value.values.some(matches) || (value.complete ? false : "unknown") : "unknown");
}

function ofObserved(holds: (observed: Observed) => boolean): Test {
  return (attribute) => (attribute.value ? holds(observedOf(attribute)) : "unknown");
}

function isWithin(keys: readonly string[]): (observed: Observed) => boolean {
  const networks = new Set(keys);
  const lengths = lengthsOf(keys);
  return (observed) =>
    observed.networks.some((network) =>
      networksAround(network, network.bytes.length === 4 ? lengths[4] : lengths[16]).some((key) => networks.has(key)),
    );
}

/** The lengths of the prefixes of networks, by their version. */
export function lengthsOf(keys: Iterable<string>): { readonly 4: readonly number[]; readonly 16: readonly number[] } {
  const short = new Set<number>();
  const long = new Set<number>();
  for (const key of keys) {
    const { isIPv4, bits } = prefixOf(key);
    (isIPv4 ? short : long).add(bits);
  }
  return { 4: [...short], 16: [...long] };
}

const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;
const MAX_NUMBER = 64;

function numberOf(text: string): number | undefined {
  const bare = text.length <= MAX_NUMBER ? text.trim() : "";
  return NUMBER.test(bare) ? Number(bare) : undefined;
}

function isBetween(value: number | undefined, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY): boolean {
  return value !== undefined && value >= from && value <= to;
}
