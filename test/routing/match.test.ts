import { describe, expect, it, test } from "vitest";
import { z } from "zod";
import type { AttributeFacts, Fact, Facts, Matchable, Truth } from "../../src/model/message.ts";
import { compileMatch } from "../../src/routing/match.ts";
import { RouteOptions } from "../../src/routing/schema.ts";

const NOW = Date.UTC(2026, 10, 28, 12);
const DAY = 86_400_000;

const is = (...values: readonly string[]): Fact => ({ values, complete: true });
const some = (...values: readonly string[]): Fact => ({ values, complete: false });

function subject(facts: Facts, attributes: readonly AttributeFacts[] = [], attributesComplete = true): Matchable {
  return { at: NOW, measures: {}, facts, attributes, attributesComplete };
}

const ANY = { any: [{ fact: "org" }, { fact: "threat_level" }] };

/** As a config has it: what YAML gives, read by the schema. */
function compile(match: unknown) {
  return compileMatch(RouteOptions.parse({ name: "r", match, notify: "soc" }).match);
}

function ask(match: unknown, of: Matchable): Truth {
  return compile(match).matches(of);
}

describe("a condition about a fact", () => {
  it.each([
    ["one of the values", { tag: ["a", "b"] }, subject({ tag: is("b", "c") }), true],
    ["none of the values", { tag: "a" }, subject({ tag: is("b") }), false],
    ["no value at all", { tag: "*" }, subject({ tag: is() }), false],
    ["a value that is known among others that are not", { tag: "b" }, subject({ tag: some("b") }), true],
    ["a value that may be among those not known", { tag: "a" }, subject({ tag: some("b") }), "unknown"],
    ["a fact that is not known", { tag: "a" }, subject({}), "unknown"],
    ["a number", { event_id: 7 }, subject({ event_id: is("7") }), true],
    [
      "a text with a star, as it stands",
      { attribute: { value: { is: "a*" } } },
      subject({}, [{ value: is("A*") }]),
      true,
    ],
    [
      "no pattern, where a text is meant",
      { attribute: { value: { is: "a*" } } },
      subject({}, [{ value: is("ab") }]),
      false,
    ],
    ["a boolean", { late: false }, subject({ late: is("false") }), true],
    ["nothing: no condition holds always", {}, subject({}), true],
    ["all keys of a map", { tag: "a", org: "x" }, subject({ tag: is("a"), org: is("y") }), false],
    ["a false key beside an unknown one", { tag: "a", org: "x" }, subject({ org: is("y") }), false],
    ["a true key beside an unknown one", { tag: "a", org: "x" }, subject({ org: is("x") }), "unknown"],
    ["one map of a list", [{ tag: "a" }, { org: "x" }], subject({ tag: is("b"), org: is("x") }), true],
    ["a list whose maps are false or unknown", [{ tag: "a" }, { org: "x" }], subject({ tag: is("b") }), "unknown"],
  ])("%s", (_, match, of, truth) => {
    expect(ask(match, of)).toBe(truth);
  });

  it("holds always without a match", () => {
    expect(ask(undefined, subject({}))).toBe(true);
  });
});

describe("all, any and not over true, false and unknown", () => {
  const T = { org: "yes" };
  const F = { org: "no" };
  const U = { info: "?" };
  const of = subject({ org: is("yes") });

  it.each([
    [T, T, true, true],
    [T, F, false, true],
    [T, U, "unknown", true],
    [F, F, false, false],
    [F, U, false, "unknown"],
    [U, U, "unknown", "unknown"],
  ])("%j with %j: all %s, any %s", (a, b, all, any) => {
    for (const pair of [
      [a, b],
      [b, a],
    ]) {
      expect(ask({ all: pair }, of)).toBe(all);
      expect(ask({ any: pair }, of)).toBe(any);
    }
  });

  it.each([
    [T, false],
    [F, true],
    [U, "unknown"],
    [[F, F], true],
    [[F, T], false],
    [[F, U], "unknown"],
    [{ not: T }, true],
    [{ all: [T, { any: [F, U] }] }, "unknown"],
  ])("not %j: %s", (match, truth) => {
    expect(ask({ not: match }, of)).toBe(truth);
  });
});

describe("a measure", () => {
  const measured = (measures: Matchable["measures"]): Matchable => ({ ...subject({}), measures });
  const exactly = (value: number) => ({ atLeast: value, complete: true });
  const atLeast = (value: number) => ({ atLeast: value, complete: false });

  it.each<[string, object, Matchable["measures"], Truth]>([
    ["a change within the time", { max_age: "30d" }, { changed_at: exactly(NOW - 30 * DAY) }, true],
    ["a change before it", { max_age: "30d" }, { changed_at: exactly(NOW - 30 * DAY - 1) }, false],
    ["a change that lies ahead, by a clock that does", { max_age: "30d" }, { changed_at: exactly(NOW + DAY) }, true],
    ["a change that may have been later", { max_age: "30d" }, { changed_at: atLeast(NOW - 40 * DAY) }, "unknown"],
    ["a change of which more does not matter", { max_age: "30d" }, { changed_at: atLeast(NOW - DAY) }, true],
    ["a change that is not known", { max_age: "30d" }, {}, "unknown"],
    ["what is about no event", { max_age: "30d" }, { changed_at: "none" }, false],
    ["a date within the time", { max_event_age: "7d" }, { date: exactly(NOW - 7 * DAY) }, true],
    ["a date before it", { max_event_age: "7d" }, { date: exactly(NOW - 8 * DAY) }, false],
    ["a date that is not known", { not: { max_event_age: "7d" } }, {}, "unknown"],
    ["enough attributes", { attributes: { min: 5 } }, { attribute_count: exactly(5) }, true],
    ["too few attributes", { attributes: { min: 5 } }, { attribute_count: exactly(4) }, false],
    ["too few that could be read", { attributes: { min: 5 } }, { attribute_count: atLeast(4) }, "unknown"],
    [
      "another condition that is false beside it",
      { max_age: "1d", attributes: { min: 2 } },
      {
        attribute_count: exactly(1),
      },
      false,
    ],
  ])("%s", (_, match, measures, truth) => {
    expect(ask(match, measured(measures))).toBe(truth);
  });

  it("is what made a rule true, also where that is its contrary", () => {
    const of = measured({ changed_at: exactly(NOW), date: exactly(0) });
    const { matches, why } = compile({ max_age: "30d", not: { max_event_age: "30d" } });
    expect(matches(of)).toBe(true);
    expect(why(of)).toEqual({ all: [{ measure: "changed_at" }, { measure: "date" }] });
  });

  it.each([{ max_age: "a month" }, { max_age: 30 }, { attributes: { min: 0 } }, { attributes: {} }, { attributes: 5 }])(
    "is refused as %j",
    (match) => {
      expect(() => compile(match)).toThrow();
    },
  );
});

describe("min_threat_level", () => {
  const LEVELS = ["high", "medium", "low", "undefined"] as const;

  it.each(LEVELS)("%s holds for itself and what is above, and undefined is below low", (lowest) => {
    const passing = LEVELS.filter((level) => ask({ min_threat_level: lowest }, subject({ threat_level: is(level) })));
    expect(passing).toEqual(LEVELS.slice(0, LEVELS.indexOf(lowest) + 1));
  });

  it("is unknown without a threat level", () => {
    expect(ask({ min_threat_level: "low" }, subject({}))).toBe("unknown");
  });
});

describe("an attribute block", () => {
  const ip: AttributeFacts = { type: is("ip-dst"), value: is("192.0.2.1"), to_ids: is("true"), tag: is() };
  const domain: AttributeFacts = { type: is("domain"), value: is("a.example"), to_ids: is("false"), tag: is("x") };
  const vague: AttributeFacts = { type: is("ip-dst") };

  it.each([
    ["holds together on one attribute", { type: "ip-dst", to_ids: true }, [ip, domain], true, true],
    ["does not take one half from another attribute", { type: "domain", to_ids: true }, [ip, domain], true, false],
    ["is false without attributes", { type: "ip-dst" }, [], true, false],
    ["is unknown where there may be more", { type: "url" }, [ip], false, "unknown"],
    ["is true of what is seen, also where there may be more", { type: "ip-dst" }, [ip], false, true],
    ["is unknown of one that may match", { type: "ip-dst", to_ids: true }, [vague, domain], true, "unknown"],
    ["is true of one beside another that may match", { type: "ip-dst", to_ids: true }, [vague, ip], true, true],
    ["has a not of its own", { type: "ip-dst", not: { value: "192.0.2.1" } }, [ip, domain], true, false],
    ["has any of its own", { any: [{ type: "url" }, { tag: "x", to_ids: false }] }, [ip, domain], true, true],
    ["has all of its own", { all: [{ type: "ip-*" }, { value: "192.*" }] }, [ip, domain], true, true],
  ] as const)("%s", (_, attribute, attributes, complete, truth) => {
    expect(ask({ attribute }, subject({}, attributes, complete))).toBe(truth);
  });

  it("may be one of several", () => {
    const blocks = { attribute: [{ type: "url" }, { type: "domain", tag: "x" }] };
    expect(ask(blocks, subject({}, [ip, domain]))).toBe(true);
    expect(ask(blocks, subject({}, [ip]))).toBe(false);
  });

  it("within not: no attribute may match, and all must be known", () => {
    expect(ask({ not: { attribute: { type: "url" } } }, subject({}, [ip, domain]))).toBe(true);
    expect(ask({ not: { attribute: { type: "url" } } }, subject({}, [ip], false))).toBe("unknown");
    expect(ask({ not: { attribute: { type: "domain" } } }, subject({}, [ip, domain], false))).toBe(false);
  });

  it("picks what it is true of, but not what only a not speaks of", () => {
    const { picks } = compile({
      any: [{ attribute: { type: "ip-dst", to_ids: true } }, { not: { attribute: { type: "domain" } } }],
    });
    expect([ip, domain, vague].map((attribute) => picks?.(attribute))).toEqual([true, false, false]);
    expect(compile({ not: { attribute: { type: "ip-dst" } } }).picks).toBeUndefined();
  });
});

test("a match of an unknown name is an error of the config", () => {
  expect(() => compile({ color: "red" })).toThrow(z.ZodError);
});

describe("why() of what is true", () => {
  const rich = subject(
    {
      event_tag: is("tlp:green"),
      tag: is("tlp:green", "bad"),
      org: is("CIRCL"),
      threat_level: is("high"),
      object: is("file", "vehicle"),
    },
    Array.from({ length: 8 }, (_, index) => ({ type: is("domain"), tag: is(...(index > 5 ? ["bad"] : [])) })),
  );

  it.each([
    ["nothing that is asked for", undefined, { all: [] }],
    ["a fact", { org: "circl" }, { fact: "org" }],
    ["a threat level, by the lowest", { min_threat_level: "low" }, { fact: "threat_level" }],
    ["a tag of the event", { tag: "tlp:*" }, { fact: "tag" }],
    ["a tag of parts, by those that have it", { tag: "bad" }, { attributes: [6, 7] }],
    ["objects, by name", { object: "v*" }, { objects: ["vehicle"] }],
    ["attributes, by some of them", { attribute: { type: "domain" } }, { attributes: [0, 1, 2, 3, 4] }],
    ["all keys", { org: "*", attribute: { tag: "bad" } }, { all: [{ fact: "org" }, { attributes: [6, 7] }] }],
    ["the alternatives that hold", [{ org: "x" }, { org: "*" }, { threat_level: "high" }], ANY],
    ["what is known to be otherwise", { not: { org: "x", info: "y" } }, { fact: "org" }],
    ["what no attribute has", { not: { attribute: { type: "url" } } }, { all: [] }],
    ["what no object is", { not: { object: "url" } }, { all: [] }],
  ])("%s", (_, match, why) => {
    const compiled = compile(match);
    expect(compiled.matches(rich)).toBe(true);
    expect(compiled.why(rich)).toEqual(why);
  });
});

describe("conditions that compare", () => {
  const count = (n: number, complete = true): Partial<Matchable> => ({
    measures: { attribute_count: { atLeast: n, complete } },
  });
  const cells = [
    { type: "domain", toIds: true, n: 3 },
    { type: "url", toIds: false, n: 2 },
  ];
  const at = (iso: string) => ({ measures: { date: { atLeast: Date.parse(iso), complete: true } } });

  it.each<[object, Partial<Matchable>, Truth]>([
    [{ distribution: { at_least: "community" } }, { facts: { distribution: is("connected") } }, true],
    [{ distribution: { at_least: "community" } }, { facts: { distribution: is("organisation") } }, false],
    [{ distribution: { at_most: "connected" } }, { facts: { distribution: is("sharing_group") } }, false],
    [{ threat_level: { at_least: "medium" } }, { facts: { threat_level: is("high") } }, true],
    [{ threat_level: { at_most: "low" } }, { facts: { threat_level: is("undefined") } }, true],
    [{ tlp: { at_most: "green" } }, { facts: { tlp: is("none") } }, false],
    [{ tlp: { at_least: "green", at_most: "amber" } }, { facts: { tlp: is("amber+strict") } }, false],
    [{ analysis: { at_least: "ongoing" } }, { facts: {} }, "unknown"],
    [{ published: true }, { facts: { published: is("true") } }, true],
    [{ date: { after: "2026-11-01", before: "2026-12-01" } }, at("2026-11-30"), true],
    [{ date: { before: "2026-12-01" } }, at("2026-12-01"), false],
    [{ date: { after: "2026-11-01" } }, { measures: {} }, "unknown"],
    [{ date: { before: "2026-11-01" } }, { measures: { date: "none" } }, false],
    [{ attributes: { max: 5 } }, count(5), true],
    [{ attributes: { max: 5 } }, count(6, false), false],
    [{ attributes: { max: 5 } }, count(2, false), "unknown"],
    [{ attributes: { min: 2, max: 5 } }, count(1), false],
    [{ attributes: { min: 3, type: "domain" } }, { tally: { cells, complete: true } }, true],
    [{ attributes: { min: 4, type: ["domain", "u*"] } }, { tally: { cells, complete: true } }, true],
    [{ attributes: { min: 4, to_ids: true } }, { tally: { cells, complete: true } }, false],
    [{ attributes: { min: 4, to_ids: true } }, { tally: { cells, complete: false } }, "unknown"],
    [{ attributes: { max: 0, type: "md5" } }, { tally: { cells, complete: true } }, true],
    [{ attributes: { max: 0, type: "md5" } }, {}, "unknown"],
    [{ attributes: { max: 0, type: "md5" } }, { tally: "none" }, false],
    [{ attribute: { max_age: "48h" } }, { attributes: [{ age: DAY }] }, true],
    [{ attribute: { max_age: "48h" } }, { attributes: [{ age: 3 * DAY }] }, false],
    [{ attribute: { max_age: "48h" } }, { attributes: [{}] }, "unknown"],
  ])("%j of %j is %s", (match, of, truth) => {
    expect(ask(match, { ...subject({}), ...of })).toBe(truth);
  });

  it.each([
    { distribution: { at_least: "all", at_most: "community" } },
    { distribution: { at_least: "sharing_group" } },
    { distribution: {} },
    { date: {} },
    { date: { after: "soon" } },
    { attributes: {} },
    { attributes: { min: 3, max: 2 } },
    { attribute: { value: {} } },
    { attribute: { value: { cidr: "10.0.0.0/33" } } },
    { attribute: { value: { domain: "a b" } } },
    { attribute: { value: { label: "x" } } },
  ])("refuses %j", (match) => {
    expect(() => compile(match)).toThrow();
  });
});
