import { describe, expect, it, test } from "vitest";
import { guard } from "../../src/guard/guard.ts";
import type { Attribute, EventView, SharingGroup } from "../../src/model/misp.ts";
import type { Distribution } from "../../src/model/vocabulary.ts";
import { trim } from "../../src/planning/trim.ts";
import { attributeEdited, attributeOf, eventEdited, objectOf, publication, tags, uuidOf } from "../support/messages.ts";
import { composed, guardedOf, judge, parse, shown, tally, wordOf } from "./verdicts.ts";

const MEMBERS = ["ACME-CERT", "NORTH-CERT"].map((name, index) => ({ name, uuid: uuidOf(`${2000 + index}`) }));
const GROUP: SharingGroup = { id: "5", uuid: uuidOf("55"), name: "Nordic banks", members: MEMBERS };

/** Guards, and which distributions pass them at a level of its own. */
const POLICIES: readonly (readonly [string, object, readonly Distribution[]])[] = [
  ["anybody", {}, ["community", "connected", "all", "inherit"]],
  ["all communities only", { distribution: ["all"] }, ["all", "inherit"]],
  ["nobody but owners", { distribution: [], audience: ["ACME-CERT"] }, ["organisation", "inherit", "sharing_group"]],
  [
    "the owner, by name",
    { audience: ["acme-cert"] },
    ["organisation", "community", "connected", "all", "inherit", "sharing_group"],
  ],
  ["the owner, by UUID", { audience: [uuidOf("1002")] }, ["organisation", "community", "connected", "all", "inherit"]],
  ["another organisation", { audience: ["OTHER"] }, ["community", "connected", "all", "inherit"]],
  [
    "members, by name",
    { audience: ["NORTH-CERT", "ACME-CERT"] },
    ["organisation", "community", "connected", "all", "inherit", "sharing_group"],
  ],
  ["members, by UUID", { audience: [uuidOf("2001")] }, ["community", "connected", "all", "inherit", "sharing_group"]],
  ["a member and a stranger", { audience: ["NORTH-CERT", "OTHER"] }, ["community", "connected", "all", "inherit"]],
  ["the group by id", { sharing_groups: ["5"] }, ["community", "connected", "all", "inherit", "sharing_group"]],
  [
    "the group by UUID",
    { sharing_groups: [uuidOf("55").toUpperCase()] },
    ["community", "connected", "all", "inherit", "sharing_group"],
  ],
  [
    "the group by name",
    { sharing_groups: ["nordic BANKS"] },
    ["community", "connected", "all", "inherit", "sharing_group"],
  ],
  ["another group", { sharing_groups: ["6"] }, ["community", "connected", "all", "inherit"]],
];
const ALL: readonly Distribution[] = ["organisation", "community", "connected", "all", "sharing_group", "inherit"];

const level = (distribution: Distribution | undefined) => ({
  ...(distribution && { distribution }),
  ...(distribution === "sharing_group" && { sharingGroup: GROUP }),
});

function without<T extends object, K extends keyof T>(whole: T, name: K): Omit<T, K> {
  const { [name]: _, ...rest } = whole;
  return rest;
}

describe.each(POLICIES)("what may travel to %s", (_, policy, passing) => {
  it.each(ALL.filter((distribution) => distribution !== "inherit"))("an event of distribution %s", (distribution) => {
    const event: Partial<EventView> = level(distribution);
    expect(wordOf(judge(policy, publication({ event })))).toBe(
      passing.includes(distribution) ? "full" : "distribution",
    );
  });

  // The event itself passes every one of these guards but the ones that name no community.
  const open: Partial<EventView> = passing.includes("all") ? level("all") : level("organisation");

  it.each(ALL)("an attribute of distribution %s", (distribution) => {
    const attributes = [attributeOf("1", level(distribution)), attributeOf("2")];
    const verdict = judge(policy, publication({ event: open, attributes }));
    expect(shown(verdict)).toEqual(passing.includes(distribution) ? ["1", "2"] : ["2"]);
    expect(tally(verdict)).toEqual(
      passing.includes(distribution) ? { told: 2, withheld: 0 } : { told: 1, withheld: 1 },
    );
  });

  it.each(ALL)("an object of distribution %s, and the attribute in it", (distribution) => {
    const attributes = [attributeOf("1", { objectKey: "o1" }), attributeOf("2", { objectKey: "o2" })];
    const objects = [objectOf("o1", level(distribution)), objectOf("o2")];
    const verdict = judge(policy, publication({ event: open, attributes, objects }));
    expect(shown(verdict)).toEqual(passing.includes(distribution) ? ["1", "2"] : ["2"]);
    expect(guardedOf(verdict).alert.objects.map(({ key }) => key)).toEqual(
      passing.includes(distribution) ? ["o1", "o2"] : ["o2"],
    );
  });
});

test.each([
  ["an event", publication({ event: {} }), "event"],
  ["the event of an attribute", attributeEdited({ attribute: { tags: [] } }), "event"],
  ["an attribute", attributeEdited({ attribute: { tags: [] } }), "attribute"],
] as const)("%s whose distribution is not told does not travel", (_, message, where) => {
  const bare = {
    ...message,
    ...(where === "event" &&
      message.event && { event: { ...without(message.event, "distribution"), published: true } }),
    ...(where === "attribute" && {
      event: { ...message.event, published: true },
      attributes: message.attributes.map((one): Attribute => without(one, "distribution")),
    }),
  };
  expect(wordOf(judge({ max_tlp: "red", drafts: true }, bare))).toBe("distribution-unknown");
});

test.each([
  [{ audience: ["ACME-CERT"] }, "distribution-unknown"],
  [{}, "distribution-unknown"],
])("what stays with an owner who is not told does not travel to %j", (policy, word) => {
  const event = without(publication({ event: { distribution: "organisation" } }).event ?? {}, "owner");
  expect(wordOf(judge(policy, { ...publication(), event }))).toBe(word);
});

test("a sharing group that is not told does not travel", () => {
  expect(wordOf(judge({ audience: ["ACME-CERT"] }, publication({ event: { distribution: "sharing_group" } })))).toBe(
    "distribution-unknown",
  );
});

test("every level counts: the narrowest of event, object and attribute", () => {
  const policy = { distribution: ["connected", "all"] };
  const attributes = [attributeOf("1", { distribution: "all", objectKey: "o1" })];
  const objects = [objectOf("o1", { distribution: "community" })];
  expect(shown(judge(policy, publication({ event: { distribution: "all" }, attributes, objects })))).toEqual([]);
  expect(wordOf(judge(policy, publication({ event: { distribution: "community" } })))).toBe("distribution");
});

test("an event that travels less far since is held by what memory knows", () => {
  const { alert } = composed(publication({ event: { distribution: "all" } }));
  const { memory } = composed(eventEdited({ distribution: "organisation" }));
  expect(wordOf(guard(alert, parse({}), memory))).toBe("distribution");
});

describe("the members of a sharing group", () => {
  const policy = parse({ audience: ["NORTH-CERT"] });
  const whole = publication({
    event: { ...level("sharing_group"), tags: tags("tlp:green") },
    // A part names the group by its id alone.
    attributes: [
      attributeOf("1", { distribution: "sharing_group", sharingGroup: { id: "5" } }),
      attributeOf("2", level("sharing_group")),
    ],
    objects: [objectOf("o1", level("sharing_group"))],
  });
  const { alert, memory } = composed(whole);
  const verdict = guard(alert, policy, memory);

  it("clear it once, at every level, when it is planned", () => {
    expect(shown(verdict)).toEqual(["1", "2"]);
    expect("cleared" in verdict && verdict.cleared).toEqual([GROUP.uuid]);
  });

  it("are in no guarded alert", () => {
    const text = JSON.stringify(guardedOf(verdict));
    expect(text).toContain("Nordic banks");
    for (const { name, uuid } of MEMBERS.slice(1)) {
      expect(text).not.toContain(name);
      expect(text).not.toContain(uuid);
    }
  });

  it("are in no stored alert and not in memory, and still it passes when it is sent", () => {
    const stored = trim(alert, { items: new Set(alert.items), objects: new Set(alert.objects) });
    for (const text of [JSON.stringify(stored), JSON.stringify(memory)]) {
      expect(text).not.toContain("NORTH-CERT");
    }
    expect(wordOf(guard(stored, policy, memory))).toBe("distribution");
    const sent = guard(stored, policy, memory, "cleared" in verdict ? verdict.cleared : []);
    expect(shown(sent)).toEqual(["1", "2"]);
  });

  it("let it pass also after a frame that names the group by its id alone", () => {
    const edit = eventEdited({ distribution: "sharing_group", sharingGroup: { id: "5" } });
    const later = composed(edit, whole).memory;
    expect(wordOf(guard(alert, policy, later, [GROUP.uuid ?? ""]))).toBe("full");
    expect(wordOf(judge({ sharing_groups: [GROUP.uuid] }, edit, whole))).toBe("full");
  });

  it("do not clear another group, which the event has since", () => {
    const later = composed(eventEdited({ distribution: "sharing_group", sharingGroup: { id: "6" } }), whole).memory;
    expect(wordOf(guard(alert, policy, later, [GROUP.uuid ?? ""]))).toBe("distribution");
  });
});
