import { describe, expect, it } from "vitest";
import type { DeliveryId } from "../../src/model/outbox.ts";
import { batchIdOf } from "../../src/store/batch-id.ts";
import { BATCH_ROWS, chooseGroup, countFitting, type GroupState } from "../../src/store/schedule.ts";
import { group } from "./samples.ts";

const quick = group("quick", { waitMs: 10, intervalMs: 100 });
const slow = group("slow", { waitMs: 50, intervalMs: 1000 });

describe("chooseGroup()", () => {
  it.each<[string, Record<string, GroupState>, string, number]>([
    ["nothing is known", {}, "quick", 1010],
    ["the quick one has just left", { quick: { lastLeftAt: 990 } }, "slow", 1050],
    ["the quick one may leave again", { quick: { lastLeftAt: 900 } }, "quick", 1010],
    ["the slow one waits already", { slow: { dueAt: 1005, lastLeftAt: 5 } }, "slow", 1005],
    ["the slow one is overdue", { slow: { dueAt: 900, lastLeftAt: null } }, "slow", 900],
    ["the quick one left in the future", { quick: { dueAt: null, lastLeftAt: 999_999 } }, "slow", 1050],
  ])("decides when %s", (_, states, key, dueAt) => {
    const chosen = chooseGroup([quick, slow], (name) => states[name], 1000);
    expect({ key: chosen.group.key, dueAt: chosen.dueAt }).toEqual({ key, dueAt });
  });

  it("takes the first of equals", () => {
    const twin = { ...quick, key: "twin" };
    expect(chooseGroup([twin, quick], () => undefined, 1000).group.key).toBe("twin");
  });

  it("refuses a delivery without a group", () => {
    expect(() => chooseGroup([], () => undefined, 1000)).toThrow("no group");
  });
});

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
