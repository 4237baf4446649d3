import { describe, expect, it } from "vitest";
import { decodeSample, linesOf } from "./frames.ts";

describe("warninglist", () => {
  it("is told without its entries", () => {
    const name = "misp_json_warninglist--edit-with-entries-since-2026-02-PR10667";
    expect(linesOf(name)).toEqual({
      name: "ACME own domains",
      type: "hostname",
      category: "false_positive",
      version: "2",
      enabled: "yes",
    });
    expect(JSON.stringify(decodeSample(name))).not.toContain("mail.acme.example");
  });
});
