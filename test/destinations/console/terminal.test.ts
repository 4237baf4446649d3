import { describe, expect, it } from "vitest";
import { clean } from "../../../src/alert/text.ts";
import { terminal, widthOf, wrap } from "../../../src/destinations/console/terminal.ts";

describe("terminal``", () => {
  it("takes clean text and not any other", () => {
    const hostile = "\x1b[2J";
    // @ts-expect-error A plain string has not been cleaned.
    expect(terminal`${hostile}`).toBe(hostile);
    expect(terminal`${clean(hostile)}`).toBe("[2J");
  });
});

describe("widthOf()", () => {
  it.each([
    ["abc", 3],
    ["漢字", 4],
    ["e\u0301", 1],
    ["😀", 2],
  ])("%s", (text, columns) => {
    expect(widthOf(clean(text))).toBe(columns);
  });
});

describe("wrap()", () => {
  it.each([
    ["one two three", 7, ["one two", "three"]],
    ["short", 20, ["short"]],
    ["abcdefghij", 4, ["abcd", "efgh", "ij"]],
    ["ab[.]cd", 4, ["ab", "[.]c", "d"]],
    ["漢字漢字", 5, ["漢字", "漢字"]],
  ])("%s at %i", (text, columns, expected) => {
    expect(wrap(clean(text), columns)).toEqual(expected);
  });
});
