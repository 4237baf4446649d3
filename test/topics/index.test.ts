import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { DecodeError } from "../../src/base/errors.ts";
import { decode, isKnownTopic, TOPICS } from "../../src/topics/index.ts";
import { decodeSample, frameOf, messageOf, SAMPLE_NAMES, sample, session } from "./frames.ts";

const CASES = `${import.meta.dirname}/../fixtures/cases/`;

/** Kinds by the start of the sample's name; the longest start counts. */
const EXPECTED: Readonly<Record<string, string | undefined>> = {
  "misp_json--": "event.published",
  "misp_json_attribute--add": "attribute.added",
  "misp_json_attribute--delete-hard": "attribute.deleted",
  "misp_json_attribute--edit": "attribute.edited",
  "misp_json_attribute--soft-delete": "attribute.deleted",
  "misp_json_audit--": "audit.logged",
  "misp_json_conversation--": "discussion.posted",
  "misp_json_event--add": "event.created",
  "misp_json_event--add_from_connected_server": undefined,
  "misp_json_event--delete": "event.deleted",
  "misp_json_event--edit": "event.edited",
  "misp_json_event--edit_from_connected_server": undefined,
  "misp_json_object--add": "object.added",
  "misp_json_object--delete-hard": "object.deleted",
  "misp_json_object--edit": "object.edited",
  "misp_json_object--soft-delete": "object.deleted",
  "misp_json_object_reference--add": "reference.added",
  "misp_json_object_reference--soft-delete": "reference.deleted",
  "misp_json_organisation--": "organisation.changed",
  "misp_json_sighting--add": "sighting.added",
  "misp_json_sighting--false-positive": "sighting.added",
  "misp_json_sighting--delete": "sighting.deleted",
  "misp_json_tag--add": "tag.created",
  "misp_json_tag--attached": "tag.attached",
  "misp_json_tag--delete": "tag.deleted",
  "misp_json_tag--detached": "tag.detached",
  "misp_json_tag--edit": "tag.edited",
  "misp_json_user--created-action-says-edit": "user.created",
  "misp_json_user--login": "user.login",
  "misp_json_user--logout": "user.logout",
  "misp_json_user--modified-action-says-add": "user.changed",
  "misp_json_warninglist--": "warninglist.changed",
  "misp_json_workflow--": "workflow.pushed",
};

const TOLD = SAMPLE_NAMES.filter((name) => !name.startsWith("misp_json_self"));

function expectedKind(name: string): string | undefined {
  const start = Object.keys(EXPECTED)
    .filter((prefix) => name.startsWith(prefix))
    .sort((a, b) => b.length - a.length)[0];
  if (start === undefined) {
    throw new Error(`No expectation for ${name}`);
  }
  return EXPECTED[start];
}

describe("decode() reads what a real MISP sends", () => {
  test.each(TOLD)("%s", (name) => {
    const message = decodeSample(name);
    expect(message.kind).toBe(expectedKind(name));
    expect(message).toMatchObject({ instance: "cert", topic: name.split("--")[0], receivedAt: 1_795_200_000_000 });
    expect(message.version).not.toBe("");
  });

  it("has a sample of every topic", () => {
    const sampled = new Set(SAMPLE_NAMES.map((name) => name.split("--")[0]));
    expect(new Set(TOPICS.map((topic) => topic.name))).toEqual(sampled);
    expect(SAMPLE_NAMES).toHaveLength(96);
  });

  it("gives every part of an event an event, so that a guard asks for its marking", () => {
    const parts = TOLD.filter((name) => /_(attribute|object|object_reference|sighting)--|tached/.test(name));
    expect(parts.length).toBeGreaterThan(20);
    for (const name of parts) {
      expect(decodeSample(name).event?.id, name).toMatch(/^\d+$/);
    }
  });

  it("reads a whole session, in which only keep-alives are no message", () => {
    const frames = session();
    const silent = frames.filter((frame) => decode(frame) === undefined);
    expect(frames).toHaveLength(109);
    expect(silent.map((frame) => frame.topic)).toEqual(Array(4).fill("misp_json_self"));
  });

  it("gives the doubled soft-delete of an attribute one identity", () => {
    const deletions = session()
      .map((frame) => decode(frame))
      .filter(
        (message) => message?.kind === "attribute.deleted" && message.subject.id === "5" && message.attributes[0],
      );
    const identities = deletions.map((message) => `${message?.subject.uuid} ${message?.version}`);
    expect(identities.length).toBeGreaterThan(1);
    expect(new Set(identities).size).toBe(1);
  });
});

describe("decode() leaves out what nobody is told", () => {
  // Searched for as text, so that no field, however deep, can hold it.
  const forbidden = [
    "event_creator_email",
    "aGVsbG8gd29ybGQ=",
    "Spider report",
    "proposal.example",
    "203.0.113.8",
    "192.0.2.10",
    "curl/7.88.1",
    "/events/view/1",
    "publish_timestamp",
    '"data"',
    "hide_tag",
  ];
  const read = TOLD.map((name) => [name, JSON.stringify(decodeSample(name))] as const);

  it.each(forbidden)("%s", (needle) => {
    expect(SAMPLE_NAMES.some((name) => JSON.stringify(sample(name).payload).includes(needle))).toBe(true);
    for (const [name, text] of read) {
      expect(text.includes(needle), name).toBe(false);
    }
  });

  it("e-mail addresses of users, except in the messages about users", () => {
    for (const [name, text] of read) {
      if (!name.startsWith("misp_json_user--")) {
        expect(text, name).not.toMatch(/jane\.doe|analyst@|acme-cert\.example"/);
      }
    }
  });

  it("other people's events that correlate", () => {
    expect(JSON.stringify(sample("misp_json--publish-full-event").payload)).toContain("Phishing wave against ACME");
    expect(JSON.stringify(decodeSample("misp_json--publish-full-event"))).not.toContain("Phishing wave against ACME");
  });
});

describe("decode() refuses what it cannot read, without quoting it", () => {
  const marker = "zzmarkerzz";
  const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}${"]}".repeat(depth / 2)}`;
  const unreadable: readonly (readonly [string, string, unknown])[] = [
    ["a frame without a topic", "", `{"${marker}":1}`],
    ["an empty payload", "misp_json", ""],
    ["no JSON", "misp_json", `${marker}{`],
    ["a truncated payload", "misp_json", `{"Event":{"info":"${marker}`],
    ["two values", "misp_json", `{} {"${marker}":1}`],
    ["a top-level array", "misp_json", [marker]],
    ["a top-level string", "misp_json_attribute", JSON.stringify(marker)],
    ["null", "misp_json_event", "null"],
    ["100,000 levels of nesting", "misp_json", nested(100_000)],
    ["100,000 levels of nesting where anything goes", "misp_json_workflow", nested(100_000)],
    ["millions of empty lists", "misp_json_workflow", `[${"[],".repeat(4_100_000)}0]`],
    ["millions of numbers", "misp_json_workflow", `[${"0,".repeat(20_100_000)}0]`],
    ["100,000 opening brackets", "misp_json_workflow", "[".repeat(100_000)],
    ["an event that is a text", "misp_json", { Event: marker }],
    ["an event that is a list", "misp_json", { Event: [{ uuid: marker }] }],
    ["no event", "misp_json", { [marker]: {} }],
    ["an event without a name", "misp_json", { Event: { info: marker, uuid: marker, id: "0" } }],
    ["an edited event that is a text", "misp_json_event", { Event: marker, action: "edit" }],
    [
      "a pulled event without a UUID or a number",
      "misp_json_event",
      { Event: marker, action: "add_from_connected_server" },
    ],
    ["an attribute frame without attribute", "misp_json_attribute", { Event: {}, action: "add" }],
    ["an object frame of a wrong type", "misp_json_object", { Object: marker, action: "add" }],
    ["a reference of a wrong type", "misp_json_object_reference", { ObjectReference: [], action: "add" }],
    ["a sighting of a wrong type", "misp_json_sighting", { Sighting: marker, action: "add" }],
    ["a tag without a name", "misp_json_tag", { Tag: { id: "1", name: 5 }, action: "attached to event" }],
    ["an organisation of a wrong type", "misp_json_organisation", { Organisation: marker }],
    ["a user of a wrong type", "misp_json_user", { User: marker, action: "login" }],
    ["neither thread nor post", "misp_json_conversation", { Post: marker }],
    ["an audit entry of no known shape", "misp_json_audit", { Log: marker, action: "log" }],
    ["a warninglist of a wrong type", "misp_json_warninglist", { Warninglist: marker, action: "edit" }],
    ["an unknown action", "misp_json_attribute", { Attribute: { id: "1" }, action: marker }],
    ["no action on tags, which never had none", "misp_json_tag", { Tag: { name: "x" } }],
    ["an action that every object has", "misp_json_tag", { Tag: { name: "x" }, action: "constructor" }],
    ["an unknown action on audit", "misp_json_audit", { Log: {}, action: marker }],
  ];

  test.each(unreadable)("%s", (_, topic, payload) => {
    const frame = frameOf(topic, payload);
    expect(() => decode(frame)).toThrow(DecodeError);
    try {
      decode(frame);
    } catch (error) {
      expect(error instanceof Error && `${error.message} ${error.cause}`).not.toContain(marker);
    }
  });

  it("reads a list only from the topic that may send one", () => {
    expect(messageOf("misp_json_workflow", ["tlp:amber"]).kind).toBe("workflow.pushed");
  });

  it("reads brackets in text as text", () => {
    const info = `${"[{".repeat(200)}\\"${"[".repeat(200)}`;
    expect(messageOf("misp_json", { Event: { id: "1", info } }).event?.info).toBe(info);
  });
});

describe("decode() leaves out a part that it cannot read, and says so", () => {
  const event = { id: "1", uuid: "1a87fd96-a4d3-4d6c-84dc-a028d3cf6774", info: "whole" };
  const good = { id: "5", type: "domain", value: "a.example" };
  const parts: readonly (readonly [string, object, number, number])[] = [
    ["an attribute that is null", { Attribute: [good, null] }, 1, 1],
    ["an attribute that is a text", { Attribute: ["x", good] }, 1, 1],
    ["an attribute that is a list", { Attribute: [[good], good] }, 1, 1],
    ["attributes that are a text", { Attribute: "x" }, 0, 1],
    ["objects that are a number", { Attribute: [good], Object: 7 }, 1, 1],
    ["an object that is null", { Attribute: [good], Object: [null, { id: "9", Attribute: [good] }] }, 2, 1],
    ["an object with attributes of a wrong type", { Object: [{ id: "9", Attribute: true }] }, 0, 1],
    ["several", { Attribute: [null, 5], Object: [[]] }, 0, 3],
  ];

  test.each(parts)("%s", (_, odd, attributes, skipped) => {
    const message = messageOf("misp_json", { Event: { ...event, ...odd } });
    expect(message).toMatchObject({ kind: "event.published", event: { info: "whole" }, skipped });
    expect(message.attributes).toHaveLength(attributes);
    expect(message.lines).toEqual([
      { label: "left out", text: `${skipped} ${skipped === 1 ? "part" : "parts"} that cannot be read` },
    ]);
  });

  it("but nothing where lists are empty, however PHP writes that", () => {
    for (const empty of [{}, [], null]) {
      const message = messageOf("misp_json", { Event: { ...event, Attribute: empty, Object: empty } });
      expect(message).toMatchObject({ attributes: [], objects: [], lines: [] });
      expect(message).not.toHaveProperty("skipped");
    }
  });

  /** Puts a byte that is no UTF-8 in the place of each `?`. */
  const broken = (payload: object) => Buffer.from(JSON.stringify(payload)).map((byte) => (byte === 0x3f ? 0xff : byte));

  it("a text with a byte that is not UTF-8: the value is unknown, and the rest is told", () => {
    const Attribute = [good, { ...good, id: "6", value: "b?.example", comment: "whole" }];
    const message = messageOf("misp_json", broken({ Event: { ...event, Attribute } }));
    expect(message.skipped).toBe(1);
    expect(message.event?.info).toBe("whole");
    expect(message.attributes.map(({ id, value, comment }) => [id, value, comment])).toEqual([
      ["5", "a.example", undefined],
      ["6", undefined, "whole"],
    ]);
  });

  it("a tag with such a byte, which makes the marking unknown instead of looser", () => {
    const Tag = [{ name: "tlp:green" }, { name: "?tlp:red" }];
    expect(messageOf("misp_json", broken({ Event: { ...event, Tag } })).event).not.toHaveProperty("tags");
  });
});

describe("decode() shows numbers as values", () => {
  it("as MISP's users would read them", () => {
    const { topic, payload } = JSON.parse(readFileSync(`${CASES}number-values.json`, "utf8"));
    expect(messageOf(topic, payload).attributes.map(({ value }) => value)).toEqual(["443", "18014398509481984", "7.5"]);
  });

  it("digit by digit, however many", () => {
    const text =
      '{"Event":{"id":"1","Attribute":[{"id":"2","value":12345678901234567890123},{"id":"3","value": -0.12345678901234567891}]}}';
    expect(messageOf("misp_json", text).attributes.map(({ value }) => value)).toEqual([
      "12345678901234567890123",
      "-0.12345678901234567891",
    ]);
  });

  it("and no text that looks like one", () => {
    const value = '"value":12345678901234567890,';
    expect(messageOf("misp_json", { Event: { id: "1", Attribute: [{ value }] } }).attributes[0]?.value).toBe(value);
  });
});

describe("decode() reads frames of 2017, which tell no action", () => {
  const identity = { id: "1", uuid: "1a87fd96-a4d3-4d6c-84dc-a028d3cf6774", timestamp: "1500000000" };

  test.each([
    ["misp_json_event", { Event: identity }, "event.edited"],
    ["misp_json_attribute", { Attribute: { ...identity, event_id: "1" } }, "attribute.edited"],
    ["misp_json_attribute", { Attribute: { ...identity, event_id: "1", deleted: "1" } }, "attribute.deleted"],
    ["misp_json_object", { Object: { ...identity, event_id: "1" } }, "object.edited"],
    ["misp_json_object", { Object: { ...identity, event_id: "1", deleted: true } }, "object.deleted"],
    ["misp_json_object_reference", { ObjectReference: { ...identity, event_id: "1" } }, "reference.edited"],
    ["misp_json_sighting", { Sighting: { ...identity, event_id: "1" } }, "sighting.added"],
  ])("%s %j: %s", (topic, payload, kind) => {
    const indented = JSON.stringify(payload, null, 4);
    expect(messageOf(topic, indented)).toMatchObject({ kind, event: { id: "1" } });
  });

  it("and does not take the empty list of an added event for all of its tags", () => {
    expect(messageOf("misp_json_event", { Event: identity, EventTag: [] }).event).not.toHaveProperty("tags");
    const tagged = messageOf("misp_json_event", { Event: identity, EventTag: [{ Tag: { name: "tlp:red" } }] });
    expect(tagged.event?.tags).toEqual([{ name: "tlp:red" }]);
  });
});

describe("decode() is not fooled", () => {
  it("by topics that it does not know, which it leaves to the caller to count", () => {
    for (const topic of ["misp_json_galaxy", "misp_jso", "constructor", "__proto__", "misp_json "]) {
      expect(decode(frameOf(topic, "not even JSON"))).toBeUndefined();
      expect(isKnownTopic(topic)).toBe(false);
    }
    expect(isKnownTopic("misp_json_self")).toBe(true);
  });

  it("by __proto__ keys", () => {
    const message = messageOf(
      "misp_json",
      '{"__proto__":{"polluted":1},"Event":{"id":"1","__proto__":{"info":"from the prototype","locked":true},' +
        '"Tag":[{"name":"a","__proto__":{"local":true}}],"constructor":{"prototype":{"polluted":1}}}}',
    );
    expect(message.event).toEqual({ id: "1", tags: [{ name: "a" }] });
    expect(Object.getPrototypeOf(message.event)).toBe(Object.prototype);
    expect("polluted" in {}).toBe(false);
  });

  it("by half a surrogate pair, on which other code would throw", () => {
    const message = messageOf("misp_json", '{"Event":{"id":"1","info":"a\\ud83d b\\ud83d\\ude00 C:\\\\udead"}}');
    expect(message.event?.info).toBe("a\ufffd b\u{1f600} C:\\udead");
    expect(() => encodeURIComponent(message.event?.info ?? "")).not.toThrow();
  });

  it("by endless texts, which it cuts between characters", () => {
    const event = messageOf("misp_json", { Event: { id: "1", info: `a${"\u{1f600}".repeat(100_000)}` } }).event;
    expect(event?.info?.length).toBe(65_535);
    expect(event?.info?.endsWith("\u{1f600}")).toBe(true);
  });
});

describe("decode() versions a frame that tells no time of change", () => {
  const login = sample("misp_json_user--login").payload;

  const read = (occurrence?: string, receivedAt = 1_795_200_000_100) =>
    decode({
      ...{ instance: "cert", topic: "misp_json_user", payload: Buffer.from(JSON.stringify(login)), receivedAt },
      ...(occurrence !== undefined && { occurrence }),
    })?.version;

  it("by its bytes and by which of equal ones it is, as the transport says", () => {
    expect(read("17")).toMatch(/^17:[0-9a-f]{16}$/);
    expect(read("17", 1_795_200_002_000)).toBe(read("17"));
    expect(read("18")).not.toBe(read("17"));
  });

  it("by its arrival where the transport says nothing", () => {
    expect(read()).toMatch(/^1795200000100:[0-9a-f]{16}$/);
    expect(read(undefined, 1_795_200_000_101)).not.toBe(read());
  });

  it("and one whose row has no name, since others may have changed in the same second", () => {
    const versions = ["a", "b"].map(
      (value) => messageOf("misp_json_attribute", { Attribute: { value, timestamp: 5 }, action: "add" }).version,
    );
    expect(versions[0]).not.toBe(versions[1]);
  });
});

describe("decode() survives every mutation of every sample", () => {
  const samples = SAMPLE_NAMES.map(sample);
  const json = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom(null, "", "0", "1", 0, 1, -1, 1e300, true, [], {}, [null], [[]], { 0: null }, { 1: { name: "x" } }),
  );
  const paths = (value: unknown): readonly (readonly string[])[] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => [[key], ...paths(inner).map((rest) => [key, ...rest])])
      : [];

  function mutate(value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
    if (key === undefined) {
      return to;
    }
    if (typeof value !== "object" || value === null) {
      return value;
    }
    const entries = Object.entries(value).flatMap(([name, inner]) => {
      if (name !== key) {
        return [[name, inner]];
      }
      const changed = mutate(inner, rest, to);
      return changed === undefined ? [] : [[name, changed]];
    });
    return Array.isArray(value) ? entries.map((entry) => entry[1]) : Object.fromEntries(entries);
  }

  it("by decoding it or by a DecodeError, and by nothing else", () => {
    const mutation = fc
      .integer({ min: 0, max: samples.length - 1 })
      .chain((index) =>
        fc.tuple(
          fc.constant(index),
          fc.array(
            fc.tuple(fc.constantFrom([], ...paths(samples[index]?.payload)), fc.option(json, { nil: undefined })),
            { minLength: 1, maxLength: 4 },
          ),
        ),
      );
    const outcomes = { decoded: 0, refused: 0 };
    fc.assert(
      fc.property(mutation, ([index, changes]) => {
        const { topic = "", payload } = samples[index] ?? {};
        const mutated = changes.reduce<unknown>((value, [path, to]) => mutate(value, path, to), payload) ?? null;
        try {
          decode(frameOf(topic, JSON.stringify(mutated)));
          outcomes.decoded++;
        } catch (error) {
          if (!(error instanceof DecodeError)) {
            throw error;
          }
          outcomes.refused++;
        }
      }),
      { numRuns: 3000 },
    );
    expect(outcomes.decoded).toBeGreaterThan(300);
    expect(outcomes.refused).toBeGreaterThan(100);
  });

  it("and arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.constantFrom(...TOPICS.map((topic) => topic.name)), fc.uint8Array(), (topic, bytes) => {
        try {
          decode(frameOf(topic, bytes));
        } catch (error) {
          if (!(error instanceof DecodeError)) {
            throw error;
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});
