import { describe, expect, it } from "vitest";
import { DestinationEntry } from "../../src/destinations/index.ts";
import { misp } from "../../src/formats/misp.ts";
import { EVENT, entry, guarded, HOSTILE, item, payload, pointer } from "../support/payloads.ts";
import { messageOf } from "../topics/frames.ts";

const STYLE = { timeZone: "UTC", defang: true, values: "raw" } as const;
const NONE = { tlp: "none", pap: "none", chr: false } as const;

type Rows = readonly Readonly<Record<string, unknown>>[];
interface Core {
  readonly Event: Readonly<Record<string, unknown>> & { readonly Attribute: Rows; readonly Object: Rows };
}

function eventsOf(...args: Parameters<typeof payload>): readonly Core[] {
  return JSON.parse(misp.whole(payload(...args), STYLE)).response;
}

const OBJECT = {
  key: "o1",
  uuid: "7f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e6f",
  name: "file",
  metaCategory: "file",
  reach: [],
};

describe("the format misp", () => {
  it("is an event as MISP exports it, with attributes in their objects", () => {
    const items = [
      item({
        uuid: "a",
        changedAt: 1_700_000_000_000,
        firstSeen: 0,
        comment: "C2",
        tags: ["tlp:red", "x"],
        marking: { ...NONE, tlp: "red" },
      }),
      item({
        uuid: "b",
        type: "md5",
        value: "x",
        objectKey: "o1",
        relation: "md5",
        reach: [{ distribution: "all" }, { distribution: "community" }],
      }),
    ];
    const [core] = eventsOf([
      entry(guarded({ event: EVENT, items, objects: [OBJECT] }), { eventMarking: { tlp: "amber+strict" } }),
    ]);
    expect(core?.Event).toMatchObject({
      uuid: EVENT.uuid,
      info: EVENT.info,
      date: "2026-11-20",
      threat_level_id: "1",
      analysis: "1",
      distribution: "2",
      published: true,
      timestamp: String((EVENT.changedAt ?? 0) / 1000),
      Orgc: EVENT.org,
    });
    expect(core?.Event.Tag).toContainEqual({ name: "tlp:amber+strict" });
    expect(core?.Event.Tag).not.toContainEqual({ name: "tlp:amber" });
    expect(core?.Event.Attribute).toMatchObject([
      {
        uuid: "a",
        timestamp: "1700000000",
        first_seen: "1970-01-01T00:00:00.000Z",
        distribution: "5",
        deleted: false,
        Tag: [{ name: "x" }, { name: "tlp:red" }],
      },
    ]);
    expect(core?.Event.Object).toMatchObject([
      { uuid: OBJECT.uuid, name: "file", Attribute: [{ uuid: "b", object_relation: "md5", distribution: "1" }] },
    ]);
  });

  it("is read by the decoder of what MISP itself publishes", () => {
    const items = [item({ uuid: "6f3c1a52-7c1c-4d0e-9c1a-0a2b3c4d5e61" })];
    const [core] = eventsOf([entry(guarded({ event: EVENT, items }))]);
    const read = messageOf("misp_json", core);
    expect(read).toMatchObject({ kind: "event.published", attributes: [{ value: items[0]?.value, toIds: true }] });
  });

  it("lets nobody have what is for a sharing group", () => {
    const group = {
      distribution: "sharing_group" as const,
      sharingGroup: { id: "1", uuid: "g", name: "secret friends" },
    };
    const text = misp.whole(
      payload([entry(guarded({ event: { ...EVENT, ...group }, items: [item({ reach: [group] })] }))]),
      STYLE,
    );
    const [core] = JSON.parse(text).response as readonly Core[];
    expect([core?.Event.distribution, core?.Event.Attribute[0]?.distribution]).toEqual(["0", "0"]);
    expect(text).not.toContain("secret friends");
  });

  it("deletes what is taken back, with a later time, and unpublishes its event", () => {
    const gone = [
      item({ uuid: "a", withdrawn: "deleted", changedAt: 0 }),
      item({ uuid: "b", withdrawn: "not-for-detection" }),
    ];
    const [core] = eventsOf([entry(guarded({ event: EVENT, items: gone }))]);
    expect(core?.Event.Attribute).toMatchObject([
      { uuid: "a", deleted: true, timestamp: String((EVENT.changedAt ?? 0) / 1000) },
      { uuid: "b", deleted: false, to_ids: false },
    ]);
    const [taken] = eventsOf([
      entry(guarded({ event: EVENT, items: [item({ uuid: "a", withdrawn: "removed" })] }), {
        withdrawn: "unpublished",
      }),
    ]);
    expect(taken?.Event).toMatchObject({ published: false, Attribute: [{ uuid: "a", deleted: true }] });
  });

  it("leaves out what MISP does not export, and alerts that are no event", () => {
    const event = {
      ...EVENT,
      tags: [
        { name: "inner", exportable: false },
        { name: "here", local: true },
      ],
    };
    expect(eventsOf([entry(guarded({ event }))])[0]?.Event.Tag).toEqual([
      { name: "here", local: true },
      { name: "tlp:amber" },
    ]);
    expect(eventsOf([pointer(), entry(guarded({ kind: "herald.started" }))])).toEqual([]);
  });

  it("weighs what it writes, and leaves out whole attributes that no body can hold", () => {
    const items = HOSTILE.map((value, n) => item({ uuid: `u${n}`, value, ...(n % 2 === 0 && { objectKey: "o1" }) }));
    const sent = payload([entry(guarded({ event: EVENT, items, objects: [OBJECT] }))], { whole: true });
    const { total, entries } = misp.weigh(sent, STYLE);
    const [weight] = entries;
    const sum =
      (weight?.base ?? 0) +
      (weight?.items ?? []).reduce((a, b) => a + b, 0) +
      [...(weight?.objects.values() ?? [])].reduce((a, b) => a + b, 0);
    expect(total).toBe(Buffer.byteLength(misp.whole(sent, STYLE)));
    expect(Math.abs(total - sum - '{"response":[]}'.length)).toBeLessThan(64);
    const long = payload(
      [entry(guarded({ event: EVENT, items: [...items, item({ uuid: "long", value: "x".repeat(20_000) })] }))],
      { whole: true },
    );
    const { text, trimmed } = misp.fit(long, 16_384, STYLE);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(16_384);
    expect(JSON.parse(text).response[0].Event.Attribute).toHaveLength(items.length);
    expect(trimmed).toEqual(["1 attribute left out"]);
  });
});

describe("format: of a webhook", () => {
  it.each(["stix", "misp"])("%s needs values as they are", (format) => {
    const options = { type: "webhook", url: "https://soar.example.org/", guard: { max_tlp: "amber" }, format };
    expect(DestinationEntry.safeParse(options).success).toBe(true);
    const { error } = DestinationEntry.safeParse({ ...options, include_values: "defanged" });
    expect(error?.issues).toMatchObject([
      { path: ["include_values"], message: `must be raw where format is ${format}: an indicator is its value` },
    ]);
  });
});
