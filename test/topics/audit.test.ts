import { describe, expect, it } from "vitest";
import { linesOf, messageOf } from "./frames.ts";

describe("audit", () => {
  it.each([
    [
      "classic-log-publish",
      {
        ...{ model: "Event", action: "publish", title: "Event (1): Phishing wave against ACME (updated)" },
        ...{ by: "user 1", organisation: "ACME-CERT" },
      },
    ],
    [
      "new-auditlog-attribute-add",
      { model: "Attribute", action: "add", title: "Network activity/domain audit.example", by: "user 1" },
    ],
    ["accesslog-flat", { controller: "events", method: "GET", by: "user 1" }],
  ])("%s", (name, lines) => {
    expect(linesOf(`misp_json_audit--${name}`)).toEqual(lines);
  });

  it("names who did it by number and organisation, never by address; MISP itself has no number", () => {
    const told = (Log: object) => messageOf("misp_json_audit", { Log, action: "log" }).lines;
    const person = { model: "User", action: "login", user_id: "2", email: "jane@acme.example", org: "ACME" };
    expect(told(person)).toContainEqual({ label: "by", text: "user 2" });
    expect(told(person)).toContainEqual({ label: "organisation", text: "ACME" });
    const itself = told({ model: "Server", action: "warning", user_id: "0", email: "SYSTEM", org: "SYSTEM" });
    expect(itself.map(({ label }) => label)).toEqual(["model", "action", "organisation"]);
    expect(JSON.stringify([told(person), itself])).not.toContain("@");
  });

  it("hides addresses, which are the titles of accounts", () => {
    const Log = { model: "User", action: "edit", title: "User (2): <jane@acme.example> (2)" };
    expect(messageOf("misp_json_audit", { Log, action: "log" }).lines[2]?.text).toBe("User (2): [address] (2)");
  });

  it.each([
    ["a classic entry about an event", { Log: { model: "Event", model_id: "7", title: "x" } }, { id: "7" }],
    [
      "a classic entry about an attribute",
      { Log: { model: "Attribute", model_id: "1", title: "Attribute (1) from Event (7): Network activity/ip-dst x" } },
      { id: "7" },
    ],
    [
      "a title in which people name an event",
      { Log: { model: "Attribute", model_id: "1", title: "Other/text Attribute (1) from Event (7): x" } },
      {},
    ],
    ["a new entry about a part", { AuditLog: { model: "EventReport", model_id: "1", event_id: "7" } }, { id: "7" }],
    ["a new entry about an event", { AuditLog: { model: "Event", model_id: 7, event_id: null } }, { id: "7" }],
    ["a post, whose discussion may be on one", { AuditLog: { model: "Post", model_id: "1", event_id: null } }, {}],
    ["something that we do not know", { AuditLog: { model: "Novelty", model_id: "1" } }, {}],
    ["a model that is not told", { Log: { title: "x" } }, {}],
    ["a login", { Log: { model: "User", model_id: "2", action: "login", title: "x" } }, undefined],
    ["an account", { AuditLog: { model: "User", model_id: "6", event_id: null } }, undefined],
    ["a page", { controller: "events", request_method: "GET" }, undefined],
  ])("%s says which event it is about, if any", (_, body, event) => {
    expect(messageOf("misp_json_audit", { ...body, action: "log" }).event).toEqual(event);
  });
});
