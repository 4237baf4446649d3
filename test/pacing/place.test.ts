import { describe, expect, it } from "vitest";
import type { Group } from "../../src/model/outbox.ts";
import type { Floods, Pacing } from "../../src/model/pacing.ts";
import { NO_FLOODS } from "../../src/pacing/flood.ts";
import { type GroupState, type PlacedDelivery, place } from "../../src/pacing/place.ts";
import { group } from "../store/samples.ts";

const quick = group("quick", { waitMs: 10, intervalMs: 100 });
const slow = group("slow", { waitMs: 50, intervalMs: 1000 });

const at = (text: string) => Date.parse(text);

function placed(
  groups: readonly Group[],
  {
    states = {},
    now = 1000,
    pacing,
    floods = NO_FLOODS,
    ...rest
  }: {
    readonly states?: Readonly<Record<string, GroupState>>;
    readonly now?: number;
    readonly pacing?: Pacing;
    readonly floods?: Floods;
  } & Partial<PlacedDelivery> = {},
) {
  return place({ groups, priority: "normal", ...rest }, { pacing, stateOf: (key) => states[key], floods, now });
}

describe("place() chooses the group that leaves first", () => {
  it.each<[string, Record<string, GroupState>, string, number]>([
    ["nothing is known", {}, "quick", 1010],
    ["the quick one has just left", { quick: { lastLeftAt: 990 } }, "slow", 1050],
    ["the quick one may leave again", { quick: { lastLeftAt: 900 } }, "quick", 1010],
    ["the slow one waits already", { slow: { dueAt: 1005, lastLeftAt: 5 } }, "slow", 1005],
    ["the slow one is overdue", { slow: { dueAt: 900, lastLeftAt: null } }, "slow", 900],
    ["the quick one left in the future", { quick: { dueAt: null, lastLeftAt: 999_999 } }, "slow", 1050],
  ])("when %s", (_, states, key, dueAt) => {
    expect(placed([quick, slow], { states })).toMatchObject({ key, dueAt });
  });

  it("and takes the first of equals", () => {
    expect(placed([{ ...quick, key: "twin" }, quick]).key).toBe("twin");
  });

  it("and refuses a delivery without a group", () => {
    expect(() => placed([])).toThrow("no group");
  });
});

describe("place() in a digest", () => {
  const digest = group("digest", { digest: { cron: "0 7,13 * * *", timezone: "Europe/Brussels" } });

  it("waits for the next slot, also the first one that comes", () => {
    const now = at("2026-06-01T06:00:00Z"); // 08:00
    expect(placed([digest], { now })).toMatchObject({ dueAt: at("2026-06-01T11:00:00Z"), collects: "digest" });
  });

  it("keeps the time of what waits, also when that was missed", () => {
    const dueAt = at("2026-06-01T05:00:00Z");
    const states = { digest: { dueAt } };
    expect(placed([digest], { states, now: at("2026-06-01T09:30:00Z") }).dueAt).toBe(dueAt);
  });

  it("at the very moment of a slot waits for the one after", () => {
    const now = at("2026-06-01T05:00:00Z");
    expect(placed([digest], { now }).dueAt).toBe(at("2026-06-01T11:00:00Z"));
  });

  it("leaves at once where another route says so", () => {
    expect(placed([digest, quick], { now: at("2026-06-01T09:30:00Z") }).key).toBe("quick");
  });
});

describe("place() in quiet hours", () => {
  const pacing: Pacing = {
    quiet: { windows: [{ days: [1, 2, 3, 4, 5], from: 18 * 60, to: 8 * 60 }], timezone: "UTC" },
  };
  const night = at("2026-06-01T22:00:00Z"); // a Monday
  const morning = at("2026-06-02T08:00:00Z");

  it("holds all until they end, in one group", () => {
    const held = placed([quick], { now: night, pacing });
    expect(held).toMatchObject({ dueAt: morning, collects: "quiet" });
    expect(placed([slow], { now: night + 1000, pacing, states: { [held.key]: { dueAt: morning } } })).toEqual(held);
  });

  it("holds what would leave in them, though it came before", () => {
    const now = at("2026-06-01T17:58:00Z");
    const states = { quick: { lastLeftAt: now } };
    const slowly = group("quick", { intervalMs: 300_000 });
    expect(placed([slowly], { now, pacing, states })).toMatchObject({ dueAt: morning, collects: "quiet" });
  });

  it("lets pass what is urgent, what is excepted, and what nothing holds", () => {
    for (const free of [{ priority: "high" }, { unheld: "in-quiet" }, { unheld: "always" }] as const) {
      expect(placed([quick], { now: night, pacing, ...free })).toEqual({ key: "quick", show: 20, dueAt: night + 10 });
    }
  });

  it("moves a digest whose slot is in them to their end", () => {
    const digest = group("digest", { digest: { cron: "0 6 * * *", timezone: "UTC" } });
    expect(placed([digest], { now: night, pacing })).toMatchObject({
      key: "digest",
      dueAt: morning,
      collects: "digest",
    });
  });
});
