import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clean, formatCount, truncate } from "../../src/alert/text.ts";

describe("clean()", () => {
  it.each([
    ["line breaks become one space", "a\r\nb\u2028c\u2029d\u0085e\tf", "a b c d e f"],
    [
      "terminal sequences lose the byte that makes them work",
      "\x1b[31mred\x9b0m\x1b]8;;http://x\x07",
      "[31mred0m]8;;http://x",
    ],
    ["text direction cannot be turned", "invoice\u202Efdp.exe\u2066\u200F\u061C", "invoicefdp.exe"],
    ["nothing invisible stays", "a\u200Bb\u00ADc\uFEFFd\u2060e\u{E0041}f\uFE0F\u3164", "abcdef"],
    ["lone surrogates are replaced, pairs stay", "\uD83D\uDE00 \uD83D x \uDE00", "😀 \uFFFD x \uFFFD"],
    ["marks do not pile up", `a${"\u0301".repeat(500)}b`, `a${"\u0301".repeat(6)}b`],
    ["spaces inside are kept, around are not", "  C:\\Program  Files\u00A0x ", "C:\\Program  Files x"],
    ["homoglyphs stay what they are", "раypal", "раypal"],
  ])("%s", (_, dirty, expected) => {
    expect(clean(dirty)).toBe(expected);
  });

  it("looks at a bounded part and says that it cut", () => {
    expect(clean("x".repeat(100_000))).toHaveLength(8193);
    expect(clean("abc😀", 4)).toBe("abc…");
  });

  it("changes nothing the second time", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        expect(clean(clean(text))).toBe(clean(text));
      }),
    );
  });

  it("leaves no control, format or lone surrogate character of any text", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
        const result = clean(String.fromCharCode(...units));
        expect(result).not.toMatch(/[\p{Cc}\p{Cf}\p{Surrogate}\u2028\u2029]/u);
      }),
    );
  });
});

describe("truncate()", () => {
  it.each([
    ["short text stays", "abc", 3, "abc"],
    ["an ellipsis counts", "abcd", 3, "ab…"],
    ["a letter keeps its marks", "e\u0301e\u0301e\u0301", 2, "e\u0301…"],
    ["a pair of surrogates is one", "😀😀😀", 2, "😀…"],
    ["what fits by graphemes stays, however long", "e\u0301e\u0301", 2, "e\u0301e\u0301"],
    ["a bracketed dot is dropped as a whole (cut after its first character)", "bad[.]example", 5, "bad…"],
    ["a bracketed dot is dropped as a whole (cut after its second character)", "bad[.]example", 6, "bad…"],
    ["a bracketed dot that fits stays", "bad[.]example", 7, "bad[.]…"],
    ["so with the other brackets", "a[@]b[:]c", 3, "a…"],
  ])("%s", (_, text, max, expected) => {
    expect(truncate(clean(text), max)).toBe(expected);
  });
});

describe("formatCount()", () => {
  it("says one, many and thousands", () => {
    expect([formatCount(1, "attribute"), formatCount(0, "attribute"), formatCount(1204, "entry", "entries")]).toEqual([
      "1 attribute",
      "0 attributes",
      "1,204 entries",
    ]);
  });
});
