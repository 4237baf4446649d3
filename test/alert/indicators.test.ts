import { describe, expect, it } from "vitest";
import { indicator, listItems } from "../../src/alert/indicators.ts";
import { EVENT, entry, guarded, item, payload } from "../support/payloads.ts";

const TOLD_AT = Date.UTC(2026, 10, 20);
const STYLE = { timeZone: "UTC", defang: true };

describe("listItems()", () => {
  it("lists what matched, then what is for detection, then what is new, then by type", () => {
    const items = [
      item({ value: "6", type: "b", toIds: false }),
      item({ value: "5", type: "a", toIds: false }),
      item({ value: "4", type: "z", toIds: false, changedAt: TOLD_AT + 1 }),
      item({ value: "3", type: "a", toIds: true }),
      item({ value: "2", type: "z", toIds: true, changedAt: TOLD_AT + 1 }),
      item({ value: "1", type: "z", toIds: false, matched: true }),
    ];
    const [listed] = listItems(payload([entry(guarded({ event: EVENT, items }), { since: TOLD_AT })]));
    expect(listed?.items.map(({ value }) => value)).toEqual(["1", "2", "3", "4", "5", "6"]);
  });
});

describe("indicator()", () => {
  const told = entry(guarded({ objects: [{ key: "o1", name: "domain-ip", reach: [] }] }), { since: TOLD_AT });

  it("says where in an object a value stands, and cuts long comments outside of brackets", () => {
    const comment = `${"x".repeat(196)} a.bad.example`;
    expect(indicator(told, item({ objectKey: "o1", relation: "ip", comment }), STYLE).notes).toEqual([
      "domain-ip: ip",
      `${"x".repeat(196)} a…`,
    ]);
  });

  it.each([
    ["domain", "\u0430pple.example", ["xn--pple-43d[.]example"]],
    ["url", "https://\u0430pple.example:8443/b\u00fccher", ["xn--pple-43d[.]example"]],
    ["domain|ip", "\u0430pple.example|203.0.113.7", ["xn--pple-43d[.]example"]],
    ["email-src", "ceo@\u0430pple.example", ["xn--pple-43d[.]example"]],
    ["url", "https://apple.example/b\u00fccher", []],
    ["filename", "b\u00fccher.example", []],
  ])("shows beside a %s what its letters are in DNS: %s", (type, value, expected) => {
    expect(indicator(told, item({ type, value }), STYLE).notes).toEqual(expected);
  });

  it("tells new from old", () => {
    expect(indicator(told, item({ changedAt: TOLD_AT + 1 }), STYLE).changed).toBe(true);
    expect(indicator(told, item({ changedAt: TOLD_AT }), STYLE).changed).toBe(false);
    expect(indicator({ ...told, ...entry(told.guarded), since: TOLD_AT }, item(), STYLE).changed).toBe(false);
  });

  it("leaves values as they are for readers who want them so, but not what hides text", () => {
    const live = indicator(told, item({ value: "https://bad.example/\u202Ex", comment: "at bad.example" }), {
      ...STYLE,
      defang: false,
    });
    expect([live.value, ...live.notes]).toEqual(["https://bad.example/x", "at bad.example"]);
  });
});
