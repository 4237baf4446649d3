import { expect, test } from "vitest";
import {
  BURST,
  type DemoFrame,
  encodeFrame,
  FIRST_PUBLICATION,
  LATER_PUBLICATION,
  RED_VALUE,
  REPUBLICATION,
  SessionTimes,
  UPDATES,
} from "../../src/demo/frames.ts";
import type { Message } from "../../src/model/message.ts";
import { splitFrame } from "../../src/sources/source.ts";
import { decode } from "../../src/topics/index.ts";

const STARTED_AT = Date.UTC(2031, 4, 6, 7, 8, 9);
const NOW = STARTED_AT + 12_000;

function read(script: DemoFrame, now = NOW): Message {
  const frame = splitFrame(Buffer.from(encodeFrame(script, new SessionTimes(STARTED_AT), now)));
  const message = decode({ instance: "acme", ...frame, receivedAt: now });
  if (!message) {
    throw new Error(`MISP's ${script.topic} is decoded to nothing`);
  }
  return message;
}

const publicationOf = (scripts: readonly DemoFrame[]) => {
  const last = scripts.at(-1);
  if (!last) {
    throw new Error("A scene is never empty");
  }
  return read(last);
};

test("the burst is one drafted event and 24 attributes of it, each another one", () => {
  const [event, ...attributes] = BURST.map((script) => read(script));
  expect(event).toMatchObject({ kind: "event.created", event: { published: false } });
  expect(attributes.map(({ kind }) => kind)).toEqual(Array(24).fill("attribute.added"));
  for (const name of ["id", "uuid"] as const) {
    expect(new Set(attributes.map(({ subject }) => subject[name] ?? "missing")).size).toBe(24);
  }
});

test("the publications are about the drafted event, with what the burst added", () => {
  const added = BURST.slice(1).map((script) => read(script).attributes[0]?.value);
  const first = publicationOf(FIRST_PUBLICATION);
  expect(first.kind).toBe("event.published");
  expect(first.event?.uuid).toBe(BURST[0] && read(BURST[0]).event?.uuid);
  expect(first.attributes.map(({ value }) => value)).toEqual(added);
});

test("the republication is the same version, the later publication a newer one", () => {
  const [first, again, later] = [FIRST_PUBLICATION, REPUBLICATION, LATER_PUBLICATION].map(publicationOf);
  expect(again?.version).toBe(first?.version);
  expect(later?.event?.changedAt).toBeGreaterThan(first?.event?.changedAt ?? Number.POSITIVE_INFINITY);
});

test("the red value is in the last publication only, and tagged there", () => {
  const others = [...BURST, ...FIRST_PUBLICATION, ...REPUBLICATION, ...LATER_PUBLICATION.slice(0, -1)];
  for (const script of others) {
    expect(encodeFrame(script, new SessionTimes(STARTED_AT), NOW)).not.toContain(RED_VALUE);
  }
  const red = publicationOf(LATER_PUBLICATION).attributes.find(({ value }) => value === RED_VALUE);
  expect(red?.tags?.map(({ name }) => name)).toEqual(["tlp:red"]);
  expect(LATER_PUBLICATION.map((script) => read(script).tag?.attributeId)[0]).toBe(red?.id);
});

test("encodeFrame() moves what the record says to now, and nothing into the future", () => {
  const drafted = BURST[0] && read(BURST[0]).event;
  expect(drafted?.changedAt).toBe(STARTED_AT - 32_000);
  expect(drafted?.date).toBe("2031-05-06");
  // 243 s after the first publication in the record.
  expect(publicationOf(LATER_PUBLICATION).event?.changedAt).toBe(NOW);
});

test("encodeFrame() keeps a time that MISP writes as never", () => {
  expect(BURST[0] && encodeFrame(BURST[0], new SessionTimes(STARTED_AT), NOW)).toContain('"publish_timestamp":"0"');
});

test("what is published again later keeps the times of what has not changed", () => {
  const times = new SessionTimes(STARTED_AT);
  const [later, ...updates] = [...LATER_PUBLICATION.slice(-1), ...UPDATES].map((script, n) => {
    const [, json = ""] = /^misp_json (.+)$/.exec(encodeFrame(script, times, NOW + n * 30_000)) ?? [];
    return JSON.parse(json).Event;
  });
  for (const { Attribute, Object: objects, timestamp } of updates) {
    expect({ Attribute, objects }).toEqual({ Attribute: later.Attribute, objects: later.Object });
    expect(Number(timestamp)).toBeGreaterThan(Number(later.timestamp));
  }
});
