import { describe, expect, it } from "vitest";
import type { DeliveryId } from "../../src/model/outbox.ts";
import { batchIdOf } from "../../src/store/batch-id.ts";
import { BATCH_ROWS, countFitting } from "../../src/store/schedule.ts";

describe("batchIdOf()", () => {
  const ids = (...texts: readonly string[]) => texts.map((text) => text as DeliveryId);

  it("does not depend on the order", () => {
    expect(batchIdOf(ids("a", "b"))).toBe(batchIdOf(ids("b", "a")));
  });

  it("tells other deliveries apart, also where their texts join to the same", () => {
    const all = [ids("a", "b"), ids("ab"), ids("a"), ids("a", "b", "c")].map(batchIdOf);
    expect(new Set(all).size).toBe(all.length);
  });
});

describe("countFitting()", () => {
  const MIB = 2 ** 20;
  it.each([
    ["nothing", [], 0],
    ["all that is small", [10, 20, 30], 3],
    ["up to 16 MiB of alerts", [8 * MIB, 8 * MIB, 1], 2],
    ["one that is larger than that", [17 * MIB, 1], 1],
    ["at most as many as one transaction bears", new Array(BATCH_ROWS + 10).fill(1), BATCH_ROWS],
  ])("takes %s", (_, bytes, n) => expect(countFitting(bytes)).toBe(n));
});
