import { expect, it } from "vitest";
import { areMembers, memberKey } from "../../src/guard/readers.ts";
import { cell } from "../../src/guard/tighten.ts";
import type { Organisation } from "../../src/model/misp.ts";

const UUID = "737f627e-79c3-4a57-b61a-e6f8871ea8e3";

/** Members that count how often they are looked at. */
function counted(count: number) {
  let looks = 0;
  const members = Array.from({ length: count }, (_, n): Organisation => {
    const member = { uuid: UUID.replace(/^.{8}/, String(10_000_000 + n)) };
    Object.defineProperty(member, "name", {
      enumerable: true,
      get() {
        looks++;
        return `org-${n}`;
      },
    });
    return member;
  });
  return { members, looks: () => looks };
}

it("a list of members is gone through as often for ten thousand attributes as for one", () => {
  const { members, looks } = counted(100);
  const marking = { tlp: "green", pap: "none", chr: false } as const;
  const look = () => {
    areMembers(["org-99", "ORG-5"], members);
    const sharingGroup = { id: "5", members };
    return cell({ type: "domain", toIds: true, marking, reach: [{ distribution: "sharing_group", sharingGroup }] });
  };
  const key = look();
  const once = looks();
  expect(once).toBeGreaterThanOrEqual(members.length);
  for (let n = 0; n < 10_000; n++) {
    expect(look()).toBe(key);
  }
  expect(looks()).toBe(once);
  expect(key.length).toBeLessThan(200);
});

it.each([
  ["a name", ["org-1"], true],
  ["a name in other letters", ["ORG-1"], true],
  ["a UUID", [UUID], true],
  ["a UUID in other letters", [UUID.toUpperCase()], true],
  ["several", ["org-1", UUID], true],
  ["one who is no member", ["org-1", "org-9"], false],
  ["a UUID that is only a name", ["00000000-0000-4000-8000-000000000000"], false],
  ["nobody", [], false],
])("the audience %s", (_, audience, expected) => {
  const members = [{ name: "org-1" }, { name: "00000000-0000-4000-8000-000000000000", uuid: UUID }];
  expect(areMembers(audience, members)).toBe(expected);
});

it("equal lists have one key, and others another", () => {
  expect(memberKey([{ name: "a" }])).toBe(memberKey([{ name: "a" }]));
  expect(memberKey([{ name: "a" }])).not.toBe(memberKey([{ name: "b" }]));
});
