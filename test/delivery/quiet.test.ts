import { describe, expect, it } from "vitest";
import { Holds } from "../../src/delivery/holds.ts";
import type { QuietRules } from "../../src/model/pacing.ts";
import { quietMsBetween } from "../../src/pacing/quiet.ts";
import { Planner } from "../planning/planner.ts";
import { MINUTE, publication, T0, uuidOf } from "../support/messages.ts";
import { retry, SteppedClock, Track } from "./worker.ts";

const HOUR = 60 * MINUTE;
const DAILY = [0, 1, 2, 3, 4, 5, 6];
/** From an hour after noon, when these tests begin, to 17:00. */
const QUIET: QuietRules = { windows: [{ days: DAILY, from: 13 * 60, to: 17 * 60 }], timezone: "UTC" };
const ROUTES = [
  { name: "urgent", match: { threat_level: "high" }, notify: "soc", priority: "high", stop: true },
  { name: "all", kinds: ["*"], notify: "soc" },
];

const event = (id: string, level: "high" | "low") =>
  publication({ event: { id, uuid: uuidOf(id), threatLevel: level }, receivedAt: T0 });

describe("quiet hours", () => {
  it("hold what is tried again until they end, but not what is urgent, nor does that age it", async () => {
    const planner = new Planner({ routes: ROUTES });
    await planner.plan(event("1", "low"), event("2", "high"));
    const down = (at: number) => at < T0 + 2 * HOUR || (at >= T0 + 5 * HOUR && at < T0 + 5 * HOUR + MINUTE);
    const track = new Track(planner, ({ at }) => (down(at) ? { ...retry, down: true } : { kind: "done" }), {
      ...{ until: T0 + 8 * HOUR, quiet: QUIET, maxAgeMs: 150 * MINUTE },
    });
    await track.run();
    const last = (id: string) => track.sent.findLast(({ payload }) => JSON.stringify(payload).includes(uuidOf(id)))?.at;
    expect(last("2")).toBeLessThan(T0 + 4 * HOUR);
    expect(track.sent.map(({ at }) => at)).toContain(T0 + 5 * HOUR);
    expect(last("1")).toBeGreaterThan(T0 + 5 * HOUR);
    const quietly = track.sent.filter(({ at }) => at >= T0 + HOUR && at < T0 + 5 * HOUR);
    expect(quietly.every(({ payload }) => payload.priority === "high")).toBe(true);
    expect(track.records.map(({ outcome }) => outcome).sort()).toEqual(["sent", "sent"]);
  });

  it("hold a group that becomes due in them, without a loop that turns in vain", async () => {
    const planner = new Planner({ routes: [{ name: "all", notify: "soc", group: { wait: "2h" } }] });
    await planner.plan(event("1", "low"));
    const clock = new SteppedClock(T0 + 6 * HOUR, () => track.stop.abort());
    const track: Track = new Track(planner, [], { clock, quiet: QUIET });
    await track.run();
    expect(track.sent.map(({ at }) => at)).toEqual([T0 + 5 * HOUR]);
    // A minute at most, so that a clock that jumps is noticed.
    expect(clock.sleeps.length).toBeLessThan(6 * 60 + 10);
  });

  it("let pass what an operator wants to have tried now", async () => {
    const planner = new Planner({ routes: [{ name: "all", notify: "soc", group: { wait: "2h" } }] });
    await planner.plan(event("1", "low"));
    const holds = new Holds(planner.store.ledger);
    const clock = new SteppedClock(T0 + 6 * HOUR, () => track.stop.abort());
    clock.at = T0 + 2 * HOUR;
    holds.urge("soc");
    const track: Track = new Track(planner, [], { clock, quiet: QUIET, holds });
    await track.run();
    expect(track.sent.map(({ at }) => at)).toEqual([T0 + 2 * HOUR]);
  });

  it("are counted as far as they lie in a time", () => {
    expect(quietMsBetween(QUIET, T0, T0 + 8 * HOUR)).toBe(4 * HOUR);
    expect(quietMsBetween(QUIET, T0 + 2 * HOUR, T0 + 3 * HOUR)).toBe(HOUR);
    expect(quietMsBetween(QUIET, T0, T0 + 30 * HOUR)).toBe(8 * HOUR);
    expect(quietMsBetween(QUIET, T0, T0)).toBe(0);
  });
});
