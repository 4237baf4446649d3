import { afterEach, expect, it, vi } from "vitest";
import { compileIRegexp, compilePattern } from "../../src/routing/pattern.ts";

// Counted, not timed: RE2 looks at each character once for each state that it may be in, and a glob is searched for by its
// parts, each from where the one before ended.

afterEach(() => vi.restoreAllMocks());

const MEGABYTE = 2 ** 20;

/** How many characters are looked at, by whatever reads a text one by one or searches it. */
function reads(of: () => boolean): { readonly holds: boolean; readonly count: number } {
  let count = 0;
  const codePointAt = String.prototype.codePointAt;
  const charCodeAt = String.prototype.charCodeAt;
  const indexOf = String.prototype.indexOf;
  vi.spyOn(String.prototype, "codePointAt").mockImplementation(function (this: string, at = 0) {
    count += 1;
    return codePointAt.call(this, at);
  });
  vi.spyOn(String.prototype, "charCodeAt").mockImplementation(function (this: string, at = 0) {
    count += 1;
    return charCodeAt.call(this, at);
  });
  vi.spyOn(String.prototype, "indexOf").mockImplementation(function (this: string, part: string, from = 0) {
    const found = indexOf.call(this, part, from);
    count += (found < 0 ? this.length : found + part.length) - from;
    return found;
  });
  const holds = of();
  vi.restoreAllMocks();
  return { holds, count };
}

it.each([
  ["nested repeats", "/(a+)+$/", "a", "!"],
  ["alternatives that overlap", "/(a|a|aa)+b/", "a", ""],
  ["many optional ones", `/${"a?".repeat(20)}${"a".repeat(20)}z/`, "a", ""],
  ["anything twice", "/.*.*=.*/", "a", ""],
  ["a word at its borders", "/\\b(lockbit|black ?cat)\\b/", "lockbit_", ""],
])("an expression reads as much again of twice the text: %s", (_, pattern, unit, end) => {
  const matches = compilePattern(pattern);
  const of = (length: number) => reads(() => matches(unit.repeat(length / unit.length) + end)).count;
  of(1024);
  const [one, two, four] = [MEGABYTE / 16, MEGABYTE / 8, MEGABYTE / 4].map(of);
  expect(one).toBeGreaterThan(MEGABYTE / 32);
  expect((two ?? 0) / (one ?? 1)).toBeLessThan(2.2);
  expect((four ?? 0) / (two ?? 1)).toBeLessThan(2.2);
});

it("the pattern of a path does, too", () => {
  const matches = compileIRegexp("(a+)+b", false);
  const of = (length: number) => reads(() => matches("a".repeat(length))).count;
  of(1024);
  expect(of(MEGABYTE / 8) / of(MEGABYTE / 16)).toBeLessThan(2.2);
});

it.each([
  ["*a*b*c*d*e*f*", "abcde"],
  ["*aaaaaaaaab*", "a"],
  [`${"*ab".repeat(50)}*z`, "ab"],
  ["a*a*a*a*a*b", "a"],
])("a glob reads a value of a megabyte once: %s", (glob, unit) => {
  const matches = compilePattern(glob);
  const text = unit.repeat(MEGABYTE / unit.length);
  const { holds, count } = reads(() => matches(text));
  expect(holds).toBe(false);
  expect(count).toBeLessThan(1.5 * MEGABYTE);
});
