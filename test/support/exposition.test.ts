import { expect, test } from "vitest";
import { parseExposition } from "./exposition.ts";

const HEAD = "# HELP a_total x\n# TYPE a_total counter\n";

test("parseExposition() reads labels, escapes and infinity", () => {
  const { series } = parseExposition(`${HEAD}a_total{b="c,\\"d\\\\",e="f"} 2\na_total +Inf\n`);
  expect(series).toEqual([
    { name: "a_total", labels: { b: 'c,\\"d\\\\', e: "f" }, value: 2 },
    { name: "a_total", labels: {}, value: Number.POSITIVE_INFINITY },
  ]);
});

test.each([
  ["a series twice", `${HEAD}a_total{b="1",c="2"} 1\na_total{c="2",b="1"} 1\n`, /twice/],
  ["no TYPE", "# HELP a_total x\na_total 1\n", /family/],
  ["no HELP", "# TYPE a_total counter\na_total 1\n", /HELP/],
  ["another family's series", `${HEAD}b_total 1\n`, /family/],
  ["a label twice", `${HEAD}a_total{b="1",b="2"} 1\n`, /labels/],
  ["a quote that is not escaped", `${HEAD}a_total{b="1"2"} 1\n`, /labels/],
  ["no number", `${HEAD}a_total one\n`, /number/],
  ["a last line that does not end", `${HEAD}a_total 1`, /end/],
])("parseExposition() does not take %s", (_, text, reason) => {
  expect(() => parseExposition(text)).toThrow(reason);
});
