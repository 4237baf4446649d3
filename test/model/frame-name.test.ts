import { describe, expect, it } from "vitest";
import { nameOf } from "../../src/model/frame-name.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("nameOf()", () => {
  const uuid = "1a87fd96-a4d3-4d6c-84dc-a028d3cf6774";

  it("is id and UUID as MISP writes them, as strings or as numbers, and indented", () => {
    for (const id of ['"4711"', "4711", ' "4711"']) {
      expect(nameOf(bytes(`{"Event":{"id":${id},"info":"x","uuid":"${uuid.toUpperCase()}"}}`))).toEqual({
        id: "4711",
        uuid,
      });
    }
  });

  it("is nothing else of the frame, however it looks", () => {
    const marker = "zzmarkerzz";
    for (const text of [`{"id":"${marker}","uuid":"${marker}"}`, marker, `{"uuid":["${uuid}"]}`, '{"id":"0"}', ""]) {
      expect(nameOf(bytes(text))).toEqual({});
    }
  });

  it("looks at the beginning only", () => {
    expect(nameOf(bytes(`${" ".repeat(5000)}{"id":"1"}`))).toEqual({});
  });
});
