import { describe, expect, it } from "vitest";
import { formatMentions, parseMention } from "../../../src/destinations/teams/mentions.ts";

const ID = "87d349ed-44d7-43e1-9a83-5f2406dee5bd";

describe("parseMention()", () => {
  it.each([
    ["alice@example.org", { id: "alice@example.org", name: "alice" }],
    ["Alice Example <alice@example.org>", { id: "alice@example.org", name: "Alice Example" }],
    [ID, { id: ID, name: "87d349ed" }],
    [`On call <${ID}>`, { id: ID, name: "On call" }],
    ["alice_b@example.org", { id: "alice_b@example.org", name: "alice＿b" }],
  ])("reads %s", (text, expected) => {
    expect(parseMention(text)).toEqual(expected);
  });

  it.each(["S012ONCALL", "<!channel>", "@everyone", "oncall", "alice@localhost", "", "Alice <>", "a <b@c.example> d"])(
    "knows that Teams cannot mention %j",
    (text) => {
      expect(parseMention(text)).toBeUndefined();
    },
  );
});

describe("formatMentions()", () => {
  it("has a line and an entity for each, in one order and once", () => {
    expect(formatMentions(["Alice <alice@example.org>", "nobody", `On call <${ID}>`, "ALICE@example.org"])).toEqual({
      line: "<at>Alice</at>, <at>On call</at>",
      entities: [
        { type: "mention", text: "<at>Alice</at>", mentioned: { id: "alice@example.org", name: "Alice" } },
        { type: "mention", text: "<at>On call</at>", mentioned: { id: ID, name: "On call" } },
      ],
    });
  });

  it("tells people of one name apart", () => {
    const people = formatMentions(["alice@a.example", "alice@b.example"]);
    expect(people?.line).toBe("<at>alice</at>, <at>alice ＃2</at>");
  });

  it("is nothing where there is nobody", () => {
    expect(formatMentions([])).toBeUndefined();
    expect(formatMentions(["oncall"])).toBeUndefined();
  });
});
