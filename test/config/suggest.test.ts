import { expect, test } from "vitest";
import { nearest } from "../../src/config/suggest.ts";

test.each([
  ["chanel", ["channel", "type"], "channel"],
  ["tpye", ["type", "name"], "type"],
  ["maxTLP", ["max_tlp", "max_pap"], "max_tlp"],
  ["max-tlp", ["max_pap", "max_tlp"], "max_tlp"],
  ["digest", ["name", "kinds", "group"], undefined],
  ["to", ["by", "of"], undefined],
  ["", ["a"], "a"],
])("nearest() of %s", (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});
