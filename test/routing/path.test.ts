import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { z } from "zod";
import type { PathDocument } from "../../src/model/document.ts";
import { allOf, firstOf, UNKNOWN } from "../../src/routing/path-evaluate.ts";
import { parsePath } from "../../src/routing/path-syntax.ts";

const Suite = z.object({
  tests: z.array(
    z.object({
      name: z.string(),
      selector: z.string(),
      document: z.unknown().optional(),
      result: z.array(z.unknown()).optional(),
      results: z.array(z.array(z.unknown())).optional(),
      invalid_selector: z.boolean().default(false),
    }),
  ),
});
const { tests: CONFORMANCE } = Suite.parse(
  JSON.parse(readFileSync(new URL("../fixtures/jsonpath/cts.json", import.meta.url), "utf8")),
);

/** Whose pattern is in the document, or is none: rules are refused with those. */
const REFUSED = /needs a text as the pattern|has a pattern in/;

function documentOf(root: unknown, size = 1_000): PathDocument<string> {
  return { root, size, placeOf: () => undefined };
}

function parsed(path: string) {
  try {
    return parsePath(path);
  } catch (error) {
    return error instanceof SyntaxError ? error.message : Promise.reject(error);
  }
}

describe("the compliance test suite of RFC 9535", () => {
  const refused: string[] = [];
  it.each(CONFORMANCE.map((one) => [one.name, one] as const))("%s", (name, one) => {
    const query = parsed(one.selector);
    if (one.invalid_selector) {
      expect(query).toEqual(expect.any(String));
      return;
    }
    if (typeof query === "string" && REFUSED.test(query)) {
      refused.push(name);
      return;
    }
    if (typeof query === "string" || query instanceof Promise) {
      expect(query).toBeUndefined();
      return;
    }
    const found = allOf(query, documentOf(one.document)).map(({ value }) => value);
    expect(one.results ?? [one.result]).toContainEqual(found);
    expect(firstOf(query, documentOf(one.document))).toEqual(found.length > 0 ? expect.anything() : false);
  });

  test("all of it but patterns that come from the document or are none", () => {
    expect(CONFORMANCE.length).toBeGreaterThan(700);
    expect(refused).toEqual(
      ["match", "search"].flatMap((name) => [
        `functions, ${name}, regex from the document`,
        `functions, ${name}, non-string second arg`,
        `functions, ${name}, arg is a function expression`,
      ]),
    );
  });
});

const TRUTH = (path: string, root: unknown, size?: number) => {
  const found = firstOf(parsePath(path), documentOf(root, size));
  return typeof found === "object" ? true : found;
};

it.each<[string, string, unknown, unknown]>([
  ["what is there", "$.a", { a: 1, b: UNKNOWN }, true],
  ["what is not known", "$.a", { a: UNKNOWN }, "unknown"],
  ["what is below what is not known", "$.a.b[0]", { a: UNKNOWN }, "unknown"],
  ["what is nowhere", "$.c", { a: UNKNOWN }, false],
  ["anything, of which some is known", "$.*", { a: UNKNOWN, b: 1 }, true],
  ["what may be deeper", "$..x", { a: { b: UNKNOWN } }, "unknown"],
  ["a member of a list that goes on", "$[?@.x == 1]", [{ x: 2 }, UNKNOWN], "unknown"],
  ["a member before a list goes on", "$[0]", [1, UNKNOWN], true],
  ["a member where a list goes on", "$[1]", [1, UNKNOWN], "unknown"],
  ["the last of a list that goes on", "$[-1]", [1, UNKNOWN], "unknown"],
  ["a slice of a list that goes on", "$[:1]", [1, UNKNOWN], true],
  ["a slice of what a list goes on to", "$[1:]", [1, UNKNOWN], "unknown"],
  ["a comparison with what is not known", "$[?@.x != 1]", [{ x: UNKNOWN }], "unknown"],
  ["of two alternatives one that is known", "$[?@.x == 1 || @.y == 2]", [{ x: UNKNOWN, y: 2 }], true],
  ["of two conditions one that is false", "$[?@.x == 1 && @.y == 2]", [{ x: UNKNOWN, y: 3 }], false],
  ["of two conditions one that is not known", "$[?@.x == 1 && @.y == 2]", [{ x: UNKNOWN, y: 2 }], "unknown"],
  ["not of what is not known", "$[?!@.x]", [{ x: UNKNOWN }], "unknown"],
  ["how many there are, of which some are not known", "$[?count(@.*) > 1]", [[1, UNKNOWN]], "unknown"],
  ["how long a list is that goes on", "$[?length(@) == 1]", [[1, UNKNOWN]], "unknown"],
  ["equal lists of which some is not known", "$[?@.a == @.b]", [{ a: [1, 2], b: [1, UNKNOWN] }], "unknown"],
  ["lists of which some is not known, and another differs", "$[?@.a == @.b]", [{ a: [1, 2], b: [3, UNKNOWN] }], false],
  ["text like a pattern", "$[?search(@.x, '^a.c$')]", [{ x: "abc" }], true],
  ["text that is not known", "$[?search(@.x, 'a')]", [{ x: UNKNOWN }], "unknown"],
])("is asked for %s", (_, path, root, truth) => {
  expect(TRUTH(path, root)).toBe(truth);
});

describe("the work on a path", () => {
  const flat = (n: number) => ({ list: Array.from({ length: n }, (_, at) => ({ v: `value ${at}` })) });
  const sizeOf = (n: number) => 4 * n;

  it.each([
    ["one descent", "$..nothing"],
    ["a filter on each", "$.list[?@.v == 'x' || search(@.v, 'y+z')]"],
    ["a descent in each", "$.list[?@..nothing]"],
  ])("is finished where it is a multiple of the event: %s", (_, path) => {
    for (const n of [100, 1_000, 10_000]) {
      expect(TRUTH(path, flat(n), sizeOf(n))).toBe(false);
    }
  });

  it.each([
    ["each compared with each", "$.list[?count($.list[*]) == 0]"],
    ["a descent in each of the root", "$.list[?$..nothing]"],
    ["descents in descents", "$..*..*..*..*[?@ == 'x']"],
  ])("is given up, and unknown, where it would be a square: %s", (_, path) => {
    const deep = (n: number): unknown => (n === 0 ? {} : { a: deep(n - 1), b: deep(n - 1) });
    const root = path.startsWith("$..") ? deep(9) : flat(5_000);
    expect(TRUTH(path, root, path.startsWith("$..") ? 1_023 : 20_000)).toBe("unknown");
  });

  it("counts the text that is read", () => {
    const root = Array.from({ length: 50 }, () => "x".repeat(10_000));
    expect(TRUTH("$[?search(@, 'y')]", root, 50 + 500_000 / 8)).toBe(false);
    expect(TRUTH("$[?search(@, 'y')]", root, 50)).toBe("unknown");
  });
});

it.each([
  ["$.a[?match(@.v, @.w)]", /needs a text as the pattern/],
  ["$.a[?match(@.v, '(a')]", /has a pattern in match\(\) that is none/],
  ["Event.info", /is no JSONPath \(RFC 9535\): expected '\$', found 'E', at character 1$/],
  ["$.a[?@.b ==]", /at character 12$/],
  [`$${".a".repeat(40)}`, /more than 32 segments/],
  [`$.${"a".repeat(3_000)}`, /longer than/],
])("refuses %s", (path, reason) => {
  const said = parsed(path);
  expect(typeof said === "string" ? said : "").toMatch(reason);
});
