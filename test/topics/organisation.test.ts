import { describe, expect, it } from "vitest";
import { linesOf, messageOf } from "./frames.ts";

describe("organisation", () => {
  it("is read under both of its names", () => {
    expect(linesOf("misp_json_organisation--created")).toEqual({
      name: "Umbrella SOC",
      nationality: "Luxembourg",
      sector: "Finance",
      description: "peer",
    });
    expect(linesOf("misp_json_organisation--captured-from-sync-or-feed-Orgc-key")).toEqual({ name: "NORTH-CERT" });
  });

  it("is described in few words", () => {
    const Organisation = { id: "1", description: "x".repeat(5000) };
    expect(messageOf("misp_json_organisation", { Organisation }).lines[0]?.text).toHaveLength(2000);
  });
});
