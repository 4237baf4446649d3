import { describe, expect, it } from "vitest";
import { canonicalDomain, formatNetwork, parseNetwork } from "../../src/routing/network.ts";

describe("parseNetwork()", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["192.0.2.7/24", "192.0.2.0/24"],
    ["10.128.3.4/9", "10.128.0.0/9"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::ffff:c000:207", "192.0.2.7"],
    ["::ffff:192.0.2.0/120", "192.0.2.0/24"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8::/32", "2001:db8::/32"],
    ["2001:db8:ffff:ffff::1/33", "2001:db8:8000::/33"],
    ["::1", "::1"],
    ["::", "::"],
    ["1::", "1::"],
    ["fe80::1%eth0", "fe80::1"],
  ])("reads %s as %s", (text, expected) => {
    const network = parseNetwork(text);
    expect(network && formatNetwork(network.key)).toBe(expected);
  });

  it.each([
    "",
    "192.0.2",
    "192.0.2.256",
    "192.0.2.0/33",
    "192.0.2.0/-1",
    "192.0.2.0/",
    "192.0.2.0/24/1",
    "192.0.2.0/255.255.255.0",
    "01.2.3.4",
    "2001:db8::/129",
    "::ffff:192.0.2.0/95",
    "2001:db8::1::2",
    "example.org",
  ])("finds no network in %s", (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });
});

describe("canonicalDomain()", () => {
  it.each([
    ["Example.ORG.", "example.org"],
    ["_dmarc.example.org", "_dmarc.example.org"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["XN--BCHER-KVA.example", "xn--bcher-kva.example"],
    ["a", "a"],
  ])("writes %s as %s", (text, expected) => {
    expect(canonicalDomain(text)).toBe(expected);
  });

  it.each(["", ".", "a..b", "-a.example", "a b.example", "192.0.2.1", "ü/b.example", "a@b"])(
    "takes %j for no domain",
    (text) => {
      expect(canonicalDomain(text)).toBeUndefined();
    },
  );
});
