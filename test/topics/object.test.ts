import { describe, expect, it } from "vitest";
import { decodeSample } from "./frames.ts";

describe("object", () => {
  it("is told without attributes, its event by number", () => {
    expect(decodeSample("misp_json_object--add")).toMatchObject({
      subject: { type: "object", uuid: "937f12e6-d568-40f2-9fbe-5b10692b4574", id: "1" },
      event: { id: "1" },
      attributes: [],
      objects: [{ name: "domain-ip", metaCategory: "network", comment: "resolved during campaign" }],
      version: "1795197088:add",
    });
  });

  it("is deleted once, softly or for good", () => {
    expect(decodeSample("misp_json_object--soft-delete").version).toBe(
      decodeSample("misp_json_object--delete-hard").version,
    );
  });
});

describe("reference", () => {
  it("says how and to what an object is linked", () => {
    expect(decodeSample("misp_json_object_reference--add-to-object")).toMatchObject({
      subject: { type: "reference", uuid: "3ac84da9-bfa8-41dc-bdb2-8205f2ec7176" },
      event: { id: "2" },
      lines: [
        { label: "relationship", text: "related-to" },
        { label: "to", text: "object" },
      ],
    });
  });
});
