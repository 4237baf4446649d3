import { describe, expect, it } from "vitest";
import type { Message } from "../../src/model/message.ts";
import {
  attributeAdded,
  attributeEdited,
  attributeOf,
  eventEdited,
  eventless,
  MINUTE,
  objectOf,
  publication,
  SECOND,
  sightingAdded,
  T0,
  tagAttached,
  tags,
  uuidOf,
} from "../support/messages.ts";
import { Planner, verdictsOf } from "./planner.ts";

const EVENT = publication({
  event: {
    tags: tags("tlp:green", 'misp-galaxy:threat-actor="APT28"'),
    distribution: "sharing_group",
    sharingGroup: { id: "5", uuid: uuidOf("55"), name: "Banks", members: [{ name: "CERT-XX" }] },
  },
  attributes: [
    attributeOf("21", { type: "ip-dst", value: "192.0.2.7", tags: tags("c2") }),
    attributeOf("22", { type: "port", value: "4444", objectKey: "o1", relation: "dst-port", toIds: false }),
  ],
  objects: [objectOf("o1", { name: "ip-port", distribution: "community" })],
});

function plannerOf(jsonpath: string | readonly string[] | object, guard: object = { sharing_groups: ["Banks"] }) {
  const match = typeof jsonpath === "object" && !Array.isArray(jsonpath) ? jsonpath : { jsonpath };
  return new Planner({
    routes: [{ name: "path", kinds: ["*"], match, notify: "soc" }],
    destinations: { soc: { guard } },
  });
}

async function truthOf(path: string, message: Message) {
  const { trace } = await plannerOf(path).tell(message);
  return trace?.routes[0]?.truth ?? false;
}

it.each<[string, unknown]>([
  ["$.Event[?@ == 'Phishing wave against ACME']", true],
  ["$.Event.info", true],
  ["$.Event[?search(@, 'ACME')]", true],
  ["$[?@.threat_level_id == '2' && @.analysis == '1' && @.distribution == '4']", true],
  ["$[?@.date == '2026-11-20' && @.published == true]", true],
  [`$[?@.timestamp == '${T0 / 1000}']`, true],
  ["$[?@.Orgc.name == 'CIRCL' && @.Org.name == 'ACME-CERT']", true],
  ["$.Event.SharingGroup[?@ == 'Banks']", true],
  ["$..Tag[?@.name == 'c2']", true],
  ["$.Event.Tag[?@.name == 'c2']", false],
  ["$.Event.Galaxy[?@.type == 'threat-actor'].GalaxyCluster[?@.value == 'APT28']", true],
  ["$.Event.Attribute[?@.type == 'ip-dst' && @.to_ids == true && @.distribution == '5']", true],
  ["$.Event.Object[?@.name == 'ip-port'].Attribute[?@.object_relation == 'dst-port' && @.value == '4444']", true],
  ["$.Event.Object[?@.distribution == '1' && @.Attribute[?@.distribution == '5']]", true],
  ["$.Event.Attribute[?@.type == 'port']", false],
  ["$.Event[?count(@.Attribute[*]) == 1]", false],
  ["$[?count(@.Attribute[*]) == 1]", true],
  ["$..Sighting", false],
])("of a publication %s is %s", async (path, truth) => {
  expect(await truthOf(path, EVENT)).toBe(truth);
});

it.each<[string, string, Message, unknown]>([
  ["an attribute that was added", "$.Event.Attribute[?@.type == 'domain']", attributeAdded(), true],
  ["another type", "$.Event.Attribute[?@.type == 'url']", attributeAdded(), false],
  ["what its frame does not tell", "$.Event.Tag[?@.name == 'x']", attributeAdded(), "unknown"],
  ["a sighting", "$..Sighting[?@.type == '0' && @.source == 'SIEM']", sightingAdded(), true],
  ["what is about no event", "$", eventless("warninglist.changed"), false],
])("asks of %s", async (_, path, message, truth) => {
  expect(await truthOf(path, message)).toBe(truth);
});

it("never sees who is in a sharing group", async () => {
  expect(await truthOf("$..SharingGroup[?@ == 'CERT-XX' || @.*]", EVENT)).toBe(false);
  expect(await truthOf("$..SharingGroup.Organisation", EVENT)).toBe(false);
});

describe("what a path finds", () => {
  const RED = { tags: tags("tlp:red") };
  const told = async (path: string | object, message: Message, ...later: readonly Message[]) => {
    const planner = plannerOf(path, {});
    const before = verdictsOf(await planner.tell(message));
    for (const one of later) {
      await planner.tell(one);
    }
    return { before, after: (await planner.open())?.payload?.entries.length ?? 0 };
  };
  const two = (fields = {}) =>
    publication({ attributes: [attributeOf("21", { value: "secret", ...fields }), attributeOf("22")] });
  const FOUND = "$.Event.Attribute[?@.value == 'secret']";
  const LATER = tagAttached("tlp:red", { attribute: "21", receivedAt: T0 + MINUTE });

  it("is not told to whoever may not see it", async () => {
    expect((await told(FOUND, two(RED))).before).not.toContain("soc owed");
    expect((await told("$.Event.Attribute[?@.value == 'value-22.example']", two(RED))).before).toEqual(["soc owed"]);
  });

  it("has to be visible still when it leaves", async () => {
    expect(await told(FOUND, two())).toEqual({ before: ["soc owed"], after: 1 });
    expect(await told(FOUND, two(), LATER)).toEqual({ before: ["soc owed"], after: 0 });
    expect((await told("$.Event.Attribute[?@.value == 'value-22.example']", two(), LATER)).after).toBe(1);
  });

  it("is not told by what a filter looked at elsewhere either", async () => {
    const elsewhere = "$.Event.Attribute[?@.value == 'value-22.example' && $..*[?@.value == 'secret']]";
    expect((await told(elsewhere, two(RED))).before).not.toContain("soc owed");
    expect(await told(elsewhere, two())).toEqual({ before: ["soc owed"], after: 1 });
    expect(await told(elsewhere, two(), LATER)).toEqual({ before: ["soc owed"], after: 0 });
    const counted = "$[?count(@.Attribute[?@.value == 'secret']) == 1]";
    expect(await told(counted, two(), LATER)).toEqual({ before: ["soc owed"], after: 0 });
  });

  it("is not told as a pointer", async () => {
    const red = eventEdited({ changedAt: T0 + MINUTE, tags: tags("tlp:red") });
    const planner = plannerOf("$.Event[?@ == 'Phishing wave against ACME']", { pointer_up_to: "red" });
    expect(verdictsOf(await planner.tell(two()))).toEqual(["soc owed"]);
    await planner.tell(red);
    expect((await planner.open())?.payload?.entries ?? []).toEqual([]);
  });

  it("may be forbidden", async () => {
    const planner = plannerOf({ not: { jsonpath: FOUND } }, {});
    expect(verdictsOf(await planner.tell(two()))).toEqual([]);
    expect(verdictsOf(await planner.tell(publication({ event: { uuid: "u2", id: "8" } })))).toEqual(["soc owed"]);
  });
});

it("holds by one of several", async () => {
  const planner = plannerOf(["$..Sighting", "$.Event.Attribute[?@.type == 'ip-dst']"]);
  expect(verdictsOf(await planner.tell(EVENT))).toEqual(["soc owed"]);
});

it("asks an attribute that is edited by what is known of it", async () => {
  const planner = plannerOf("$.Event.Attribute[?@.to_ids == false]", {});
  await planner.tell(publication({ attributes: [attributeOf("21")] }));
  const edited = attributeEdited({ id: "21", attribute: { toIds: false, tags: [], changedAt: T0 + SECOND } });
  expect(verdictsOf(await planner.tell(edited))).toEqual(["soc owed"]);
});
