import { describe, expect, it, test } from "vitest";
import { isMarking, labelsOf, markingOf, strictest } from "../../src/guard/marking.ts";
import type { Marking } from "../../src/model/alert.ts";

describe("markingOf() of a complete list", () => {
  it.each([
    ["tlp:clear", "clear"],
    ["tlp:white", "clear"],
    ["TLP:WHITE", "clear"],
    ["tlp:green", "green"],
    ["TLP:Green", "green"],
    [" tlp : green ", "green"],
    ['tlp="amber"', "amber"],
    ["tlp:amber", "amber"],
    ["tlp:amber+strict", "amber+strict"],
    ["TLP:AMBER+STRICT", "amber+strict"],
    ["tlp:amber-strict", "amber+strict"],
    ["tlp:amber strict", "amber+strict"],
    ["tlp:red", "red"],
    ["tlp:unclear", "unknown"],
    ["TLP:ROUGE", "unknown"],
    ["tlp:amber+strict+more", "unknown"],
    ["tlp:amber strictly", "unknown"],
    ["tlp", "unknown"],
    ["tlp-red", "unknown"],
    ["tlp:", "unknown"],
    ["tlp:reddish", "unknown"],
    ['"tlp:red"', "red"],
    ["tlp:\u201cred\u201d", "red"],
    ["\uff54\uff4c\uff50:red", "red"],
    ["tlp\uff1ared", "red"],
    ["t\u200blp:r\u00aded", "red"],
    ["\ufefftlp:red\u2060", "red"],
    ["\u202etlp:red", "red"],
    ["tlp:\u{1d42b}\u{1d41e}\u{1d41d}", "red"],
    ["tlp:amber\uff0bstrict", "amber+strict"],
    ["tlp:\u00a0green", "green"],
    ["[tlp:red]", "unknown"],
    ["tlp:r\u00e9d", "unknown"],
    ["TLP RED", "unknown"],
    ["not-tlp:red", "none"],
    ["estimative-language:tlp:red", "none"],
  ] as const)("reads %j as TLP %s", (tag, tlp) => {
    expect(markingOf([tag], true).tlp).toBe(tlp);
  });

  it.each([
    ["PAP:RED", "red"],
    ["pap:amber", "amber"],
    ['PAP="GREEN"', "green"],
    ["PAP:WHITE", "clear"],
    ["PAP:CLEAR", "clear"],
    ["PAP:ORANGE", "unknown"],
    ["\uff30\uff21\uff30:RED", "red"],
    ["pap:r\u200ded", "red"],
    ["PAP RED", "unknown"],
    ["paprika", "none"],
  ] as const)("reads %j as PAP %s", (tag, pap) => {
    expect(markingOf([tag], true)).toEqual({ tlp: "none", pap, chr: false });
  });

  it.each([
    [["tlp:green", "tlp:red", "tlp:amber"], "red"],
    [["tlp:amber+strict", "tlp:amber"], "amber+strict"],
    [["tlp:white", "tlp:clear"], "clear"],
    [["tlp:clear", "tlp:unclear"], "unknown"],
    [["tlp:red", "tlp:unclear"], "unknown"],
    [["type:OSINT"], "none"],
    [[], "none"],
  ] as const)("takes the strictest of %j: %s", (tags, tlp) => {
    expect(markingOf(tags, true).tlp).toBe(tlp);
    expect(markingOf(tags.toReversed(), true).tlp).toBe(tlp);
  });

  it("takes tlp:ex:chr as a word about the source, which sets no level", () => {
    expect(markingOf(["TLP:EX:CHR"], true)).toEqual({ tlp: "none", pap: "none", chr: true });
    expect(markingOf(["tlp:ex:chr", "tlp:green"], true)).toEqual({ tlp: "green", pap: "none", chr: true });
  });
});

describe("markingOf() of a list that is not complete", () => {
  it.each([
    [[], "unknown"],
    [["tlp:green"], "unknown"],
    [["tlp:amber+strict"], "unknown"],
    [["tlp:red"], "red"],
  ] as const)("makes %j %s: a stricter label may be among what is not told", (tags, tlp) => {
    expect(markingOf(tags, false).tlp).toBe(tlp);
  });
});

test("labelsOf() takes what it knows, whatever stands beside it", () => {
  expect(labelsOf(["tlp:unclear", "tlp:amber+strict", "PAP:X", "PAP:RED"])).toEqual({
    tlp: "amber+strict",
    pap: "red",
    chr: false,
  });
  expect(labelsOf(["tlp:unclear"]).tlp).toBe("none");
});

test("strictest() lets none yield to every label, and unknown to none", () => {
  const tlp = (label: Marking["tlp"]): Marking => ({ tlp: label, pap: "none", chr: false });
  expect(strictest(tlp("none"), tlp("clear")).tlp).toBe("clear");
  expect(strictest(tlp("red"), tlp("green")).tlp).toBe("red");
  expect(strictest(tlp("red"), tlp("unknown")).tlp).toBe("unknown");
  expect(strictest().tlp).toBe("none");
  expect(strictest({ ...tlp("none"), chr: true }, tlp("none")).chr).toBe(true);
});

test.each([
  ["tlp:red", true],
  ["TLP:ROUGE", true],
  ["tlp", true],
  ["PAP:GREEN", true],
  ["pap=x", true],
  ["paper", false],
  ['misp-galaxy:tool="tlp"', false],
])("isMarking() of %j is %s", (tag, is) => {
  expect(isMarking(tag)).toBe(is);
});

test("what is seen at the first letter is what all of the text says", () => {
  const letters = [..."tlpaPTLr :=\"'«x1-[(", "\u200b", "ｔ", "é", "e\u0301", "misp", "tlp", "pap:", "TLP:red"];
  let state = 7;
  const next = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let markings = 0;
  for (let n = 0; n < 20_000; n += 1) {
    const tag = Array.from({ length: 1 + next(6) }, () => letters[next(letters.length)]).join("");
    // An invisible character in front makes no difference to readers, and is no ordinary letter.
    expect(isMarking(tag), JSON.stringify(tag)).toBe(isMarking(`\u200b${tag}`));
    expect(markingOf([tag], true), JSON.stringify(tag)).toEqual(markingOf([`\u200b${tag}`], true));
    markings += isMarking(tag) ? 1 : 0;
  }
  expect(markings).toBeGreaterThan(500);
});
