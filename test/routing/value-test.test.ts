import { describe, expect, it } from "vitest";
import type { AttributeFacts, Truth } from "../../src/model/message.ts";
import { dateOf } from "../../src/routing/date.ts";
import { matchableOf } from "../../src/routing/facts.ts";
import { compileMatch } from "../../src/routing/match.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { composed } from "../guard/verdicts.ts";
import { attributeOf, MINUTE, publication, T0 } from "../support/messages.ts";

/** What an attribute of that type and value is asked, as a publication brings it. */
function ask(test: object, value: string, type = "text"): Truth {
  const { match } = RouteOptions.parse({ name: "r", notify: "soc", match: { attribute: { value: test } } });
  const { alert } = composed(publication({ attributes: [attributeOf("1", { type, value })] }));
  return compileMatch(match).matches(matchableOf(alert, T0 + MINUTE));
}

describe("value: { cidr }", () => {
  it.each([
    ["an address", "192.0.2.7", "ip-src"],
    ["an address with a port", "192.0.2.7|443", "ip-dst|port"],
    ["a host and port as one text", "192.0.2.7:443", "text"],
    ["the host of a URL", "http://user:pw@192.0.2.7:8080/a?b#c", "url"],
    ["a smaller network", "192.0.2.128/25", "ip-src"],
    ["an address that is mapped to IPv6", "::ffff:192.0.2.7", "ip-src"],
    ["the same in brackets", "[::ffff:c000:207]:443", "ip-src"],
    ["half of a composite", "host.example|192.0.2.7", "domain|ip"],
  ])("holds for %s", (_, value, type) => {
    expect(ask({ cidr: "192.0.2.0/24" }, value, type)).toBe(true);
  });

  it.each([
    ["an address beside it", "192.0.3.7"],
    ["a network around it", "192.0.0.0/16"],
    ["the address of a larger network that begins in it", "192.0.2.0/23"],
    ["a text that begins so", "192.0.2.7 and more"],
    ["an address in a path", "http://example.org/192.0.2.7"],
  ])("does not hold for %s", (_, value) => {
    expect(ask({ cidr: "192.0.2.0/24" }, value)).toBe(false);
  });

  it("holds for IPv6 however it is compressed", () => {
    for (const value of ["2001:db8:0:0::1", "2001:0DB8::0001", "[2001:db8::1]:53", "https://[2001:db8::1]/x"]) {
      expect(ask({ cidr: "2001:db8::/64" }, value)).toBe(true);
    }
  });
});

describe("value: { domain }", () => {
  it.each([
    ["the domain", "bank.example", "domain"],
    ["one below it", "Login.BANK.example.", "hostname"],
    ["the host of a URL", "https://login.bank.example:8443/x", "url"],
    ["the domain of a mail", "ceo@mail.bank.example", "email-src"],
    ["half of a composite", "www.bank.example|192.0.2.1", "domain|ip"],
    ["a host with a port", "www.bank.example|443", "hostname|port"],
  ])("holds for %s", (_, value, type) => {
    expect(ask({ domain: "bank.example" }, value, type)).toBe(true);
  });

  it.each([
    ["a label that ends alike", "notbank.example", "domain"],
    ["a domain that goes on", "bank.example.evil.example", "domain"],
    ["a path", "https://evil.example/bank.example", "url"],
    ["the user of a URL", "https://bank.example@evil.example/", "url"],
    ["a file", "bank.example", "filename"],
  ])("does not hold for %s", (_, value, type) => {
    expect(ask({ domain: "bank.example" }, value, type)).toBe(false);
  });

  it("holds for an internationalised name in either spelling", () => {
    expect(ask({ domain: "bücher.example" }, "www.xn--bcher-kva.example")).toBe(true);
    expect(ask({ domain: "xn--bcher-kva.example" }, "https://www.BÜCHER.example/")).toBe(true);
  });
});

describe("value: numbers and dates", () => {
  it.each<[object, string, Truth]>([
    [{ min: 7 }, "9.8", true],
    [{ min: 7 }, "10", true],
    [{ min: 7, max: 8 }, "8.1", false],
    [{ min: 7 }, "9.8 (critical)", false],
    [{ after: "2026-11-01" }, "2026-11-20T10:00:00.000000+0000", true],
    [{ after: "2026-11-01", before: "2026-11-20" }, "2026-11-20", false],
    [{ before: "2026-11-20T12:00Z" }, "2026-11-20T13:30:00+02:00", true],
    [{ before: "2026-11-20" }, "yesterday", false],
    [{ is: "192.0.2.0/24", cidr: "192.0.2.0/24" }, "192.0.2.0/24", true],
    [{ is: "192.0.2.0/25", cidr: "192.0.2.0/24" }, "192.0.2.0/24", false],
  ])("%j of %s is %s", (test, value, truth) => {
    expect(ask(test, value)).toBe(truth);
  });

  it("reads dates as MISP and people write them", () => {
    const at = Date.UTC(2026, 10, 20, 8);
    for (const text of [
      "2026-11-20T08:00:00Z",
      "2026-11-20 08:00",
      "2026-11-20T09:00+0100",
      "2026-11-20T08:00:00.0000 UTC",
    ]) {
      expect(dateOf(text)).toBe(at);
    }
    expect(dateOf("2026-13-40")).toBeUndefined();
  });
});

it.each([
  ["a value", { attribute: { value: { min: 10, max: 5 } } }, "must not be less than min"],
  [
    "a value that is a date",
    { attribute: { value: { after: "2026-02-01", before: "2026-02-01" } } },
    "later than after",
  ],
  ["the date of an event", { date: { after: "2026-02-01", before: "2026-01-01" } }, "later than after"],
  ["a number of attributes", { attributes: { min: 5, max: 4 } }, "must not be less than min"],
])("refuses a range in which nothing lies: %s", (_, match, message) => {
  const { error } = RouteOptions.safeParse({ name: "r", notify: "soc", match });
  expect(error?.message).toContain(message);
});

it("knows nothing of a value that is not told", () => {
  const { match } = RouteOptions.parse({
    name: "r",
    notify: "soc",
    match: { attribute: { value: { domain: "a.example" } } },
  });
  const attributes: readonly AttributeFacts[] = [{}];
  const subject = { at: 0, measures: {}, facts: {}, attributes, attributesComplete: true };
  expect(compileMatch(match).matches(subject)).toBe("unknown");
});

it("takes linear time for a value of a megabyte", () => {
  const hostile = [
    "a".repeat(2 ** 20),
    ".".repeat(2 ** 20),
    `${"a.".repeat(2 ** 19)}b`,
    `${"@".repeat(2 ** 20)}a.example`,
    "1:".repeat(2 ** 19),
  ];
  const tests = [{ cidr: "10.0.0.0/8" }, { domain: "example.org" }, { min: 3 }, { after: "2026-01-01" }];
  for (const test of [...tests, "/(a+)+$/", "*a*a*a*a*a*b", "/(a|a)*b/"]) {
    const { match } = RouteOptions.parse({ name: "r", notify: "soc", match: { attribute: { value: test } } });
    const { matches } = compileMatch(match);
    for (const value of hostile) {
      const attributes = [{ value: { values: [value], complete: true } }];
      const from = performance.now();
      matches({ at: 0, measures: {}, facts: {}, attributes, attributesComplete: true });
      // Quadratic time would be hours.
      expect(performance.now() - from).toBeLessThan(5_000);
    }
  }
});
