import { describe, expect, it, test } from "vitest";
import { guard } from "../../src/guard/guard.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Fact, Facts, Matchable, Message } from "../../src/model/message.ts";
import type { GuardedAlert } from "../../src/model/payload.ts";
import { ATTRIBUTE_FACTS, FACTS } from "../../src/model/vocabulary.ts";
import { matchableOf, matchableOfGuarded } from "../../src/routing/facts.ts";
import { composed } from "../guard/verdicts.ts";
import {
  attributeAdded,
  attributeEdited,
  attributeOf,
  EVENT_UUID,
  eventCreated,
  eventEdited,
  eventless,
  MINUTE,
  objectOf,
  publication,
  pulled,
  referenceAdded,
  sightingAdded,
  T0,
  tagAttached,
  tagCreated,
  tags,
  uuidOf,
} from "../support/messages.ts";

const NOW = T0 + MINUTE;

/** `value`, `a|b` for several, `…` after those of a list that is not complete; unknown facts are left out. */
function factsOf({ facts }: Pick<Matchable, "facts">): Record<string, string> {
  return Object.fromEntries(
    [...FACTS, ...ATTRIBUTE_FACTS].flatMap((name) => {
      const fact = Reflect.get(facts, name) as Fact | undefined;
      return fact ? [[name, fact.values.join("|") + (fact.complete ? "" : "…")]] : [];
    }),
  );
}

const all = (message: Message, ...before: readonly Message[]) => matchableOf(composed(message, ...before).alert, NOW);

function seen(policy: object, message: Message, ...before: readonly Message[]): Matchable {
  return matchableOfGuarded(guarded(policy, message, ...before), NOW);
}

function guarded(policy: object, message: Message, ...before: readonly Message[]): GuardedAlert {
  const { alert, memory } = composed(message, ...before);
  const verdict = guard(alert, Guard.parse({ max_tlp: "amber", ...policy }), memory);
  if ("refused" in verdict) {
    throw new Error(verdict.refused);
  }
  return verdict.guarded;
}

const rich = publication({
  event: {
    tags: tags("tlp:green", "PAP:AMBER", 'misp-galaxy:ransomware="LockBit"'),
    clusters: [
      { galaxy: "threat-actor", value: "APT28" },
      { galaxy: "ransomware", value: "lockbit" },
    ],
    distribution: "sharing_group",
    sharingGroup: { id: "5", uuid: uuidOf("55"), name: "Banks", members: [{ name: "SECRET-MEMBER" }] },
  },
  attributes: [
    attributeOf("1", { tags: tags("actor:x"), objectKey: "o1", relation: "ip" }),
    attributeOf("2", { type: "domain|ip", value: "a.example|192.0.2.1" }),
  ],
  objects: [objectOf("o1", { name: "domain-ip" })],
});

describe("the facts of a publication", () => {
  it("are all known", () => {
    expect(factsOf(all(rich))).toEqual({
      kind: "event.published",
      instance: "cert",
      published: "true",
      change: "new",
      late: "false",
      origin: "local",
      org: "CIRCL",
      org_uuid: uuidOf("1001"),
      event_org: "CIRCL",
      owner_org: "ACME-CERT",
      tag: 'tlp:green|PAP:AMBER|misp-galaxy:ransomware="LockBit"|actor:x',
      event_tag: 'tlp:green|PAP:AMBER|misp-galaxy:ransomware="LockBit"',
      tlp: "green",
      pap: "amber",
      threat_level: "medium",
      analysis: "ongoing",
      distribution: "sharing_group",
      sharing_group: `Banks|${uuidOf("55")}|5`,
      info: "Phishing wave against ACME",
      event_id: "7",
      event_uuid: EVENT_UUID,
      galaxy: "threat-actor|ransomware",
      cluster: "APT28|LockBit",
      object: "domain-ip",
      sighting_type: "",
      sighting_source: "",
    });
    // What attributes hit is asked of watch lists.
    const own = FACTS.filter((name) => name !== "watch");
    expect(own.filter((name) => all(rich).facts[name] === undefined)).toEqual([]);
  });

  it("have its attributes, composite values also by halves", () => {
    const { attributes, attributesComplete } = all(rich);
    expect(attributesComplete).toBe(true);
    expect(attributes.map((facts) => factsOf({ facts: facts as Facts }))).toEqual([
      {
        type: "domain",
        category: "Network activity",
        to_ids: "true",
        value: "value-1.example",
        tag: "actor:x",
        comment: "comment-1",
        object: "domain-ip",
        relation: "ip",
      },
      {
        type: "domain|ip",
        category: "Network activity",
        to_ids: "true",
        value: "a.example|192.0.2.1|a.example|192.0.2.1",
        tag: "",
        comment: "comment-2",
        object: "",
        relation: "",
      },
    ]);
  });

  it.each([
    ["text", "a|b", ["a|b"]],
    ["malware-sample", "x.exe|d41d8cd9", ["x.exe|d41d8cd9", "x.exe", "d41d8cd9"]],
    ["regkey|value", "HKLM\\a|b|c", ["HKLM\\a|b|c", "HKLM\\a", "b|c"]],
  ])("split a value of type %s only where the type is composite", (type, value, values) => {
    const message = publication({ attributes: [attributeOf("1", { type, value })] });
    expect(all(message).attributes[0]?.value?.values).toEqual(values);
  });

  it("say none where no label is", () => {
    const { tlp, pap } = factsOf(all(publication({ event: { tags: [] } })));
    expect([tlp, pap]).toEqual(["none", "none"]);
  });

  it("have the event's own label, whatever its parts have", () => {
    const message = publication({ attributes: [attributeOf("1", { tags: tags("tlp:amber") })] });
    expect(factsOf(all(message)).tlp).toBe("green");
    expect(factsOf(seen({}, message)).tlp).toBe("green");
    expect(guarded({}, message).tlp).toBe("amber");
  });
});

describe("the facts of a part", () => {
  it("know nothing of an event that was not seen", () => {
    const facts = factsOf(all(attributeAdded()));
    expect(facts.tag).toBe("…");
    for (const name of ["tlp", "pap", "event_tag", "galaxy", "cluster"]) {
      expect(facts).not.toHaveProperty(name);
    }
    expect(facts.org).toBe("CIRCL");
    expect(factsOf(all(sightingAdded()))).not.toHaveProperty("threat_level");
    expect(factsOf(all(tagAttached("x", { attribute: "21" })))).not.toHaveProperty("info");
  });

  it("know what memory knows of it", () => {
    const edited = attributeEdited({ attribute: { tags: tags("tlp:amber", "mine") } });
    expect(factsOf(all(edited, publication()))).toMatchObject({
      tag: "tlp:green|tlp:amber|mine",
      event_tag: "tlp:green",
      tlp: "amber",
      info: "Phishing wave against ACME",
    });
  });

  it("leave the attribute of which only the id is told unknown", () => {
    const { attributes, attributesComplete } = all(tagAttached("x", { attribute: "21" }), publication());
    expect(attributes).toEqual([
      {
        tag: { values: [], complete: false },
        object: { values: [], complete: true },
        relation: { values: [], complete: true },
      },
    ]);
    expect(attributesComplete).toBe(true);
  });

  it.each([
    ["a sighting", sightingAdded(), { sighting_type: "sighting", sighting_source: "SIEM" }],
    ["a tag on the event", tagAttached("x:y"), { tag: "tlp:green|x:y", event_tag: "tlp:green|x:y" }],
    ["a reference", referenceAdded(), { kind: "reference.added", event_uuid: EVENT_UUID }],
    ["an edit", eventEdited({ tags: tags("tlp:red") }), { tag: "tlp:red", kind: "event.edited" }],
  ])("of %s", (_, message, expected) => {
    const before = message.kind === "event.edited" ? [] : [publication()];
    expect(factsOf(all(message, ...before))).toMatchObject(expected);
  });

  it("know the origin that another frame told", () => {
    const before = [publication(), pulled()];
    const { origin: _, ...view } = publication().event ?? {};
    expect(factsOf(all({ ...publication(), event: view }, ...before)).origin).toBe("local");
    const { origin: _none, ...row } = eventCreated().event ?? {};
    expect(factsOf(all(attributeAdded(), { ...eventCreated(), event: row }, pulled())).origin).toBe("pulled");
  });
});

describe("the facts of what is about no event", () => {
  it("are known: it has none of an event's", () => {
    const { facts, attributes, attributesComplete } = all(eventless("user.login"));
    for (const name of FACTS) {
      expect(facts[name]?.complete, name).toBe(true);
    }
    expect([facts.kind?.values, facts.org?.values, attributes, attributesComplete]).toEqual([
      ["user.login"],
      [],
      [],
      true,
    ]);
  });

  it("have the tag that was defined", () => {
    expect(factsOf(all(tagCreated("tlp:amber"))).tag).toBe("tlp:amber");
    expect(factsOf(seen({ also: ["tags"] }, tagCreated("tlp:amber"))).tag).toBe("tlp:amber");
  });
});

describe("the facts that a destination may see", () => {
  it("are all of them where nothing is withheld", () => {
    const asJson = ({ document, ...rest }: Matchable) => ({
      ...rest,
      document: typeof document === "object" ? document.root : document,
    });
    expect(asJson(seen({ sharing_groups: ["cert:5"] }, rich))).toEqual(asJson(all(rich)));
  });

  it("count what is withheld as absent", () => {
    const message = publication({
      attributes: [attributeOf("1"), attributeOf("2", { tags: tags("tlp:red", "secret") })],
    });
    const { facts, attributes, attributesComplete } = seen({}, message);
    expect([attributes.length, attributesComplete]).toEqual([1, true]);
    expect(facts.tag).toEqual({ values: ["tlp:green"], complete: true });
    expect(facts.event_tag?.complete).toBe(true);
  });

  it("have no attribute and no object in metadata, and the title", () => {
    const { facts, attributes, attributesComplete } = seen(
      { max_tlp: "clear", metadata_up_to: "green", sharing_groups: ["cert:5"] },
      rich,
    );
    expect([attributes, attributesComplete]).toEqual([[], true]);
    expect(facts.object).toEqual({ values: [], complete: true });
    expect(facts.tag?.complete).toBe(true);
    expect(facts.info?.values).toEqual(["Phishing wave against ACME"]);
  });

  it("are what a pointer shows, and nothing else", () => {
    const pointer = seen({ max_tlp: "clear", pointer_up_to: "green", sharing_groups: ["cert:5"] }, rich);
    expect(pointer).toEqual({
      at: NOW,
      measures: {},
      facts: {
        kind: { values: ["event.published"], complete: true },
        instance: { values: ["cert"], complete: true },
        event_id: { values: ["7"], complete: true },
        event_uuid: { values: [EVENT_UUID], complete: true },
      },
      attributes: [],
      attributesComplete: false,
    });
  });

  it("leave out organisations under tlp:ex:chr", () => {
    const { facts } = seen({}, publication({ event: { tags: tags("tlp:green", "tlp:ex:chr") } }));
    for (const name of ["org", "event_org", "org_uuid", "owner_org"] as const) {
      expect(facts[name]).toBeUndefined();
    }
  });

  it("have the label that is shown where the part is gone", () => {
    const edited = attributeEdited({ attribute: { tags: tags("tlp:amber") } });
    expect(factsOf(seen({ max_tlp: "green", metadata_up_to: "amber" }, edited, publication())).tlp).toBe("amber");
  });

  it.each([
    ["of the event", publication({ event: { tags: [] }, attributes: [attributeOf("1", { tags: tags("tlp:green") })] })],
    ["of a part", attributeEdited({ attribute: { tags: tags("tlp:clear") } })],
  ])("have the same label %s as all the facts have", (_, message) => {
    const before = message.kind === "event.published" ? [] : [publication()];
    expect(factsOf(seen({}, message, ...before)).tlp).toBe(factsOf(all(message, ...before)).tlp);
  });

  it("never have a sharing group's members", () => {
    expect(JSON.stringify([seen({ sharing_groups: ["cert:5"] }, rich), all(rich)])).not.toContain("SECRET-MEMBER");
  });
});

test("the change of an alert is a fact of publications only", () => {
  expect(factsOf(all(attributeAdded())).change).toBe("");
});

describe("measures", () => {
  const measures = ({ measures: { changed_at, date, attribute_count } }: Matchable) => [
    changed_at,
    date,
    attribute_count,
  ];
  const exactly = (value: number) => ({ atLeast: value, complete: true });
  const DATE = Date.UTC(2026, 10, 20);

  it("of a publication are what it says itself", () => {
    expect(measures(all(rich))).toEqual([exactly(T0), exactly(DATE), exactly(rich.attributes.length)]);
  });

  it("of a publication of which parts could not be read are a lower bound", () => {
    expect(measures(all({ ...rich, skipped: 3 }))[2]).toEqual({ atLeast: rich.attributes.length, complete: false });
  });

  it("of a part tell that the event was changed then or later, where its own change is not known", () => {
    const at = T0 + MINUTE;
    const alone = all(attributeAdded({ attribute: { changedAt: at } }));
    expect(alone.measures.changed_at).toEqual({ atLeast: at, complete: false });
    expect(all(attributeAdded({ attribute: { changedAt: at } }), publication()).measures.changed_at).toEqual(
      exactly(at),
    );
  });

  it.each(["2026-02-31x", "yesterday", "2026-13-01", "0000-00-00", "9".repeat(10_000)])(
    "know no date where MISP has %j",
    (date) => {
      expect(all(publication({ event: { date } })).measures.date).toBeUndefined();
    },
  );

  it("count for readers what they may see", () => {
    const message = publication({
      attributes: [attributeOf("1"), attributeOf("2", { tags: tags("tlp:red") })],
    });
    expect(all(message).measures.attribute_count).toEqual(exactly(2));
    expect(seen({}, message).measures.attribute_count).toEqual(exactly(1));
  });

  it("are known not to be, of what is about no event", () => {
    expect(measures(all(eventless("user.login")))).toEqual(["none", "none", "none"]);
  });
});
