import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchableOfGuarded } from "../../src/routing/facts.ts";
import { fillLinks, LinkOption } from "../../src/template/links.ts";
import { EVENT, guarded, HOSTILE, item, metadata } from "../support/payloads.ts";

const url = (text: string) => LinkOption.safeParse({ label: "x", url: text }).error?.issues[0]?.message;

function fill(template: string, told = guarded({ event: EVENT, items: [item({ toIds: false, value: "a" }), item()] })) {
  const links = fillLinks([{ label: "x", url: template }], told, matchableOfGuarded(told, 0));
  return links.map((link) => link.url.href);
}

describe("links of the configuration", () => {
  it.each([
    ["http://siem.example.org/", /https/],
    ["javascript:alert(1)", /https/],
    ["https://{org}.example.org/", /host/],
    ["https://siem.example.org{info}/", /host/],
    ["https://user@siem.example.org/", /https/],
    ["https://siem.example.org/{vlaue}", /\{vlaue\}, which is none of .*\{value\}/],
    ["https://siem.example.org/{value", /brace/],
  ])("refuses %s", (text, expected) => {
    expect(url(text)).toMatch(expected);
  });

  it("fills in what the readers may see, escaped as a part of a URL", () => {
    expect(fill("https://siem.example.org/s?q={value}&l={threat_level}#{event_id}")).toEqual([
      "https://siem.example.org/s?q=https%3A%2F%2Fbad.example%2Fgate.php&l=high#4711",
    ]);
    const matched = guarded({ event: EVENT, items: [item(), item({ value: "m", matched: true, toIds: false })] });
    expect(fill("https://siem.example.org/{value}", matched)).toEqual(["https://siem.example.org/m"]);
  });

  it("is left out where a fact is missing or not for these readers", () => {
    expect(fill("https://siem.example.org/{value}", metadata().guarded)).toEqual([]);
    expect(fill("https://siem.example.org/{org}", metadata().guarded)).toEqual(["https://siem.example.org/CIRCL"]);
    expect(fill("https://siem.example.org/{owner_org}")).toEqual([]);
    const gone = guarded({ event: EVENT, items: [item({ withdrawn: "deleted" })] });
    expect(fill("https://siem.example.org/{value}", gone)).toEqual([]);
  });

  it("never leads elsewhere than the operator wrote, whatever MISP says", () => {
    const texts = fc.oneof(
      fc.constantFrom(...HOSTILE, "..", ".", "../../admin", "a/b", "?x", "#y", "@evil.example", "\\\\evil.example"),
      fc.string({ unit: "binary", maxLength: 40 }),
    );
    fc.assert(
      fc.property(texts, texts, (info, value) => {
        const told = guarded({ event: { ...EVENT, info }, items: [item({ value })] });
        for (const href of fill("https://siem.example.org/a/{info}/b/{value}?q={info}", told)) {
          const { origin, pathname, hash, searchParams } = new URL(href);
          expect([origin, hash]).toEqual(["https://siem.example.org", ""]);
          expect(pathname.split("/").filter((_, index) => index === 1 || index === 3)).toEqual(["a", "b"]);
          expect(pathname.split("/")).toHaveLength(5);
          expect(searchParams.get("q")).toBe(info.toWellFormed());
        }
      }),
    );
  });
});
