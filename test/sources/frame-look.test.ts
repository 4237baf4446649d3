import { describe, expect, it, test } from "vitest";
import { FrameLook } from "../../src/sources/frame-look.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("topic", () => {
  const look = new FrameLook({});
  test.each([
    ["misp_json {}", "misp_json"],
    ["misp_json_object_reference {}", "misp_json_object_reference"],
    ["<script>alert(1)</script> {}", "other"],
    ["misp_json", "other"],
    ["", "other"],
    [`${"m".repeat(100)} {}`, "other"],
  ])("of %j", (frame, topic) => {
    expect(look.topic(bytes(frame))).toBe(topic);
  });

  it("is no text from bytes that are none", () => {
    expect(look.topic(Uint8Array.of(0xff, 0x20, 0x7b))).toBe("other");
  });
});

describe("matters", () => {
  const look = new FrameLook({ misp_json_self: "all", misp_json_object: ["add", "soft-delete"] });
  const matters = (frame: string) => look.matters(bytes(frame), look.topic(bytes(frame)), 1);

  test.each([
    ["a topic of which nothing matters", 'misp_json_self {"status":"alive"}'],
    ["an action that does not matter", 'misp_json_object {"Object":{"id":"1"},"action":"add"}'],
    ["another one", 'misp_json_object {"Object":{"id":"1"},"action":"soft-delete"}'],
  ])("not: %s", (_, frame) => {
    expect(matters(frame)).toBe(false);
  });

  test.each([
    ["a topic that is not in the table", 'misp_json_event {"action":"add"}'],
    ["a topic that nobody knows", "anything at all"],
    ["an action that is not in the table", 'misp_json_object {"Object":{},"action":"edit"}'],
    ["no action", 'misp_json_object {"Object":{}}'],
    ["an action that is not the last member", 'misp_json_object {"action":"add","Object":{}}'],
    ["an action within", 'misp_json_object {"action":"delete","Object":{"id":"1","action":"add"}}'],
    ["a text that looks like one", `misp_json_object ${JSON.stringify({ x: ',"action":"add"}' })}`],
    ["a list that ends like one", 'misp_json_object [{"Object":{},"action":"add"}]'],
    ["spaces", 'misp_json_object {"Object":{}, "action": "add"}'],
    ["a truncated frame", 'misp_json_object {"Object":{"id":"1"},"action":"add"'],
  ])("in doubt: %s", (_, frame) => {
    expect(matters(frame)).toBe(true);
  });

  it("by the newest table", () => {
    const changing = new FrameLook({ misp_json_self: "all" });
    const frame = bytes("misp_json_self {}");
    expect(changing.matters(frame, "misp_json_self", 1)).toBe(false);
    changing.needless = {};
    expect(changing.matters(frame, "misp_json_self", 1)).toBe(true);
  });
});
