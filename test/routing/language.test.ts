import { describe, expect, it, test } from "vitest";
import type { AttributeFacts, Fact, Matchable, Truth } from "../../src/model/message.ts";
import { ATTRIBUTE_FACTS, FACTS, ORIGINS, SIGHTING_TYPES } from "../../src/model/vocabulary.ts";
import { compileMatch } from "../../src/routing/match.ts";
import { UNKNOWN_TEXT } from "../../src/routing/path-evaluate.ts";
import { conditionNames, RouteOptions } from "../../src/routing/schema.ts";
import type { Watch } from "../../src/routing/watch.ts";

// Each condition of the language, with what makes it true, false and unknown.

const NOW = Date.UTC(2026, 10, 28, 12);
const DAY = 86_400_000;
const is = (...values: readonly string[]): Fact => ({ values, complete: true });
const EMPTY: Matchable = { at: NOW, measures: {}, facts: {}, attributes: [], attributesComplete: true };
const WATCH: Watch = {
  hits: ({ value }) => (value?.values.includes("ours.example") ? [{ list: "ours.txt", label: "bank" }] : []),
  has: (list) => list === "ours.txt",
  expressions: 0,
};

type Subject = Partial<Matchable>;
const ask = (match: unknown, subject: Subject): Truth =>
  compileMatch(RouteOptions.parse({ name: "r", notify: "soc", match }).match, WATCH).matches({ ...EMPTY, ...subject });
const fact = (name: string, ...values: readonly string[]): Subject => ({ facts: { [name]: is(...values) } });
const attribute = (...all: readonly AttributeFacts[]): Subject => ({ attributes: all });
const document = (root: unknown): Subject => ({ document: { root, size: 10, placeOf: () => undefined } });
const sightings = (n: number, since: number): Subject => ({
  sightings: { times: { sighting: Array.from({ length: n }, () => NOW - 1), "false-positive": [NOW] }, since },
});

/** Facts that are compared as texts, with a value that a rule asks for and another one. */
const TEXTS: Readonly<Record<string, readonly [asked: string, other: string]>> = {
  kind: ["event.published", "event.edited"],
  instance: ["cert", "other"],
  change: ["new", "updated"],
  late: ["true", "false"],
  origin: ["feed", "local"],
  org: ["CIRCL", "ACME"],
  org_uuid: ["u1", "u2"],
  event_org: ["CIRCL", "ACME"],
  owner_org: ["CIRCL", "ACME"],
  tag: ["osint", "c2"],
  event_tag: ["osint", "c2"],
  tlp: ["green", "red"],
  pap: ["green", "red"],
  threat_level: ["high", "low"],
  analysis: ["completed", "initial"],
  distribution: ["community", "organisation"],
  sharing_group: ["Banks", "Energy"],
  published: ["true", "false"],
  info: ["a title", "another"],
  event_id: ["7", "8"],
  event_uuid: ["u1", "u2"],
  galaxy: ["threat-actor", "tool"],
  cluster: ["APT28", "APT29"],
  object: ["file", "email"],
  sighting_type: ["false-positive", "sighting"],
  sighting_source: ["SIEM", "analyst"],
};

describe.each(Object.entries(TEXTS))("%s", (name, [asked, other]) => {
  it.each<[string, unknown, Subject, Truth]>([
    ["true of its value", { [name]: asked }, fact(name, asked), true],
    ["true of one of several", { [name]: ["nothing", asked] }, fact(name, other, asked), true],
    ["true whatever the case", { [name]: asked.toUpperCase() }, fact(name, asked), true],
    ["true by a wildcard", { [name]: `${asked.slice(0, 1)}*` }, fact(name, asked), true],
    ["true by an expression", { [name]: `/^${asked.replaceAll(/[.+]/g, ".")}$/` }, fact(name, asked), true],
    ["false of another", { [name]: asked }, fact(name, other), false],
    ["false of none", { [name]: "*" }, fact(name), false],
    ["unknown where it is not told", { [name]: asked }, {}, "unknown"],
    [
      "unknown where more may be",
      { [name]: asked },
      { facts: { [name]: { values: [other], complete: false } } },
      "unknown",
    ],
    ["not: false of its value", { not: { [name]: asked } }, fact(name, asked), false],
    ["not: true of another", { not: { [name]: asked } }, fact(name, other), true],
    ["not: unknown where it is not told", { not: { [name]: asked } }, {}, "unknown"],
  ])("%s", (_, match, subject, truth) => {
    expect(ask(match, subject)).toBe(truth);
  });
});

/** The same of what attributes have. */
const OF_ATTRIBUTES: Readonly<Record<string, readonly [asked: string, other: string]>> = {
  type: ["domain", "url"],
  category: ["Network activity", "Other"],
  to_ids: ["true", "false"],
  value: ["a.example", "b.example"],
  tag: ["c2", "osint"],
  comment: ["seen twice", "none"],
  object: ["file", "email"],
  relation: ["dst-port", "ip"],
};

describe.each(Object.entries(OF_ATTRIBUTES))("attribute: %s", (name, [asked, other]) => {
  const of = (value: string) => ({ [name]: is(value) });
  it.each<[string, unknown, Subject, Truth]>([
    ["true of one attribute", { attribute: { [name]: asked } }, attribute(of(other), of(asked)), true],
    ["false of others", { attribute: { [name]: asked } }, attribute(of(other)), false],
    ["false without any", { attribute: { [name]: asked } }, attribute(), false],
    ["unknown where it is not told", { attribute: { [name]: asked } }, attribute({}), "unknown"],
    ["unknown where there may be more", { attribute: { [name]: asked } }, { attributesComplete: false }, "unknown"],
    ["not inside: true of another", { attribute: { not: { [name]: asked } } }, attribute(of(asked), of(other)), true],
    ["not inside: false of its value", { attribute: { not: { [name]: asked } } }, attribute(of(asked)), false],
    ["not outside: false where one has it", { not: { attribute: { [name]: asked } } }, attribute(of(asked)), false],
    ["not outside: true where none has", { not: { attribute: { [name]: asked } } }, attribute(of(other)), true],
  ])("%s", (_, match, subject, truth) => {
    expect(ask(match, subject)).toBe(truth);
  });
});

const measure = (name: string, atLeast: number, complete = true): Subject => ({
  measures: { [name]: { atLeast, complete } },
});
const value = (text: string): Subject => attribute({ type: is("text"), value: is(text) });
const EVENT = { Event: { info: "x", date: UNKNOWN_TEXT } };
const THREE = { sightings: { min: 3, within: "24h" } };

/** What is no text: a match with subjects of which it is true, false and unknown. */
const OTHERS: Readonly<Record<string, readonly [match: unknown, yes: Subject, no: Subject, maybe: Subject]>> = {
  watch: [{ watch: "ban*" }, value("ours.example"), value("x.example"), attribute({})],
  min_threat_level: [{ min_threat_level: "medium" }, fact("threat_level", "high"), fact("threat_level", "low"), {}],
  max_age: [{ max_age: "2d" }, measure("changed_at", NOW - DAY), measure("changed_at", NOW - 3 * DAY), {}],
  max_event_age: [{ max_event_age: "2d" }, measure("date", NOW - DAY), measure("date", NOW - 3 * DAY), {}],
  date: [{ date: { after: "2026-11-01" } }, measure("date", NOW), measure("date", 0), {}],
  attributes: [
    { attributes: { min: 2, max: 4 } },
    measure("attribute_count", 3),
    measure("attribute_count", 5),
    measure("attribute_count", 3, false),
  ],
  sightings: [THREE, sightings(3, 0), sightings(2, NOW - DAY), sightings(2, NOW - DAY + 1)],
  jsonpath: [
    { jsonpath: "$.Event[?@ == 'x']" },
    document(EVENT),
    document({ Event: { info: "y" } }),
    document({ Event: { info: "y", date: UNKNOWN_TEXT } }),
  ],
  attribute: [{ attribute: { value: { is: "a*" } } }, value("A*"), value("ab"), attribute({})],
  all: [
    { all: [{ org: "A" }, { info: "x" }] },
    { facts: { org: is("a"), info: is("x") } },
    { facts: { org: is("b") } },
    { facts: { org: is("a") } },
  ],
  any: [
    { any: [{ org: "A" }, { info: "x" }] },
    { facts: { info: is("x") } },
    { facts: { org: is("b"), info: is("y") } },
    { facts: { org: is("b") } },
  ],
  not: [{ not: [{ org: "A" }, { info: "x" }] }, { facts: { org: is("b"), info: is("y") } }, fact("org", "a"), {}],
  "a list of maps": [[{ org: "A" }, { info: "x" }], fact("info", "x"), { facts: { org: is("b"), info: is("y") } }, {}],
  "distribution at least": [
    { distribution: { at_least: "community" } },
    fact("distribution", "all"),
    fact("distribution", "organisation"),
    {},
  ],
  "no sharing group in an order": [
    { not: { distribution: { at_least: "community" } } },
    fact("distribution", "sharing_group"),
    fact("distribution", "connected"),
    {},
  ],
  "tlp at most": [{ tlp: { at_most: "green" } }, fact("tlp", "clear"), fact("tlp", "none"), {}],
  "negative tags": [
    { tag: "tlp:*", not: { tag: ["tlp:amber*", "tlp:red"] } },
    fact("tag", "tlp:green"),
    fact("tag", "tlp:green", "tlp:amber+strict"),
    { facts: { tag: { values: ["tlp:green"], complete: false } } },
  ],
  "attributes of a type": [
    { attributes: { min: 2, type: "ip-*", to_ids: true } },
    { tally: { cells: [{ type: "ip-src", toIds: true, n: 2 }], complete: true } },
    { tally: { cells: [{ type: "ip-src", toIds: false, n: 2 }], complete: true } },
    { tally: { cells: [{ type: "ip-src", toIds: true, n: 1 }], complete: false } },
  ],
  "attribute: max_age": [
    { attribute: { max_age: "48h" } },
    attribute({ age: DAY }),
    attribute({ age: 3 * DAY }),
    attribute({}),
  ],
  "attribute: cidr": [
    { attribute: { value: { cidr: "10.0.0.0/8" } } },
    value("10.1.2.3"),
    value("192.0.2.1"),
    attribute({}),
  ],
  "attribute: domain": [
    { attribute: { value: { domain: "bank.example" } } },
    value("www.bank.example"),
    value("notbank.example"),
    attribute({}),
  ],
  "attribute: numbers": [{ attribute: { value: { min: 7, max: 8 } } }, value("7.5"), value("9"), attribute({})],
  "attribute: dates": [
    { attribute: { value: { after: "2026-11-01", before: "2026-12-01" } } },
    value("2026-11-20T08:00:00Z"),
    value("2026-12-20"),
    attribute({}),
  ],
  "attribute: list": [
    { attribute: { value: { list: "ours.txt", label: "bank" } } },
    value("ours.example"),
    value("x.example"),
    attribute({}),
  ],
  "attribute: a list that is not read": [
    { attribute: { value: [{ list: "other.txt" }, "x"] } },
    value("x"),
    attribute(),
    value("y"),
  ],
  "attribute: all of one": [
    { attribute: { all: [{ type: "url" }, { to_ids: true }] } },
    attribute({ type: is("url"), to_ids: is("true") }),
    attribute({ type: is("url"), to_ids: is("false") }, { type: is("domain"), to_ids: is("true") }),
    attribute({ type: is("url") }),
  ],
  "attribute: any of one": [
    { attribute: { any: [{ type: "url" }, { tag: "c2" }] } },
    attribute({ tag: is("c2") }),
    attribute({ type: is("domain"), tag: is() }),
    attribute({ type: is("domain") }),
  ],
};

it.each(Object.entries(OTHERS))("%s is true, false and unknown", (_, [match, yes, no, maybe]) => {
  expect([ask(match, yes), ask(match, no), ask(match, maybe)]).toEqual([true, false, "unknown"]);
  expect([ask({ not: match }, yes), ask({ not: match }, no), ask({ not: match }, maybe)]).toEqual([
    false,
    true,
    "unknown",
  ]);
});

test("the tables have all of the language", () => {
  expect(Object.keys(TEXTS).sort()).toEqual(FACTS.filter((name) => name !== "watch").sort());
  expect(Object.keys(OF_ATTRIBUTES).sort()).toEqual([...ATTRIBUTE_FACTS].sort());
  expect(conditionNames().filter((name) => !(name in TEXTS || name in OTHERS))).toEqual([]);
  expect(ORIGINS.every((one) => ask({ origin: one }, fact("origin", one)) === true)).toBe(true);
  expect(SIGHTING_TYPES.every((one) => ask({ sighting_type: one }, fact("sighting_type", one)) === true)).toBe(true);
});
