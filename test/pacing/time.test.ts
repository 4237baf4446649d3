import { describe, expect, it } from "vitest";
import type { QuietRules } from "../../src/model/pacing.ts";
import { cronProblem, nextSlot } from "../../src/pacing/cron.ts";
import { endsSometime, quietUntil } from "../../src/pacing/quiet.ts";
import { QuietWindows } from "../../src/pacing/schema.ts";

const at = (text: string) => Date.parse(text);
const ZONE = "Europe/Brussels";

function slots(cron: string, after: string, n: number): readonly string[] {
  const found: string[] = [];
  for (let from = at(after); found.length < n; ) {
    from = nextSlot({ cron, timezone: ZONE }, from) ?? Number.NaN;
    found.push(new Date(from).toISOString());
  }
  return found;
}

describe("nextSlot()", () => {
  it("goes by the clocks of the zone, in winter and in summer", () => {
    expect(slots("0 7,13 * * *", "2026-03-28T07:00:00Z", 4)).toEqual([
      "2026-03-28T12:00:00.000Z",
      "2026-03-29T05:00:00.000Z",
      "2026-03-29T11:00:00.000Z",
      "2026-03-30T05:00:00.000Z",
    ]);
  });

  it("takes for a time that is skipped the moment at which the clocks go on", () => {
    expect(slots("30 2 * * *", "2026-03-28T12:00:00Z", 2)).toEqual([
      "2026-03-29T01:00:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ]);
  });

  it("takes of a time that is shown twice the first", () => {
    expect(slots("30 2 * * *", "2026-10-24T12:00:00Z", 2)).toEqual([
      "2026-10-25T00:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
    ]);
  });

  it.each([
    ["0 7 * * *", undefined],
    ["0 7 * * mon-fri", undefined],
    ["0 0 30 2 *", "never comes"],
    ["0 25 * * *", "hour"],
    ["0 0 7 * * *", "five fields"],
    ["@daily", "five fields"],
  ])("refuses what is no pattern or never comes: %s", (cron, problem) => {
    const found = cronProblem(cron);
    expect(problem === undefined ? found : found?.includes(problem)).toBe(problem === undefined ? undefined : true);
  });
});

describe("quietUntil()", () => {
  const rules = (when: unknown, timezone = ZONE): QuietRules => ({ windows: QuietWindows.parse(when), timezone });
  const end = (quiet: QuietRules, time: string) => {
    const until = quietUntil(quiet, at(time));
    return until === undefined ? undefined : new Date(until).toISOString();
  };
  const nights = rules({ days: "mon-fri", from: "18:00", to: "08:00" });

  it("ends a window on the day after the one to which it belongs", () => {
    expect(end(nights, "2026-06-01T16:30:00Z")).toBe("2026-06-02T06:00:00.000Z"); // Monday 18:30
    expect(end(nights, "2026-06-06T03:00:00Z")).toBe("2026-06-06T06:00:00.000Z"); // Friday's, on Saturday 05:00
    expect(end(nights, "2026-06-01T03:00:00Z")).toBeUndefined(); // Monday 05:00 would be Sunday's
    expect(end(nights, "2026-06-01T15:59:59Z")).toBeUndefined();
    expect(end(nights, "2026-06-02T06:00:00Z")).toBeUndefined();
  });

  it("joins windows that follow one another", () => {
    const all = rules([{ days: "mon-fri", from: "18:00", to: "08:00" }, { days: "weekends" }]);
    expect(end(all, "2026-06-05T17:00:00Z")).toBe("2026-06-07T22:00:00.000Z"); // Friday 19:00, to Monday 00:00
  });

  it("lasts an hour less when the clocks go on, and an hour more when they go back", () => {
    const sundays = rules({ days: "sat", from: "22:00", to: "06:00" });
    expect(end(sundays, "2026-03-28T21:00:00Z")).toBe("2026-03-29T04:00:00.000Z");
    expect(end(sundays, "2026-10-24T20:00:00Z")).toBe("2026-10-25T05:00:00.000Z");
  });

  it("begins and ends at a time that is skipped when the clocks go on, and at the first of two", () => {
    const early = rules({ days: "daily", from: "01:00", to: "02:30" });
    expect(end(early, "2026-03-29T00:30:00Z")).toBe("2026-03-29T01:00:00.000Z");
    expect(end(early, "2026-10-24T23:30:00Z")).toBe("2026-10-25T00:30:00.000Z");
  });

  it("knows a week without an end", () => {
    expect(endsSometime({ windows: [{ days: [0, 1, 2, 3, 4, 5, 6], from: 600, to: 600 }] })).toBe(false);
    expect(endsSometime(nights)).toBe(true);
    expect(QuietWindows.safeParse([{}]).success).toBe(false);
    expect(QuietWindows.safeParse({ days: "funday" }).success).toBe(false);
    expect(QuietWindows.safeParse({ from: "18:00" }).success).toBe(false);
  });
});
