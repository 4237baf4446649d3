import { describe, expect, it } from "vitest";
import { decodeSample, messageOf, sample } from "./frames.ts";

describe("attribute", () => {
  it("is told with its event, and without tags as they are not stored yet", () => {
    const { event, attributes, objects, subject, version } = decodeSample("misp_json_attribute--add");
    expect(subject).toEqual({ type: "attribute", uuid: "9679e1ad-b6cf-437d-9831-efb758756c6c", id: "1" });
    expect(version).toBe("1795196987:add");
    expect(event).toMatchObject({ id: "1", org: { name: "ACME-CERT" }, distribution: "community" });
    expect(event).not.toHaveProperty("tags");
    expect(objects).toEqual([]);
    expect(attributes).toEqual([
      {
        id: "1",
        uuid: "9679e1ad-b6cf-437d-9831-efb758756c6c",
        type: "domain|ip",
        category: "Network activity",
        value: "evil.example.com|203.0.113.7",
        toIds: true,
        comment: "C2",
        changedAt: 1_795_196_987_000,
        firstSeen: Date.UTC(2026, 10, 19, 10),
        distribution: "inherit",
      },
    ]);
  });

  it.each([
    ["2026-11-19T10:00:00.123456+02:00", Date.UTC(2026, 10, 19, 8, 0, 0, 123)],
    ["2026-11-19 10:00:00", Date.UTC(2026, 10, 19, 10)],
    ["2026-13-39T10:00:00Z", undefined],
    ["yesterday", undefined],
    [null, undefined],
  ])("reads that it was seen %s as %s", (seen, at) => {
    const { payload } = sample("misp_json_attribute--add");
    const attribute = { ...(payload.Attribute as object), first_seen: null, last_seen: seen };
    const [read] = messageOf("misp_json_attribute", { ...payload, Attribute: attribute }).attributes;
    expect([read?.firstSeen, read?.lastSeen]).toEqual([undefined, at]);
  });

  it("tells its tags where the frame has them", () => {
    expect(decodeSample("misp_json_attribute--edit-tagged").attributes[0]?.tags).toEqual([
      { name: "tlp:amber", local: false, exportable: true },
    ]);
    expect(decodeSample("misp_json_attribute--edit-with-sightings").attributes[0]).not.toHaveProperty("tags");
  });

  it("brings its object, whose reach counts too", () => {
    const { attributes, objects } = decodeSample("misp_json_attribute--add-inside-object");
    expect(objects).toMatchObject([{ key: "937f12e6-d568-40f2-9fbe-5b10692b4574", distribution: "organisation" }]);
    expect(attributes[0]?.objectKey).toBe(objects[0]?.key);
  });

  it("has an object of unknown reach where only its number is told", () => {
    const { Attribute } = sample("misp_json_attribute--add-inside-object").payload;
    const { attributes, objects } = messageOf("misp_json_attribute", { Attribute, action: "delete" });
    expect(objects).toEqual([{ key: "1" }]);
    expect(attributes[0]?.objectKey).toBe("1");
  });

  it("knows only the number of its event when it is deleted for good", () => {
    const message = decodeSample("misp_json_attribute--delete-hard");
    expect(message.event).toEqual({ id: "1" });
    expect(message.version).toBe("1795197230:delete");
  });

  it("names the sharing group of its event by number", () => {
    const { event } = decodeSample("misp_json_attribute--add-attachment-with-data");
    expect(event).toMatchObject({ distribution: "sharing_group", sharingGroup: { id: "1" } });
  });

  it("has an event also where the frame does not say which", () => {
    expect(messageOf("misp_json_attribute", { Attribute: { id: "1" }, Event: "x", action: "add" }).event).toEqual({});
  });

  it("reads integers as the strings of another database driver", () => {
    const { attributes, event } = decodeSample("misp_json_attribute--add-integer-typed-columns");
    expect(attributes[0]).toMatchObject({ id: "225", distribution: "inherit", changedAt: 1_795_197_657_000 });
    expect(event).toMatchObject({ id: "25", threatLevel: "undefined", analysis: "initial" });
  });
});
