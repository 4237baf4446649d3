import { describe, expect, it } from "vitest";
import { describeReason } from "../../src/routing/because.ts";
import { matchableOfGuarded } from "../../src/routing/facts.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { EVENT, guarded, item } from "../support/payloads.ts";

const ITEMS = [
  item({ type: "domain", value: "a.bank.example" }),
  item({ type: "domain", value: "b.bank.example", toIds: false }),
  item({ type: "url", value: "https://c.example/" }),
];

function because(match: unknown, form: "full" | "metadata" = "full"): readonly string[] {
  const options = RouteOptions.parse({ name: "r", notify: "soc", ...(match === undefined ? {} : { match }) });
  const items = form === "full" ? ITEMS : [];
  return describeReason(options, matchableOfGuarded(guarded({ event: EVENT, items }, { form }), 0));
}

describe("describeReason()", () => {
  it.each([
    ["a fact by its value", { threat_level: ["high", "medium"] }, ["threat level is high"]],
    ["a lowest level by the level that is", { min_threat_level: "medium" }, ["threat level is high"]],
    ["a cluster by its name", { tag: "misp-galaxy:threat-actor=*" }, ["tagged threat actor TA542"]],
    ["only the alternative that holds", [{ org: "nobody" }, { org: "CIRCL" }], ["reported by CIRCL"]],
    ["nested ones", { all: [{ any: [{ org: "x" }, { threat_level: "high" }] }] }, ["threat level is high"]],
    ["what of a title was looked for", { info: "*epoch5*" }, ['title has "*epoch5*"']],
    [
      "how many attributes are as the rule wants them",
      { attribute: { type: "domain", value: ["*.bank.example", "10.*"] } },
      ["2 attributes of type domain, with value *.bank.example or 10.*"],
    ],
    ["one of them", { attribute: { type: "domain", to_ids: true } }, ["1 attribute of type domain, for detection"]],
    ["nothing of what is not so", { not: { org: "x" } }, []],
    ["nothing of a rule that does not hold any more", { org: "nobody" }, []],
    ["nothing where nothing is asked for", undefined, []],
  ])("tells %s", (_, match, expected) => {
    expect(because(match)).toEqual(expected);
  });

  it("tells nothing of what the readers may not see", () => {
    expect(because({ attribute: { type: "domain" } }, "metadata")).toEqual([]);
  });
});
