import { describe, expect, it } from "vitest";
import { decodeSample, linesOf, messageOf } from "./frames.ts";

describe("user", () => {
  it("tells address and organisation, and nothing else", () => {
    expect(linesOf("misp_json_user--created-action-says-edit")).toEqual({
      email: "analyst@umbrella.example",
      organisation: "Umbrella SOC",
    });
    expect(decodeSample("misp_json_user--login").subject).toEqual({ type: "user", id: "1" });
  });

  it("drops the keys that old versions send", () => {
    const User = { id: "1", email: "a@b.example", authkey: "SECRETKEY", gpgkey: "SECRETKEY" };
    expect(JSON.stringify(messageOf("misp_json_user", { User, action: "add" }))).not.toContain("SECRETKEY");
  });
});
