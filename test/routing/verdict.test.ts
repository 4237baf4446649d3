import { expect, it } from "vitest";
import type { Fact, Matchable } from "../../src/model/message.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { obstructionOf } from "../../src/routing/verdict.ts";

const is = (...values: readonly string[]): Fact => ({ values, complete: true });
const SUBJECT: Matchable = {
  at: Date.UTC(2026, 10, 28),
  measures: {
    attribute_count: { atLeast: 2, complete: true },
    date: { atLeast: Date.UTC(2026, 0, 1), complete: true },
  },
  facts: { org: is("CIRCL"), tag: is("tlp:green"), threat_level: is("low"), galaxy: is() },
  tally: {
    cells: [
      { type: "domain", toIds: false, n: 1 },
      { type: "url", toIds: true, n: 1 },
    ],
    complete: true,
  },
  attributes: [
    { type: is("domain"), value: is("a.example"), to_ids: is("false") },
    { type: is("url"), value: is("https://b.example/"), to_ids: is("true") },
  ],
  attributesComplete: true,
};

function obstruction(match: unknown) {
  return obstructionOf(RouteOptions.parse({ name: "r", notify: "soc", match }).match, SUBJECT);
}

it.each<[string, unknown, object | undefined]>([
  ["nothing of what holds", { org: "circl" }, undefined],
  [
    "a fact with what it is",
    { tag: "tlp:*", org: ["A", "B"] },
    { path: "org", truth: false, expected: "A or B", actual: ["CIRCL"] },
  ],
  ["a fact that is not known", { info: "x" }, { path: "info", truth: "unknown", expected: "x" }],
  ["what is false before what is unknown", { info: "x", org: "A" }, { path: "org", truth: false }],
  ["a fact that is known to be empty", { galaxy: "*" }, { path: "galaxy", actual: ["none"] }],
  [
    "the alternative that may still hold",
    { any: [{ org: "A" }, { info: "x" }] },
    { path: "any.2.info", truth: "unknown" },
  ],
  ["one of several maps", [{ org: "A" }, { org: "B" }], { path: "1.org", expected: "A" }],
  ["what is not to be so", { not: { org: "CIRCL" } }, { path: "not.org", expected: "not { org: CIRCL }" }],
  [
    "what is not to be so, in words",
    { not: { date: { after: "2025-01-01" }, max_event_age: "365d" } },
    { path: "not", expected: "not { max_event_age: 365d, date: not before 2025-01-01 }" },
  ],
  ["an age as it is written", { max_age: "2d" }, { path: "max_age", truth: "unknown", expected: "within 2d" }],
  [
    "an age with when it was",
    { max_event_age: "90d" },
    { path: "max_event_age", expected: "within 90d", actual: ["2026-01-01T00:00:00.000Z"] },
  ],
  [
    "a date in words",
    { date: { after: "2026-02-01", before: "2026-03-01" } },
    { path: "date", expected: "not before 2026-02-01 and before 2026-03-01" },
  ],
  [
    "a measure of some attributes by how many those are",
    { attributes: { min: 5, type: "domain" } },
    { path: "attributes", actual: ["1"] },
  ],
  [
    "what an attribute is not to have, in words",
    { attribute: { not: { value: [{ cidr: "10.0.0.0/8" }, "*example*"] } } },
    { path: "attribute.not", truth: false, expected: 'not { value: [in 10.0.0.0/8, "*example*"] }' },
  ],
  ["what nests in an attribute", { attribute: { any: [{ type: "md5" }] } }, { expected: "{ any: { type: md5 } }" }],
  ["the age of an attribute", { attribute: { max_age: "48h" } }, { expected: "{ max_age: 2d }" }],
  ["a measure", { attributes: { min: 5 } }, { path: "attributes", actual: ["2"] }],
  ["a level", { min_threat_level: "high" }, { path: "min_threat_level", expected: "high or higher", actual: ["low"] }],
  [
    "what no attribute has",
    { attribute: { type: "md5" } },
    { path: "attribute.type", expected: "md5", actual: ["domain", "url"] },
  ],
  [
    "what no attribute has all of",
    { attribute: { type: "domain", to_ids: true } },
    { path: "attribute", truth: false },
  ],
  [
    "a network in words",
    { attribute: { value: { cidr: "10.0.0.0/8" } } },
    { path: "attribute.value", expected: "in 10.0.0.0/8" },
  ],
])("names %s", (_, match, expected) => {
  const found = obstruction(match);
  if (expected === undefined) {
    expect(found).toBeUndefined();
  } else {
    expect(found).toMatchObject(expected);
  }
});
