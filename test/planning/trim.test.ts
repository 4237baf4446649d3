import { describe, expect, it } from "vitest";
import { countObjects } from "../../src/alert/counts.ts";
import type { Alert } from "../../src/model/alert.ts";
import type { Attribute } from "../../src/model/misp.ts";
import { attributeOf, objectOf, publication, T0, tagAttached, tags } from "../support/messages.ts";
import { Planner } from "./planner.ts";

const bytes = (alert: Alert | undefined) => Buffer.byteLength(JSON.stringify(alert));
const sum = (alert: Alert | undefined) => alert?.counts.reduce((total, { n }) => total + n, 0);

function many(n: number, fields: (index: number) => Partial<Attribute> = () => ({})): readonly Attribute[] {
  return Array.from({ length: n }, (_, index) => attributeOf(String(index + 1), fields(index)));
}

describe("an alert about an event of 100,000 attributes", () => {
  const attributes = many(100_000, (index) => ({
    type: ["domain", "ip-dst", "iban"][index % 3] ?? "",
    toIds: index % 2 === 0,
    tags: index % 5 === 0 ? tags("tlp:red") : [],
    ...(index % 10_007 === 1 && { value: "needle.example" }),
  }));

  it("is stored in 64 KiB with 500 items at most, the matched first, and its counts add up", async () => {
    const planner = new Planner({
      routes: [
        { name: "needles", match: { attribute: { value: "needle.*" } }, notify: "soc" },
        { name: "all", notify: "soc" },
      ],
    });
    const { plan, trace } = await planner.tell(publication({ attributes }));
    const [alert] = plan.effects.alerts;
    expect(bytes(alert)).toBeLessThanOrEqual(64 * 1024);
    expect(alert?.items.length).toBeLessThanOrEqual(500);
    expect(alert?.items.length).toBeGreaterThan(50);
    expect(sum(alert)).toBe(100_000);
    const matched = alert?.items.map(({ matched }) => matched ?? false) ?? [];
    expect(matched).toEqual([...matched].sort((a, b) => Number(b) - Number(a)));
    expect(alert?.items.filter(({ value }) => value === "needle.example").length).toBe(
      alert?.items.filter(({ matched }) => matched).length,
    );
    expect(matched[0]).toBe(true);
    // After those the ones that are for detection.
    expect(alert?.items.every(({ matched, toIds }) => matched || toIds)).toBe(true);
    // Nothing that no destination may see.
    expect(alert?.items.every(({ type, marking }) => type !== "iban" && marking.tlp !== "red")).toBe(true);
    const planned = trace?.destinations[0]?.guarded;
    const sent = (await planner.open())?.leaving[0]?.guarded;
    const told = attributes.filter(({ type, tags }) => type !== "iban" && tags?.length === 0).length;
    for (const guarded of [planned, sent]) {
      expect(guarded?.withheld).toBe(100_000 - told);
      expect(guarded?.alert.counts.reduce((total, { n }) => total + n, 0)).toBe(told);
    }
  });
});

describe("an alert", () => {
  it("of long texts and names is stored in 64 KiB", async () => {
    const long = "漢".repeat(5000);
    const group = (index: number) => ({ id: String(index + 1), name: long });
    const { plan } = await new Planner().tell(
      publication({
        event: {
          info: long,
          org: { name: long },
          tags: [...tags("tlp:green"), ...tags(...Array.from({ length: 1000 }, (_, index) => `${index}${long}`))],
          clusters: Array.from({ length: 1000 }, (_, index) => ({ galaxy: `${index}`, value: long })),
        },
        attributes: many(300, (index) => ({
          value: long,
          comment: long,
          distribution: "sharing_group",
          sharingGroup: group(index),
        })),
        objects: Array.from({ length: 300 }, (_, index) => objectOf(`o${index}`, { name: long, comment: long })),
      }),
    );
    const [alert] = plan.effects.alerts;
    expect(bytes(alert)).toBeLessThanOrEqual(64 * 1024);
    expect(sum(alert)).toBe(300);
    expect(alert?.event?.info?.length).toBe(2001);
    expect(alert?.event?.tags?.[0]?.name).toBe("tlp:green");
  });

  it("keeps the label among more tags than are stored", async () => {
    const noise = Array.from({ length: 500 }, (_, index) => `noise:${index}`);
    const planner = new Planner();
    const { plan } = await planner.tell(publication({ event: { tags: tags(...noise, "tlp:green") } }));
    expect(plan.effects.alerts[0]?.event?.tags).toHaveLength(200);
    expect(plan.effects.alerts[0]?.event?.tags?.[0]).toEqual({ name: "tlp:green" });
  });

  it("counts rare types together, but never personal ones", async () => {
    const { plan } = await new Planner().tell(
      publication({
        attributes: [...many(150, (index) => ({ type: `t${index}` })), attributeOf("900", { type: "iban" })],
      }),
    );
    const counts = plan.effects.alerts[0]?.counts ?? [];
    expect(counts.length).toBe(102);
    expect(counts.find(({ type }) => type === "other")?.n).toBe(50);
    expect(counts.find(({ type }) => type === "iban")?.n).toBe(1);
  });

  it("leaves out what only a refused destination was for", async () => {
    const planner = new Planner({
      destinations: { soc: {}, owner: { guard: { max_tlp: "red", distribution: [] } } },
      routes: [{ name: "r", notify: ["soc", "owner"] }],
    });
    const { plan } = await planner.tell(
      publication({ attributes: [attributeOf("1"), attributeOf("2", { tags: tags("tlp:red") })] }),
    );
    expect(plan.effects.alerts[0]?.items.map(({ id }) => id)).toEqual(["1"]);
  });
});

describe("what matched, when it is cut", () => {
  const message = publication({
    attributes: many(2000, (index) => ({ tags: index === 1999 ? tags('misp-galaxy:tool="X"') : [], type: "url" })),
    objects: Array.from({ length: 150 }, (_, index) =>
      objectOf(`o${index}`, { name: index === 149 ? "vehicle" : "file" }),
    ),
  });

  it.each([
    ["a tag of one attribute among 2,000", { tag: "misp-galaxy:tool=*" }],
    ["one object among 150", { object: "vehicle" }],
    ["the end of a long title", { info: "*needle" }],
  ])("is still told: %s", async (_, match) => {
    const planner = new Planner({ routes: [{ name: "r", match, notify: "soc" }] });
    await planner.tell({ ...message, event: { ...message.event, info: `${"x".repeat(5000)} needle` } });
    expect((await planner.open())?.leaving).toHaveLength(1);
  });

  it.each([
    ["what matched", "2000", ["match-not-visible"]],
    ["something else", "1", []],
  ])("is judged by what is known of it when it leaves: %s was marked since", async (_, id, refused) => {
    const planner = new Planner({ routes: [{ name: "r", match: { tag: "misp-galaxy:tool=*" }, notify: "soc" }] });
    await planner.tell(message, tagAttached("tlp:red", { attribute: id, receivedAt: T0 + 9000 }));
    expect((await planner.open())?.refused.map(({ reason }) => reason)).toEqual(refused);
  });
});

it("counts all objects of an event, also those that are not stored", async () => {
  const planner = new Planner();
  const objects = Array.from({ length: 120 }, (_, n) => objectOf(`o${n}`, n >= 100 ? { name: "domain-ip" } : {}));
  const { plan } = await planner.tell(publication({ objects }));
  const [alert] = plan.effects.alerts;
  expect(alert?.objects.length).toBeLessThanOrEqual(100);
  expect(alert?.objectCounts?.map(({ name, n }) => [name, n])).toEqual([
    ["file", 100],
    ["domain-ip", 20],
  ]);
  const entry = (await planner.open())?.payload?.entries[0];
  expect(entry && countObjects(entry)).toEqual({ n: 120, names: ["file", "domain-ip"] });
});

it("keeps as many of 200 attributes as there is room for", async () => {
  const planner = new Planner();
  const attributes = many(200, () => ({ comment: "a comment of some length, as people write them" }));
  const { plan } = await planner.tell(publication({ attributes }));
  const [alert] = plan.effects.alerts;
  expect(bytes(alert)).toBeLessThanOrEqual(64 * 1024);
  expect(alert?.items.length).toBeGreaterThan(150);
});
