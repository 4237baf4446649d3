import fc from "fast-check";
import { expect, it, test } from "vitest";
import type { AttributeFacts, Fact, Facts, Matchable, Measure } from "../../src/model/message.ts";
import { compileRoutes, fire, type RouteTable } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import type { Watch } from "../../src/routing/watch.ts";

const WORDS = [
  "acme",
  "ACME-CERT",
  "circl",
  "evil.example",
  "bad.evil.example",
  "é",
  "tlp:red",
  "x",
  "organisation",
  "all",
  "",
];
const TEXTS = fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 8 }));
const PATTERNS = fc.oneof(
  fc.constantFrom(...WORDS.filter((word) => word !== "")),
  fc.constantFrom(
    "*",
    "ac*",
    "*.example",
    "*evil*",
    "a*e",
    "*é*",
    "bad.*.example",
    "/^bad/",
    "/EXAMPLE$/i",
    "*acme-cert",
    "**",
  ),
);
const VALUES = fc.oneof(PATTERNS, fc.array(PATTERNS, { minLength: 1, maxLength: 3 }));
const HOSTS = [
  "10.1.2.3",
  "10.1.0.0/16",
  "[2001:db8::1]:53",
  "https://www.evil.example/x",
  "a@evil.example",
  "::ffff:10.1.2.3",
];
/** What the value of an attribute is tested for beyond its text. */
const TESTS = fc.oneof(
  fc.constantFrom(
    { cidr: "10.0.0.0/8" },
    { cidr: ["10.1.2.0/24", "2001:db8::/32"] },
    { cidr: "0.0.0.0/0", domain: "evil.example" },
    { domain: "evil.example" },
    { domain: ["example", "other.test"] },
    { min: 3 },
    { min: -1, max: 10, domain: "evil.example" },
    { after: "1970-01-20", before: "2030-01-01" },
    { is: "x" },
    { list: "ours.txt" },
    { list: ["ours.txt", "theirs.txt"], label: "minis*" },
    { list: "unread.txt", domain: "evil.example" },
    { list: "unread.txt" },
  ),
);
const EVENT_FACTS = ["org", "info", "tag", "event_tag", "threat_level", "cluster", "distribution"] as const;
const PART_FACTS = ["type", "value", "tag", "comment"] as const;

/** Conditions that nest `depth` times. */
function attributeMatch(depth: number): fc.Arbitrary<object> {
  const tested = fc.oneof(VALUES, TESTS, fc.array(fc.oneof(PATTERNS, TESTS), { minLength: 1, maxLength: 3 }));
  const leaves = {
    ...Object.fromEntries(PART_FACTS.map((name) => [name, VALUES])),
    value: tested,
    max_age: fc.constant("2d"),
  };
  const inner = depth > 0 ? attributeMatch(depth - 1) : undefined;
  const few = inner && fc.array(inner, { minLength: 1, maxLength: 2 });
  return fc.record({ ...leaves, ...(few && { all: few, any: few, not: inner }) }, { requiredKeys: [] });
}

function match(depth: number): fc.Arbitrary<object> {
  const leaves = Object.fromEntries(EVENT_FACTS.map((name) => [name, VALUES]));
  const inner = depth > 0 ? match(depth - 1) : undefined;
  const few = inner && fc.array(inner, { minLength: 1, maxLength: 2 });
  const attribute = attributeMatch(1);
  return fc.record(
    {
      ...leaves,
      min_threat_level: fc.constantFrom("high", "medium", "undefined"),
      max_age: fc.constantFrom("1d", "30d"),
      max_event_age: fc.constant("30d"),
      date: fc.constantFrom({ after: "1970-01-20" }, { before: "1970-01-20" }),
      attributes: fc.constantFrom({ min: 3 }, { max: 2 }, { min: 1, type: "x", to_ids: true }),
      watch: fc.constantFrom("ministry", "*"),
      sightings: fc.constantFrom({ min: 2, within: "1d" }, { min: 1, within: "2h", type: "false-positive" }),
      distribution: fc.constantFrom({ at_least: "community" }, { at_most: "organisation" }),
      attribute: fc.oneof(attribute, fc.array(attribute, { minLength: 1, maxLength: 2 })),
      ...(few && { all: few, any: few, not: inner }),
    },
    { requiredKeys: [] },
  );
}

const route = fc.record(
  {
    match: fc.oneof(match(2), fc.array(match(1), { minLength: 1, maxLength: 2 })),
    stop: fc.boolean(),
    otherwise: fc.constant(true as const),
  },
  { requiredKeys: [] },
);

const fact: fc.Arbitrary<Fact | undefined> = fc.option(
  fc.record({ values: fc.array(TEXTS, { maxLength: 3 }), complete: fc.boolean() }),
  { nil: undefined },
);
const factsOf = <T>(names: readonly string[]) =>
  fc
    .tuple(...names.map(() => fact))
    .map((facts) => Object.fromEntries(names.flatMap((name, at) => (facts[at] ? [[name, facts[at]]] : []))) as T);
const measure: fc.Arbitrary<Measure> = fc.oneof(
  fc.constant("none" as const),
  fc.record({ atLeast: fc.integer({ min: 0, max: 40 * 86_400_000 }), complete: fc.boolean() }),
);
const subject: fc.Arbitrary<Matchable> = fc.record({
  at: fc.constant(40 * 86_400_000),
  measures: fc.record({ changed_at: measure, date: measure, attribute_count: measure }, { requiredKeys: [] }),
  facts: factsOf<Facts>(EVENT_FACTS),
  sightings: fc.constantFrom(
    "none" as const,
    undefined,
    { times: { sighting: [39.5 * 86_400_000, 40 * 86_400_000 - 1] }, since: 0 },
    { times: { "false-positive": [40 * 86_400_000 - 1] }, since: 39.99 * 86_400_000 },
  ),
  tally: fc.option(
    fc.record({
      cells: fc.array(fc.record({ type: TEXTS, toIds: fc.boolean(), n: fc.integer({ min: 0, max: 4 }) }), {
        maxLength: 2,
      }),
      complete: fc.boolean(),
    }),
    { nil: undefined },
  ),
  attributes: fc.array(
    fc.oneof(
      factsOf<AttributeFacts>(PART_FACTS),
      fc.constantFrom(...HOSTS).map((host): AttributeFacts => ({ value: { values: [host], complete: true }, age: 1 })),
    ),
    { maxLength: 3 },
  ),
  attributesComplete: fc.boolean(),
});

/** Lists that no table is made for: what they hit is asked of the text. */
const WATCH: Watch = {
  has: (list) => list !== "unread.txt",
  expressions: 0,
  hits: ({ value }) =>
    (value?.values ?? []).flatMap((text) => [
      ...(text.includes("evil") ? [{ list: "ours.txt", label: "ministry" }] : []),
      ...(text.includes("10.") ? [{ list: "theirs.txt", label: "theirs" }] : []),
    ]),
};

/** All routes are asked: what the index must not change. */
const plain = ({ routes }: RouteTable) => ({ candidates: () => routes });

const outcome = (fired: ReturnType<typeof fire>) => fired.map(({ route: { name }, truth }) => `${name} ${truth}`);

test("whatever the routes and the message, the index changes neither truth nor order, stop or otherwise", () => {
  fc.assert(
    fc.property(fc.array(route, { minLength: 1, maxLength: 6 }), subject, (routes, message) => {
      const compiled = compileRoutes(
        routes.map((options, at) => RouteOptions.parse({ name: `r${at}`, notify: "soc", ...options })),
        WATCH,
      );
      const table = compiled.get("event.published");
      if (!table) {
        throw new Error("There is a table for each kind");
      }
      expect(outcome(fire(table, message))).toEqual(outcome(fire(plain(table), message)));
    }),
    { numRuns: 150 },
  );
});

/** Routes of ten thousand customers, and what is asked about a message of one of them. */
function asked(matchOf: (n: number) => object, message: Partial<Matchable>): number {
  const routes = Array.from({ length: 10_000 }, (_, n) =>
    RouteOptions.parse({ name: `r${n}`, notify: "soc", match: matchOf(n) }),
  );
  const table = compileRoutes(routes).get("event.published");
  return (
    table?.candidates({ at: 0, measures: {}, facts: {}, attributes: [], attributesComplete: true, ...message })
      .length ?? -1
  );
}

const known = (...values: readonly string[]): Fact => ({ values, complete: true });

it.each<[string, (n: number) => object, Partial<Matchable>, number]>([
  ["a whole value", (n) => ({ org: `Org ${n}` }), { facts: { org: known("ORG 77") } }, 1],
  [
    "the rarer of two",
    (n) => ({ threat_level: "high", org: `Org ${n}` }),
    { facts: { org: known("Org 5"), threat_level: known("high") } },
    1,
  ],
  [
    "one of a list",
    (n) => ({ event_tag: [`a:${n}`, `b:${n}`] }),
    { facts: { event_tag: known("b:9", "tlp:green") } },
    1,
  ],
  ["a glob", (n) => ({ info: `*campaign ${1e6 + n}*` }), { facts: { info: known("New campaign 1000042 seen") } }, 1],
  [
    "a value of an attribute",
    (n) => ({ attribute: { to_ids: true, value: `*.c${1e6 + n}.example` } }),
    { facts: {}, attributes: [{ to_ids: known("true"), value: known("www.c1000007.example") }] },
    1,
  ],
  [
    "any of two maps",
    (n) => ({ any: [{ org: `Org ${n}` }, { info: `Case ${n}` }] }),
    { facts: { org: known("Org 1"), info: known("Case 2") } },
    2,
  ],
  [
    "a network",
    (n) => ({ attribute: { value: { cidr: `10.${n >> 8}.${n & 255}.0/24` } } }),
    { facts: {}, attributes: [{ value: known("10.3.7.1") }, { value: known("x.example") }] },
    1,
  ],
  [
    "a domain",
    (n) => ({ attribute: { type: "url", value: { domain: `c${n}.example` } } }),
    { facts: {}, attributes: [{ type: known("url"), value: known("https://www.c77.example/") }] },
    1,
  ],
])("of ten thousand routes by %s only those are asked that may match", (_, matchOf, message, most) => {
  const n = asked(matchOf, message);
  expect(n).toBeGreaterThan(0);
  // A glob's four characters may be those of a few others.
  expect(n).toBeLessThanOrEqual(most + 150);
});

it("asks all of them where the fact is unknown, and none where it is known and empty", () => {
  expect(asked((n) => ({ org: `Org ${n}` }), {})).toBe(10_000);
  expect(asked((n) => ({ org: `Org ${n}` }), { facts: { org: known() } })).toBe(0);
});
