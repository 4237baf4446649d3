import { describe, expect, it } from "vitest";
import {
  attributeAdded,
  attributeOf,
  EVENT_UUID,
  eventless,
  objectOf,
  publication,
  T0,
  tagAttached,
  tags,
} from "../support/messages.ts";
import { WebhookBody } from "../support/webhook-body.ts";
import { copyOf, Service } from "./programs.ts";

const MAX_BODY = 64 * 1024;

function attributes(n: number, from = 1000) {
  return Array.from({ length: n }, (_, index) => attributeOf(String(from + index)));
}

const valuesOf = (service: Service) =>
  service.told.flatMap(({ entries }) => entries.flatMap(({ indicators = [] }) => indicators.map(({ value }) => value)));
const outcomesOf = (service: Service) => service.records.map(({ outcome }) => outcome);

describe("a program gets everything", () => {
  it("of an event of 20,000 attributes, in parts that it can put together", async () => {
    const service = await Service.open();
    const all = attributes(20_000);
    await service.plan(publication({ attributes: all }));
    expect((await service.store.owed())[0]?.owed).toBe(1);
    await service.run();
    expect(new Set(valuesOf(service))).toEqual(new Set(all.map(({ value }) => value)));
    expect(valuesOf(service)).toHaveLength(20_000);
    const { requests } = service.server;
    expect(requests.every(({ body }) => body.length <= 256 * 1024)).toBe(true);
    expect(requests.length).toBeGreaterThan(10);
    expect(new Set(requests.map(({ headers }) => headers["webhook-id"])).size).toBe(requests.length);
    expect(service.told.map(({ part }) => part)).toEqual(requests.map((_, index) => index + 1));
    for (const body of service.told) {
      expect(WebhookBody.safeParse(body).error?.issues).toBeUndefined();
      expect(body.parts).toBe(requests.length);
      expect(body.entries[0]?.counts.attributes).toBe(20_000);
      expect(body.entries[0]?.truncated).toBeUndefined();
    }
    expect(outcomesOf(service)).toEqual(["sent"]);
  });

  it("of a burst of audit lines and of a burst about many events, each entry once", async () => {
    const service = await Service.open({ max_body: "64KiB" });
    const lines = Array.from({ length: 1200 }, (_, n) => ({
      ...eventless("audit.logged"),
      subject: { type: "audit" as const, id: String(n) },
      lines: [{ label: "action", text: `line ${n}` }],
    }));
    for (let from = 0; from < lines.length; from += 300) {
      await service.plan(...lines.slice(from, from + 300));
    }
    await service.run();
    const texts = service.told.flatMap(({ entries }) =>
      entries.flatMap((entry) => entry.lines?.map(({ text }) => text)),
    );
    expect(texts).toEqual(lines.map((line) => line.lines[0]?.text));
    expect(service.server.requests.every(({ body }) => body.length <= MAX_BODY)).toBe(true);
    expect(outcomesOf(service).filter((outcome) => outcome === "sent")).toHaveLength(1200);
  });

  it("of objects, each where its attributes are, and of those that have none", async () => {
    const service = await Service.open({ max_body: "8KiB" });
    const objects = Array.from({ length: 300 }, (_, n) => objectOf(`object-${n}`));
    const all = attributes(400).map((one, n) => ({ ...one, objectKey: `object-${n % 200}` }));
    await service.plan(publication({ attributes: all, objects }));
    await service.run();
    const told = service.told.flatMap(({ entries }) => entries);
    expect(new Set(told.flatMap((entry) => entry.objects?.map(({ uuid }) => uuid)))).toEqual(
      new Set(objects.map(({ key }) => key)),
    );
    expect(valuesOf(service).sort()).toEqual(all.map(({ value }) => value).sort());
    expect(service.server.requests.every(({ body }) => body.length <= 8192)).toBe(true);
  });

  it("of a value that is longer than people are shown, and as much as fits of one that no payload holds", async () => {
    const service = await Service.open({ max_body: "16KiB" });
    const long = attributeOf("70", { type: "yara", value: "y".repeat(5000) });
    const huge = attributeOf("71", { type: "yara", value: "z".repeat(40_000) });
    await service.plan(publication({ attributes: [long, huge] }));
    await service.run();
    const [first, second] = valuesOf(service);
    expect(first).toBe(long.value);
    expect(second).toMatch(/^z{3000,}$/);
    expect(service.told.at(-1)?.entries[0]?.indicators?.[0]).toMatchObject({ cut: true });
    expect(service.server.requests.every(({ body }) => body.length <= 16_384)).toBe(true);
  });

  it("and is told what of it was added, changed and taken back, by name, however much", async () => {
    const service = await Service.open({ max_body: "64KiB" });
    const all = attributes(3000);
    await service.plan(publication({ attributes: all }));
    await service.run();
    const before = service.server.requests.length;
    const changed = all.slice(0, 10).map((one) => ({ ...one, value: `other-${one.value}`, changedAt: T0 + 60_000 }));
    const kept = all.slice(10, 1500);
    const added = attributes(700, 9000);
    const event = { changedAt: T0 + 60_000 };
    await service.plan(publication({ event, attributes: [...changed, ...kept, ...added] }));
    await service.run();
    const told = service.told.slice(before).flatMap(({ entries }) => entries);
    const removed = told.flatMap((entry) => entry.removed?.map(({ value }) => value) ?? []);
    expect(removed.sort()).toEqual(
      all
        .slice(1500)
        .map(({ value }) => value)
        .sort(),
    );
    const news = (name: string) =>
      told.flatMap((entry) => entry.indicators?.filter((one) => one.news === name).map(({ value }) => value) ?? []);
    expect(news("added").sort()).toEqual(added.map(({ value }) => value).sort());
    expect(news("changed").sort()).toEqual(changed.map(({ value }) => value).sort());
    expect(news("unchanged")).toHaveLength(kept.length);
    for (const entry of told) {
      expect(entry.changed).toMatchObject({ exact: true, added: 700, changed: 10, removed: 1500, unchanged: 1490 });
      expect(entry.counts.removed).toBe(1500);
    }
  });
});

describe("a delivery in parts", () => {
  it("is cut once: a restart and a retry send the same bytes under the same id", async () => {
    const service = await Service.open({ max_body: "64KiB" });
    await service.plan(publication({ attributes: attributes(1500) }));
    service.server.answer({ status: 200 }, { status: 200 }, { status: 500 }, { status: 200 });
    await service.run(3);
    await service.restart();
    await service.run();
    const copies = service.server.requests.map(copyOf);
    expect(copies[2]).toBe(copies[3]);
    expect(new Set(copies).size).toBe(copies.length - 1);
    expect(valuesOf(service).length - 1500).toBe(service.told[2]?.entries[0]?.indicators?.length);
    expect(outcomesOf(service)).toEqual(["sent"]);
  });

  it("is dead when one part was refused, and the rest of it arrives", async () => {
    const service = await Service.open({ max_body: "64KiB" });
    await service.plan(publication({ attributes: attributes(1500) }));
    // The second, and its title.
    service.server.answer({ status: 200 }, { status: 400 }, { status: 400 }, { status: 200 });
    await service.run();
    expect(service.records).toMatchObject([{ outcome: "dead", reason: "http-400" }]);
    const { parts } = service.told[0] ?? { parts: 0 };
    expect(service.told.map(({ part }) => part)).toEqual([
      1,
      2,
      2,
      ...Array.from({ length: parts - 2 }, (_, n) => n + 3),
    ]);
    // What did not arrive is news the next time.
    const before = service.server.requests.length;
    const missed = service.told[1]?.entries[0]?.indicators ?? [];
    await service.plan(publication({ event: { changedAt: T0 + 60_000 }, attributes: attributes(1500) }));
    await service.run();
    const told = service.told.slice(before).flatMap(({ entries }) => entries);
    expect(missed.length).toBeGreaterThan(50);
    expect(told.flatMap((entry) => entry.indicators?.filter(({ news }) => news === "added") ?? [])).toHaveLength(
      missed.length,
    );
  });

  it("loses what is stricter by now, and no more than that", async () => {
    const service = await Service.open({ max_body: "64KiB" });
    await service.plan(publication({ attributes: attributes(1500) }));
    await service.run(2);
    await service.plan(tagAttached("tlp:red", { attribute: "2000" }), tagAttached("tlp:red", { attribute: "2499" }));
    await service.run();
    const values = valuesOf(service);
    expect(values).toHaveLength(1498);
    expect(values).not.toContain("value-2000.example");
    expect(values).not.toContain("value-2499.example");
    expect(service.records.filter(({ kind }) => kind === "event.published")).toMatchObject([{ outcome: "sent" }]);
    // It was not told, so that it is news once it may be.
  });

  it("ends when its event may not be told any more", async () => {
    const service = await Service.open({ max_body: "64KiB" });
    await service.plan(publication({ attributes: attributes(1500) }));
    await service.run(2);
    await service.plan(tagAttached("tlp:red"));
    await service.run();
    // It was told of half of the event, and is told that this is taken back.
    expect(service.server.requests).toHaveLength(3);
    expect(JSON.parse(service.server.requests[2]?.body.toString() ?? "").entries).toMatchObject([
      { withdrawn: "restricted", event: { uuid: EVENT_UUID } },
    ]);
    expect(service.records.filter(({ kind }) => kind === "event.published")).toMatchObject([
      { outcome: "refused", reason: "tlp-above-ceiling" },
    ]);
  });

  it("is before whatever came about its event later, and not after what is about others", async () => {
    const service = await Service.open({ max_body: "64KiB" });
    await service.plan(publication({ attributes: attributes(1500) }));
    service.server.answer({ status: 200 }, { status: 500 }, { status: 200 });
    await service.run(1);
    await service.plan(attributeAdded({ id: "77", attribute: { tags: tags("tlp:green") } }));
    await service.run();
    expect(valuesOf(service).at(-1)).toBe("value-77.example");
  });

  it("leaves nothing behind in the state file", async () => {
    const service = await Service.open({ max_body: "64KiB" });
    await service.plan(publication({ attributes: attributes(1500) }));
    await service.run();
    const { openDatabase } = await import("../../src/store/sqlite/driver.ts");
    await service.store[Symbol.asyncDispose]();
    const db = await openDatabase(service.path);
    for (const table of ["alerts", "alert_pages", "batches", "cuts", "deliveries"]) {
      expect([table, db.prepare(`SELECT count(*) AS n FROM ${table}`).get()]).toEqual([table, { n: 0 }]);
    }
    db.close();
    await service.restart();
  });
});
