import { describe, expect, it, test } from "vitest";
import { compilePattern } from "../../src/routing/pattern.ts";

describe("compilePattern()", () => {
  it.each([
    // equality
    ["high", "HIGH", true],
    ["high", "higher", false],
    ["caf\u00e9", "CAFE\u0301", true],
    ["a.b", "axb", false],
    // globs
    ["*", "", true],
    ["*lockbit*", "New LockBit wave", true],
    ["tlp:*", "TLP:RED", true],
    ["tlp:*", "xtlp:red", false],
    ["*.example", "a.example", true],
    ["*.example", "a.example.org", false],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*b*c", "a-c", false],
    ["a*b*c", "a-b-c", true],
    ["a*bc*c", "abc", false],
    ["*ab*ab*", "xabab", true],
    ["*ab*ab*", "xab", false],
    ["a**b", "ab", true],
    ["a.*", "abc", false],
    ["line*end", "line\nend", true],
    // regular expressions
    ["/^apt ?[0-9]+$/i", "APT28", true],
    ["/^apt ?[0-9]+$/", "apt x", false],
    ["/bit/", "LockBit 3", true],
    ["/a\\/b/", "a/b", true],
    ["/a.b/", "a\nb", false],
    ["/a.b/s", "a\nb", true],
    ["/^b$/", "a\nb", false],
    ["/^b$/m", "a\nb", true],
    ["/\\p{Greek}/", "αβγ", true],
    // paths are no regular expressions
    ["/etc/passwd", "/etc/passwd", true],
    ["/etc/passwd", "wget", false],
    ["/etc/passwd", "fetch", false],
    ["/", "/", true],
    ["//", "//", true],
    ["/tmp/*", "/tmp/x", true],
  ])("%j of %j: %s", (pattern, text, matches) => {
    expect(compilePattern(pattern)(text)).toBe(matches);
  });

  it.each(["/(?=a)b/", "/(a)\\1/", "/(/", "/(?<!x)y/"])("throws for %s, which RE2 does not have", (pattern) => {
    expect(() => compilePattern(pattern)).toThrow();
  });

  it("decides an adversarial text of 50 KB", () => {
    const text = `${"a".repeat(50_000)}!`;
    expect(compilePattern("/(a+)+$/")(text)).toBe(false);
    expect(compilePattern("/^(a|aa)+$/")(text)).toBe(false);
    expect(compilePattern("/(a+)+!$/")(text)).toBe(true);
    expect(compilePattern("*a*a*a*a*a*a*a*a*b")(text)).toBe(false);
  });
});

test("compilePattern() keeps no state between two texts", () => {
  const pattern = compilePattern("/a/");
  expect([pattern("a"), pattern("b"), pattern("a")]).toEqual([true, false, true]);
});
