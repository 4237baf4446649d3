import { describe, expect, it } from "vitest";
import { decodeSample, messageOf } from "./frames.ts";

describe("sighting", () => {
  it("tells type, source and time, with the attribute and the event's creator", () => {
    const message = decodeSample("misp_json_sighting--add-false-positive");
    expect(message.sighting).toEqual({ type: "false-positive", source: "analyst:bob", seenAt: 1_795_197_215_000 });
    expect(message.event).toMatchObject({ id: "1", org: { name: "ACME-CERT" } });
    expect(message.attributes).toEqual([
      {
        id: "1",
        uuid: "9679e1ad-b6cf-437d-9831-efb758756c6c",
        type: "domain|ip",
        category: "Network activity",
        toIds: true,
        value: "evil.example.com|203.0.113.7",
      },
    ]);
    expect(message.version).toBe("deeda723-6c98-40dd-b8db-dcc8fda38121:add");
  });

  it.each([
    ["add-sighting", "sighting"],
    ["add-expiration", "expiration"],
    ["add-integer-typed-columns", "sighting"],
  ])("%s is a %s", (name, type) => {
    expect(decodeSample(`misp_json_sighting--${name}`).sighting?.type).toBe(type);
  });

  it("names event and attribute by number where an old MISP tells no more", () => {
    const Sighting = { id: "1", attribute_id: "4", event_id: 7, type: "9" };
    const message = messageOf("misp_json_sighting", { Sighting, action: "add" });
    expect(message).toMatchObject({ event: { id: "7" }, attributes: [{ id: "4" }], sighting: {}, version: "1:add" });
  });
});
