import { describe, expect, it } from "vitest";
import { decodeSample, linesOf, messageOf } from "./frames.ts";

describe("workflow", () => {
  it.each([
    ["enrich-event-warning", "result of an enrichment"],
    ["extracted-list-top-level-array", "list of 2"],
    ["full-event-roaming-data", "event"],
  ])("tells of %s only that it is: %s", (name, content) => {
    const message = decodeSample(`misp_json_workflow--${name}`);
    expect(linesOf(`misp_json_workflow--${name}`)).toEqual({ content, bytes: expect.stringMatching(/^\d+$/) });
    expect(message).not.toHaveProperty("event");
    expect(message.attributes).toEqual([]);
  });

  it.each([
    [7, "single value"],
    [{ a: 1, b: 2 }, "object of 2 fields"],
  ])("takes %j", (payload, content) => {
    expect(messageOf("misp_json_workflow", JSON.stringify(payload)).lines[0]?.text).toBe(content);
  });
});
