import { describe, expect, it } from "vitest";
import { linesOf, messageOf } from "./frames.ts";

describe("audit", () => {
  it.each([
    [
      "classic-log-publish",
      { model: "Event", action: "publish", title: "Event (1): Phishing wave against ACME (updated)" },
    ],
    [
      "new-auditlog-attribute-add",
      { model: "Attribute", action: "add", title: "Network activity/domain audit.example" },
    ],
    ["accesslog-flat", { controller: "events", method: "GET" }],
  ])("%s", (name, lines) => {
    expect(linesOf(`misp_json_audit--${name}`)).toEqual(lines);
  });

  it("hides addresses, which are the titles of accounts", () => {
    const Log = { model: "User", action: "edit", title: "User (2): <jane@acme.example> (2)" };
    expect(messageOf("misp_json_audit", { Log, action: "log" }).lines[2]?.text).toBe("User (2): [address] (2)");
  });
});
