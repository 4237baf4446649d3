import { describe, expect, it } from "vitest";
import { decodeSample } from "./frames.ts";

describe("tag", () => {
  it("is attached to an attribute", () => {
    const message = decodeSample("misp_json_tag--attached-to-attribute");
    expect(message.subject).toEqual({ type: "tag", id: "1@attribute:2" });
    expect(message.event).toEqual({ id: "1" });
    expect(message.tag).toEqual({ name: "tlp:amber", exportable: true, on: "attribute", attributeId: "2" });
  });

  it("is detached from an event", () => {
    const message = decodeSample("misp_json_tag--detached-from-event");
    expect(message.subject).toEqual({ type: "tag", id: "4@event:1" });
    expect(message.tag).toEqual({ name: "PAP:AMBER", exportable: true, on: "event" });
  });

  it("says whether it is local where MISP does", () => {
    expect(decodeSample("misp_json_tag--attached-to-event-local").tag?.local).toBe(true);
    expect(decodeSample("misp_json_tag--attached-to-event").tag?.local).toBe(false);
  });

  it("belongs to no event when it is defined", () => {
    const message = decodeSample("misp_json_tag--edit");
    expect(message).not.toHaveProperty("event");
    expect(message).toMatchObject({ subject: { type: "tag", id: "5" }, tag: { name: "internal:triage" } });
  });
});
