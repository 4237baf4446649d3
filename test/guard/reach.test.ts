import { describe, expect, it, test } from "vitest";
import { guard } from "../../src/guard/guard.ts";
import { withCircles } from "../../src/guard/readers.ts";
import type { Alert } from "../../src/model/alert.ts";
import type { EventMemory } from "../../src/model/memory.ts";
import type { Attribute, EventView, SharingGroup } from "../../src/model/misp.ts";
import type { Distribution } from "../../src/model/vocabulary.ts";
import { trim } from "../../src/planning/trim.ts";
import {
  attributeEdited,
  attributeOf,
  eventEdited,
  MINUTE,
  objectOf,
  publication,
  T0,
  tags,
  uuidOf,
} from "../support/messages.ts";
import { composed, guardedOf, judge, parse, shown, tally, wordOf } from "./verdicts.ts";

const MEMBERS = ["ACME-CERT", "NORTH-CERT"].map((name, index) => ({ name, uuid: uuidOf(`${2000 + index}`) }));
const GROUP: SharingGroup = { id: "5", uuid: uuidOf("55"), name: "Nordic banks", members: MEMBERS };

const WIDE: readonly Distribution[] = ["community", "connected", "all", "inherit"];

/** Guards, and which distributions pass them at a level of its own. */
const POLICIES: readonly (readonly [string, object, readonly Distribution[]])[] = [
  ["anybody", {}, WIDE],
  ["all communities only", { distribution: ["all"] }, ["all", "inherit"]],
  ["nobody but owners", { distribution: [], audience: ["ACME-CERT"] }, ["organisation", "inherit", "sharing_group"]],
  ["the owner, by name", { audience: ["acme-cert"] }, [...WIDE, "organisation", "sharing_group"]],
  ["the owner, by UUID", { audience: [uuidOf("1002")] }, [...WIDE, "organisation"]],
  ["the owner, by name and by UUID", { audience: ["ACME-CERT", uuidOf("1002")] }, [...WIDE, "organisation"]],
  ["another organisation", { audience: ["OTHER"] }, WIDE],
  ["the owner and a stranger", { audience: ["ACME-CERT", "OTHER"] }, WIDE],
  ["a name that looks like the owner's", { audience: ["ACME\u2010CERT"] }, WIDE],
  ["members, by name", { audience: ["NORTH-CERT", "ACME-CERT"] }, [...WIDE, "sharing_group"]],
  ["members, by UUID", { audience: [uuidOf("2001")] }, [...WIDE, "sharing_group"]],
  ["a member and a stranger", { audience: ["NORTH-CERT", "OTHER"] }, WIDE],
  ["the group by id", { sharing_groups: ["cert:5"] }, [...WIDE, "sharing_group"]],
  ["the group by UUID", { sharing_groups: [uuidOf("55").toUpperCase()] }, [...WIDE, "sharing_group"]],
  ["the group by name", { sharing_groups: ["Nordic banks"] }, [...WIDE, "sharing_group"]],
  ["a group of another instance", { sharing_groups: ["other:5"] }, WIDE],
  ["a name that is a number", { sharing_groups: ["5"] }, WIDE],
  ["a name that differs in case", { sharing_groups: ["nordic BANKS"] }, WIDE],
  ["another group", { sharing_groups: ["cert:6"] }, WIDE],
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

  it("let it pass, at every level", () => {
    expect(shown(verdict)).toEqual(["1", "2"]);
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
    const stored = trimmed(alert);
    for (const text of [JSON.stringify(stored), JSON.stringify(memory)]) {
      expect(text).not.toContain("NORTH-CERT");
    }
    expect(shown(guard(stored, policy, memory))).toEqual(["1", "2"]);
    expect(shown(guard(stored, parse({ audience: [uuidOf("2001"), "acme-cert"] }), memory))).toEqual(["1", "2"]);
  });

  it.each([
    ["a reader came who is none", { audience: ["NORTH-CERT", "OTHER"] }],
    ["nobody is named any more", {}],
    ["another name is meant", { audience: ["NORTH\u2010CERT"] }],
  ])("are asked for those who read it when it is sent: %s", (_, now) => {
    expect(wordOf(guard(trimmed(alert), parse(now), memory))).toBe("distribution");
    expect(wordOf(guard(trimmed(alert), parse(now), memory, [GROUP.uuid ?? ""]))).toBe("distribution");
  });

  it("hold it when one who reads is none any more, whatever an older list says later", () => {
    const left = { ...GROUP, members: MEMBERS.slice(0, 1) };
    const newer = publication({
      event: { distribution: "sharing_group", sharingGroup: left, tags: tags("tlp:green"), changedAt: T0 + MINUTE },
    });
    const after = composed(newer, whole).memory;
    expect(wordOf(guard(trimmed(alert), policy, after))).toBe("distribution");
    expect(wordOf(guard(trimmed(alert), parse({ audience: ["ACME-CERT"] }), after))).toBe("full");
    const again = withCircles(after.event ?? NO_EVENT, after.event, whole);
    expect(wordOf(guard(trimmed(alert), policy, { ...after, event: again }))).toBe("distribution");
    const held = { ...(after.event ?? NO_EVENT), heldAt: Number.MAX_SAFE_INTEGER };
    const back = withCircles(held, after.event, whole);
    expect(wordOf(guard(trimmed(alert), policy, { ...after, event: back }))).toBe("full");
  });

  it("are taken from what was planned before they were remembered", () => {
    const { circles: _, ...event } = memory.event ?? NO_EVENT;
    const old = { ...memory, event };
    expect(wordOf(guard(trimmed(alert), policy, old, [GROUP.uuid ?? ""]))).toBe("full");
    expect(wordOf(guard(trimmed(alert), policy, old))).toBe("distribution-unknown");
    expect(wordOf(guard(trimmed(alert), parse({}), old))).toBe("distribution");
  });

  it("let it pass also after a frame that names the group by its id alone", () => {
    const edit = eventEdited({ distribution: "sharing_group", sharingGroup: { id: "5" } });
    const later = composed(edit, whole).memory;
    expect(wordOf(guard(trimmed(alert), policy, later))).toBe("full");
    expect(wordOf(judge({ sharing_groups: [GROUP.uuid] }, edit, whole))).toBe("full");
  });

  it("do not let pass another group, which the event has since", () => {
    const later = composed(eventEdited({ distribution: "sharing_group", sharingGroup: { id: "6" } }), whole).memory;
    expect(wordOf(guard(trimmed(alert), policy, later, [GROUP.uuid ?? ""]))).toBe("distribution-unknown");
  });

  it("are remembered of the newest groups, as far as there is room", () => {
    const many = (id: string, n: number): SharingGroup => ({
      id,
      members: Array.from({ length: n }, (_, index) => ({ name: `${id}-${index}` })),
    });
    const attributes = ["10", "11", "12"].map((id) =>
      attributeOf(id, { distribution: "sharing_group", sharingGroup: many(id, 6000) }),
    );
    const { circles = {} } = composed(publication({ attributes })).memory.event ?? NO_EVENT;
    expect(Object.keys(circles)).toEqual(["11", "12"]);
    const huge = publication({ event: { distribution: "sharing_group", sharingGroup: many("5", 20_000) } });
    expect(composed(huge).memory.event?.circles).toBeUndefined();
  });
});

function trimmed(alert: Alert): Alert {
  return trim(alert, { items: new Set(alert.items), objects: new Set(alert.objects) });
}

const NO_EVENT: EventMemory = {
  instance: "cert",
  key: "7",
  revision: 0,
  event: {},
  attached: [],
  everPublished: false,
  deleted: false,
};
