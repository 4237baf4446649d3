import { describe, expect, it } from "vitest";
import { clean } from "../../../src/alert/text.ts";
import { cardText, inertText } from "../../../src/destinations/teams/text.ts";

describe("cardText()", () => {
  it.each([
    ["<at>CEO</at>", "‹at>CEO‹/at>"],
    ['<AT id="0">CEO</At >', '‹AT id="0">CEO‹/At >'],
    ["<<at>at>", "<‹at>at>"],
    ["{{DATE(2026-11-20T14:02:11Z, SHORT)}}", "{ {DATE(2026-11-20T14:02:11Z, SHORT)}}"],
    ["{{{time(2026-11-20T14:02:11Z)}}}", "{ { {time(2026-11-20T14:02:11Z)}}}"],
  ])("breaks what Teams replaces: %s", (text, expected) => {
    expect(cardText(clean(text))).toBe(expected);
  });

  it("leaves all else as it is, since nothing in a run is parsed", () => {
    for (const text of ["<attribute>", "[click](https://x.example)", "**a** _b_ `c`", "{{7*7}}", "a < b && c > d"]) {
      expect(cardText(clean(text))).toBe(text);
    }
  });

  it("stands apart from its neighbours by what no renderer drops", () => {
    expect(cardText(clean("a"), "\u2002", " · ")).toBe("\u2002a · ");
  });
});

describe("inertText()", () => {
  it("has nothing in it that Markdown or HTML gives a meaning, also not in a defanged host", () => {
    expect(inertText(clean("[a](b) **c** _d_ ~e~ `f` <at>g</at> #h &lt; \\ | {{DATE(x)}} bad[.]example"))).toBe(
      "［a］（b） ＊＊c＊＊ ＿d＿ ～e～ ｀f｀ ＜at＞g＜/at＞ ＃h ＆lt; ＼ ｜ ｛｛DATE（x）｝｝ bad［.］example",
    );
  });
});
