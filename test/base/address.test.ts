import { expect, test } from "vitest";
import { formatAddress, isLoopback, Listen } from "../../src/base/address.ts";
import { check, configOf } from "../support/checked-config.ts";

test.each([
  ["127.0.0.1:9642", true],
  ["127.8.8.8:0", true],
  ["[::1]:9642", true],
  ["localhost:9642", true],
  ["0.0.0.0:9642", false],
  ["[::]:9642", false],
  ["192.0.2.1:80", false],
  ["herald.example.org:9642", false],
])("%s is an address; only this machine reaches it: %s", (text, alone) => {
  const address = Listen.parse(text);
  expect(formatAddress(address)).toBe(text);
  expect(isLoopback(address)).toBe(alone);
});

test.each([
  "9642",
  ":9642",
  "127.0.0.1",
  "127.0.0.1:",
  "127.0.0.1:65536",
  "127.0.0.256:1",
  "::1:9642",
  "[1]:9642",
  "a b:1",
])("%s is no address", (text) => {
  expect(Listen.safeParse(text).success).toBe(false);
});

test("an endpoint that others can reach is warned of at its place; one without an address listens at loopback", async () => {
  const open = await check(configOf("", undefined, 'http: { listen: "0.0.0.0:9642" }'));
  expect(open.problems).toEqual([
    "6:17: warning: whoever can connect to this address can read /metrics, which has no password",
  ]);
  const usual = await check(configOf("", undefined, "http: {}"));
  expect(usual.problems).toEqual([]);
  expect(usual.loaded?.config.http).toEqual({ listen: { host: "127.0.0.1", port: 9642 } });
  expect((await check(configOf(""))).loaded?.config.http).toBeUndefined();
  const wrong = await check(configOf("", undefined, "http: { listen: 9642 }"));
  expect(wrong.problems).toEqual([expect.stringMatching(/^6:17: error: .*listen/)]);
});
