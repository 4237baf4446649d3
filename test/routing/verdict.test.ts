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
  ["what is not to be so", { not: { org: "CIRCL" } }, { path: "not", expected: 'not {"org":["CIRCL"]}' }],
  ["a measure", { attributes: { min: 5 } }, { path: "attributes", actual: ["2"] }],
  ["a level", { min_threat_level: "high" }, { path: "min_threat_level", actual: ["low"] }],
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
