import { describe, expect, it } from "vitest";
import { attributeOf, eventDeleted, eventEdited, publication, T0, tagAttached, uuidOf } from "../support/messages.ts";
import { Service } from "./programs.ts";

interface Told {
  readonly objects?: readonly {
    readonly type: string;
    readonly id: string;
    readonly pattern?: string;
    readonly revoked?: boolean;
    readonly modified: string;
  }[];
}

/** Indicators as they have arrived, in their order. */
function arrived(service: Service) {
  const bundles = service.told as unknown as readonly Told[];
  return bundles.flatMap(({ objects = [] }) => objects.filter(({ type }) => type === "indicator"));
}

const OPTIONS = { format: "stix" };
const INFO = "Phishing wave against ACME";

describe("indicators", () => {
  it.each([
    ["deleted", eventDeleted({ info: INFO })],
    ["unpublished", eventEdited({ info: INFO, published: false })],
  ])(
    "that were told are revoked when their event is %s, across a restart, with the pattern that they had",
    async (_, taken) => {
      const service = await Service.open(OPTIONS);
      await service.plan(
        publication({ attributes: [attributeOf("10"), attributeOf("11"), attributeOf("12", { toIds: false })] }),
      );
      await service.run();
      const before = arrived(service);
      expect(before.map(({ id }) => id)).toEqual([`indicator--${uuidOf("10")}`, `indicator--${uuidOf("11")}`]);
      await service.plan(taken);
      await service.restart();
      await service.run();
      const after = arrived(service).slice(2);
      expect(after.map(({ id, pattern, revoked }) => ({ id, pattern, revoked }))).toEqual(
        before.map(({ id, pattern }) => ({ id, pattern, revoked: true })),
      );
      expect(after.every(({ modified }, n) => modified > (before[n]?.modified ?? ""))).toBe(true);
    },
  );

  it("of a large event are revoked in as many bundles as it takes, each once", async () => {
    const service = await Service.open({ ...OPTIONS, max_body: "8KiB" });
    const all = Array.from({ length: 300 }, (_, n) => attributeOf(String(1000 + n)));
    await service.plan(publication({ attributes: all }));
    await service.run();
    expect(new Set(arrived(service).map(({ id }) => id)).size).toBe(300);
    const told = service.server.requests.length;
    await service.plan(eventDeleted({ info: INFO }));
    await service.run();
    const revoked = arrived(service).filter((one) => one.revoked);
    expect(revoked.map(({ id }) => id).sort()).toEqual(all.map(({ uuid }) => `indicator--${uuid}`).sort());
    expect(service.server.requests.length).toBeGreaterThan(told + 10);
    expect(service.server.requests.every(({ body }) => body.length <= 8192)).toBe(true);
  });

  it("are revoked without the pattern when readers may not see it any more", async () => {
    const service = await Service.open(OPTIONS);
    await service.plan(publication({ attributes: [attributeOf("10")] }));
    await service.run();
    await service.plan(tagAttached("tlp:red"));
    await service.run();
    const [, last] = arrived(service);
    expect(last).toMatchObject({ id: `indicator--${uuidOf("10")}`, revoked: true });
    expect(last?.pattern).toBe(`[x-misp-attribute:uuid = '${uuidOf("10")}']`);
  });

  it("are revoked when an update comes without them, or without to_ids", async () => {
    const service = await Service.open(OPTIONS);
    await service.plan(publication({ attributes: [attributeOf("10"), attributeOf("11"), attributeOf("12")] }));
    await service.run();
    const later = { changedAt: T0 + 60_000 };
    await service.plan(
      publication({ event: later, attributes: [attributeOf("10", { ...later, toIds: false }), attributeOf("12")] }),
    );
    await service.run();
    const last = new Map(arrived(service).map((one) => [one.id, one.revoked === true]));
    expect([...last.entries()].sort()).toEqual([
      [`indicator--${uuidOf("10")}`, true],
      [`indicator--${uuidOf("11")}`, true],
      [`indicator--${uuidOf("12")}`, false],
    ]);
  });
});
