import { describe, expect, it } from "vitest";
import type { DeliveryId } from "../../src/model/outbox.ts";
import { batchIdOf } from "../../src/store/batch-id.ts";
import { countFitting, rowsWithin } from "../../src/store/schedule.ts";

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
  const rows = (bytes: readonly number[]) => bytes.map((one) => ({ bytes: one, more: 0 }));
  const most = rowsWithin();

  it.each([
    ["nothing", [], 0],
    ["all that is small", [10, 20, 30], 3],
    ["up to 16 MiB of alerts", [8 * MIB, 8 * MIB, 1], 2],
    ["one that is larger than that", [17 * MIB, 1], 1],
    ["at most as many as one transaction bears", new Array(most + 10).fill(1), most],
  ])("takes %s", (_, bytes, n) => expect(countFitting(rows(bytes))).toBe(n));

  it("takes no more than is asked for", () => {
    expect(countFitting(rows([10, 10, 10]), { rows: 2, bytes: 100 })).toBe(2);
    expect(countFitting(rows([10, 10, 10]), { rows: 9, bytes: 25 })).toBe(2);
  });

  it("takes what has more in pages by itself", () => {
    const [small, large] = [
      { bytes: 1, more: 0 },
      { bytes: 1, more: 5 },
    ];
    expect(countFitting([small, small, large])).toBe(2);
    expect(countFitting([large, small])).toBe(1);
    expect(countFitting([large, large])).toBe(1);
  });
});
