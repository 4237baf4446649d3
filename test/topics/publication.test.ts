import { describe, expect, it } from "vitest";
import { decodeSample, messageOf, sample } from "./frames.ts";

const published = (event: object) => messageOf("misp_json", { Event: { id: "1", ...event } });

describe("publication reads a full event", () => {
  const message = decodeSample("misp_json--publish-full-event");

  it("with what is said of the event", () => {
    expect(message.event).toEqual({
      id: "2",
      uuid: "f08ea639-cfcc-4812-bccc-ec57a641cf95",
      info: "OSINT - EXAMPLE SPIDER loader campaign",
      date: "2026-11-18",
      changedAt: 1_795_197_393_000,
      threatLevel: "high",
      analysis: "completed",
      org: { id: "1", name: "ACME-CERT", uuid: "737f627e-79c3-4a57-b61a-e6f8871ea8e3" },
      owner: { id: "1", name: "ACME-CERT", uuid: "737f627e-79c3-4a57-b61a-e6f8871ea8e3" },
      origin: "local",
      attributeCount: 8,
      distribution: "sharing_group",
      sharingGroup: {
        id: "1",
        uuid: "19f0beff-086d-4c16-b82b-a38ef02e7c4c",
        name: "Finance SG",
        // The one that owns the group is in no list, and sees what is in it.
        members: [
          { id: "2", name: "Umbrella SOC", uuid: "0fc3d1af-0cf5-4ed7-9724-114cc106faf9" },
          { id: "1", name: "ACME-CERT", uuid: "737f627e-79c3-4a57-b61a-e6f8871ea8e3" },
        ],
      },
      tags: [
        { name: "tlp:amber", local: false, exportable: true },
        { name: 'misp-galaxy:threat-actor="EXAMPLE SPIDER"', local: false, exportable: true },
      ],
      clusters: [{ galaxy: "threat-actor", value: "EXAMPLE SPIDER" }],
    });
  });

  it("as the version that its timestamp is, with a digest of its title and attributes", () => {
    expect(message.version).toMatch(/^1795197393\.[\w-]{12}$/);
    expect(message.subject).toEqual({ type: "event", uuid: "f08ea639-cfcc-4812-bccc-ec57a641cf95", id: "2" });
  });

  it("with all attributes, those in objects too", () => {
    expect(
      message.attributes.map((attribute) => [attribute.type, attribute.objectKey, attribute.distribution]),
    ).toEqual([
      ["ip-dst", undefined, "inherit"],
      ["filename|sha256", undefined, "inherit"],
      ["link", undefined, "organisation"],
      ["attachment", undefined, "inherit"],
      ["iban", undefined, "inherit"],
      ["domain", "aaaaaaaa-0000-4000-8000-000000000001", "inherit"],
      ["ip-dst", "aaaaaaaa-0000-4000-8000-000000000001", "inherit"],
      ["filename", "aaaaaaaa-0000-4000-8000-000000000002", "inherit"],
    ]);
    expect(message.attributes[5]).toEqual({
      id: "12",
      uuid: "aaaaaaaa-0000-4000-8000-0000000000a1",
      type: "domain",
      category: "Network activity",
      value: "cdn.spider.example",
      toIds: true,
      comment: "",
      changedAt: 1_795_197_375_000,
      tags: [],
      objectKey: "aaaaaaaa-0000-4000-8000-000000000001",
      relation: "domain",
      distribution: "inherit",
    });
  });

  it("with its objects", () => {
    expect(message.objects).toEqual([
      {
        key: "aaaaaaaa-0000-4000-8000-000000000001",
        uuid: "aaaaaaaa-0000-4000-8000-000000000001",
        name: "domain-ip",
        metaCategory: "network",
        comment: "",
        changedAt: 1_795_197_375_000,
        distribution: "inherit",
      },
      expect.objectContaining({ key: "aaaaaaaa-0000-4000-8000-000000000002", name: "file" }),
    ]);
  });
});

describe("publication corrects the wire", () => {
  it("does not tell the state before the publication as the state", () => {
    expect(sample("misp_json--publish-first-time").payload).toMatchObject({ Event: { published: false } });
    expect(decodeSample("misp_json--publish-first-time").event).not.toHaveProperty("published");
  });

  it("gives a repeated publication the version of the first", () => {
    expect(decodeSample("misp_json--republish-unchanged").version).toBe(
      decodeSample("misp_json--publish-first-time").version,
    );
  });

  it("reads integers, and the strings of another database driver, as the same", () => {
    const { topic, payload } = sample("misp_json--integer-typed-columns");
    const asStrings = JSON.parse(JSON.stringify(payload), (_, value) =>
      typeof value === "number" ? String(value) : value,
    );
    expect(asStrings).not.toEqual(payload);
    const { version, ...message } = messageOf(topic, asStrings);
    expect({ version, ...message }).toEqual(messageOf(topic, payload));
    expect(message.event).toMatchObject({ id: "25", distribution: "community", threatLevel: "undefined" });
  });

  it("takes a list with gaps, which PHP sends as an object", () => {
    const message = published({ Tag: { 0: { name: "a" }, 2: { name: "b" } }, Attribute: { 3: { id: "9" } } });
    expect(message.event?.tags).toEqual([{ name: "a" }, { name: "b" }]);
    expect(message.attributes).toMatchObject([{ id: "9" }]);
  });

  it("drops deleted attributes, and deleted objects with theirs", () => {
    const message = published({
      Attribute: [
        { id: "1", deleted: true },
        { id: "2", deleted: "1" },
        { id: "3", deleted: "0" },
      ],
      Object: [
        { id: "7", deleted: 1, Attribute: [{ id: "4" }] },
        { id: "8", Attribute: [{ id: "5", deleted: true }] },
      ],
    });
    expect(message.attributes.map((attribute) => attribute.id)).toEqual(["3"]);
    expect(message.objects.map((object) => object.key)).toEqual(["8"]);
  });

  it("tells apart objects that have no name of their own", () => {
    const message = published({ Object: [{ Attribute: [{ id: "1" }] }, { Attribute: [{ id: "2" }] }] });
    expect(new Set(message.attributes.map((attribute) => attribute.objectKey)).size).toBe(2);
    expect(message.objects.map((object) => object.key)).toEqual(message.attributes.map((one) => one.objectKey));
  });
});

describe("publication tells empty from unknown", () => {
  it("knows that there is no tag where `Tag` is left out", () => {
    const { event, attributes } = decodeSample("misp_json--org-only-distribution-leak");
    expect(event?.tags).toEqual([]);
    expect(attributes[0]?.tags).toEqual([]);
  });

  it.each([
    ["a text", "tlp:red"],
    ["null", null],
    ["an empty object", {}],
    ["a tag without a name beside others", [{ name: "tlp:green" }, { id: 2 }]],
    ["a tag that is a text", ["tlp:red"]],
  ])("knows nothing of tags that are %s", (_, Tag) => {
    const { event, attributes } = published({ Tag, Attribute: [{ id: "1", Tag }] });
    expect(event).not.toHaveProperty("tags");
    expect(attributes).toEqual([{ id: "1" }]);
  });

  it("keeps what else is known where a column has a wrong type", () => {
    const { event, attributes } = published({
      uuid: ["x"],
      info: 5,
      date: "yesterday",
      timestamp: "soon",
      threat_level_id: "high",
      analysis: -1,
      distribution: "all",
      attribute_count: 1.5,
      extends_uuid: "",
      Org: "ACME",
      Galaxy: "apt",
      Attribute: [{ id: 3, comment: 9, value: "x", to_ids: "maybe", distribution: 17, type: null, Tag: [] }],
    });
    expect(event).toEqual({ id: "1", tags: [] });
    expect(attributes).toEqual([{ id: "3", value: "x", tags: [] }]);
  });

  it.each([-1, 1e15, 1.5, "-5", "1e9", "", null, "9".repeat(30)])("knows no instant from %j", (timestamp) => {
    const message = published({ timestamp });
    expect(message.event).not.toHaveProperty("changedAt");
    expect(message.version).toMatch(/^\d+:[0-9a-f]{16}$/);
  });
});

describe("publication tells how far an event may travel", () => {
  it.each(["organisation", "community", "connected", "all"])("%s", (distribution) => {
    const index = ["organisation", "community", "connected", "all"].indexOf(distribution);
    const { event } = published({ distribution: String(index), sharing_group_id: "3" });
    expect(event).toEqual({ id: "1", distribution, tags: [] });
  });

  it("does not let an event inherit, nor believe in a number that MISP does not have", () => {
    for (const distribution of ["5", 6, -1, "x"]) {
      expect(published({ distribution }).event).not.toHaveProperty("distribution");
    }
  });

  it("names the group of an attribute and of an object", () => {
    const SharingGroup = { id: "3", name: "G", SharingGroupOrg: [] };
    const narrow = { id: "1", distribution: 4, sharing_group_id: 3 };
    const { attributes, objects } = published({ Attribute: [{ ...narrow, SharingGroup }], Object: [narrow] });
    expect(attributes[0]).toMatchObject({ distribution: "sharing_group", sharingGroup: { name: "G", members: [] } });
    expect(objects[0]).toMatchObject({ distribution: "sharing_group", sharingGroup: { id: "3" } });
  });

  it("does not take the members of one group for those of another", () => {
    const SharingGroup = { id: "4", name: "G", SharingGroupOrg: [{ Organisation: { name: "A" } }] };
    const { event } = published({ distribution: 4, sharing_group_id: "3", SharingGroup });
    expect(event?.sharingGroup).toEqual({ id: "3" });
  });

  it("does not know the members where one of them has no name", () => {
    const SharingGroupOrg = [{ Organisation: { name: "A" } }, { org_id: "7" }];
    const { event } = published({ distribution: 4, sharing_group_id: "3", SharingGroup: { id: "3", SharingGroupOrg } });
    expect(event?.sharingGroup).toEqual({ id: "3" });
  });
});

describe("publication tells where an event came from", () => {
  it.each([
    ["misp_json--publish-first-time", "local"],
    ["misp_json--sync-pull-from-remote-instance", "pulled"],
    // Not locked, but made by another organisation.
    ["misp_json--feed-import-misp-format", "feed"],
  ])("%s: %s", (name, origin) => {
    expect(decodeSample(name).event?.origin).toBe(origin);
  });

  it("keeps creator and owner apart", () => {
    const { event } = decodeSample("misp_json--sync-pull-from-remote-instance");
    expect([event?.org?.name, event?.owner?.name]).toEqual(["NORTH-CERT", "BETA-CSIRT"]);
  });

  it("names the event that it extends", () => {
    const { event } = decodeSample("misp_json--publish-markup-in-values-and-extends-uuid");
    expect(event?.extendsUuid).toBe("f08ea639-cfcc-4812-bccc-ec57a641cf95");
  });
});

describe("the version of a publication", () => {
  const attribute = {
    uuid: "5b1e0000-0000-4000-8000-000000000001",
    timestamp: "1764000000",
    type: "domain",
    value: "a",
  };
  const base = { timestamp: "1764000900", info: "Title", Attribute: [attribute] };
  const versionOf = (event: object) => published({ ...base, ...event }).version;

  it.each<[string, object]>([
    ["the title", { info: "Title!" }],
    ["an attribute more", { Attribute: [attribute, { ...attribute, uuid: "5b1e0000-0000-4000-8000-000000000002" }] }],
    ["the time of an attribute", { Attribute: [{ ...attribute, timestamp: "1764000001" }] }],
    ["an attribute that is deleted", { Attribute: [{ ...attribute, deleted: true }] }],
    ["an attribute of an object", { Object: [{ uuid: attribute.uuid, Attribute: [attribute] }] }],
    ["the time of the event", { timestamp: "1764000901" }],
  ])("is another by %s", (_, change) => {
    expect(versionOf(change)).not.toBe(versionOf({}));
  });

  it.each<[string, object]>([
    ["numbers in place of text", { timestamp: 1764000900, Attribute: [{ ...attribute, timestamp: 1764000000 }] }],
    ["an attribute that is not deleted", { Attribute: [{ ...attribute, deleted: "0" }] }],
    ["tags, which have no time", { Tag: [{ name: "tlp:red" }] }],
  ])("is the same by %s", (_, change) => {
    expect(versionOf(change)).toBe(versionOf({}));
  });

  it("tells apart what a MISP published twice within one second", () => {
    const [first, second] = ["first", "second"].map((n) => decodeSample(`misp_json--same-second-republish-${n}`));
    expect(first?.event?.changedAt).toBe(second?.event?.changedAt);
    expect(first?.version).not.toBe(second?.version);
  });
});
