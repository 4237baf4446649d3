import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/model/payload.ts";
import { keysOf, plan } from "../../src/planning/plan.ts";
import { Planner } from "../planning/planner.ts";
import { MINUTE, publication, SECOND, T0, uuidOf } from "../support/messages.ts";
import { type Answers, type Sent, SteppedClock, Track } from "./worker.ts";

const HOUR = 60 * MINUTE;
const down: Outcome = { kind: "retry", down: true, reason: "connection-refused" };
const fails: Outcome = { kind: "retry", reason: "http-500" };
const done: Outcome = { kind: "done" };

/** What an attempt told, of events that are each in a batch of their own. */
const eventOf = ({ payload }: Sent) => payload.entries[0]?.guarded.alert.event?.id ?? "";

async function deliverMany(n: number, answers: Answers, until = T0 + 3 * HOUR): Promise<Track> {
  const planner = new Planner();
  for (let id = 1; id <= n; id += 1) {
    await owe(planner, String(id));
  }
  const track = new Track(planner, answers, { until });
  await track.run();
  return track;
}

async function owe(planner: Planner, id: string): Promise<void> {
  const messages = [publication({ event: { id, uuid: uuidOf(id) } })];
  const { effects } = plan(messages, await planner.store.load(keysOf(messages)), T0, planner.rules);
  await planner.store.commit(effects, T0);
}

describe("deliver(): a destination that is down", () => {
  it("is tried by one attempt at a time, ever less often, for all that it is owed", async () => {
    const track = await deliverMany(100, () => down, T0 + 10 * MINUTE);
    // Rests of three quarters of 2 s, 4 s, 8 s …
    expect(track.sent.map(({ at }) => at - T0).slice(0, 6)).toEqual(
      [0, 1.5, 4.5, 10.5, 22.5, 46.5].map((seconds) => seconds * SECOND),
    );
    expect(track.sent.length).toBeLessThan(12);
    expect(track.records).toEqual([]);
  });

  it("gets all that it is owed at once when it is back", async () => {
    const track = await deliverMany(50, ({ at }) => (at < T0 + HOUR ? down : done));
    const back = track.sent.findIndex(({ at }) => at >= T0 + HOUR);
    expect(back).toBeLessThan(20);
    expect(new Set(track.sent.slice(back, back + 50 - back).map(({ at }) => at)).size).toBe(1);
    expect(track.records).toHaveLength(50);
    expect(track.records.map(({ outcome }) => outcome)).not.toContain("dead");
  });

  it("is not kept down by one batch to which it never gives another answer", async () => {
    const track = await deliverMany(20, (sent) => (eventOf(sent) === "1" ? down : done), T0 + 10 * MINUTE);
    expect(track.records).toHaveLength(19);
    expect(Math.max(...track.records.map(({ at }) => at - T0))).toBeLessThan(10 * SECOND);
  });

  it("is probed with one batch after the other", async () => {
    const track = await deliverMany(30, () => down, T0 + 30 * MINUTE);
    expect(new Set(track.sent.map(eventOf)).size).toBeGreaterThan(8);
  });

  it("is not kept down by several of them", async () => {
    const isBad = (sent: Sent) => Number(eventOf(sent)) <= 5;
    const track = await deliverMany(20, (sent) => (isBad(sent) ? down : done), T0 + 10 * MINUTE);
    expect(track.records).toHaveLength(15);
  });

  it("is tried at once when an operator wants it", async () => {
    const planner = new Planner();
    await owe(planner, "1");
    await owe(planner, "2");
    const clock: SteppedClock = new SteppedClock(T0 + HOUR, () => track.stop.abort());
    const track: Track = new Track(planner, ({ at }) => (at === T0 ? down : done), { clock });
    const { breaker } = track.worker;
    let isUrged = false;
    Object.assign(track.worker.breaker, {
      urged: () => {
        const urged = !isUrged && track.sent.length > 0;
        isUrged ||= urged;
        return urged;
      },
    });
    expect(breaker.paused()).toBeUndefined();
    await track.run();
    expect(track.sent.slice(0, 2).map(({ at }) => at - T0)).toEqual([0, 0]);
  });
});

describe("deliver(): what fails for one batch", () => {
  it("keeps nothing else", async () => {
    const track = await deliverMany(10, (sent) => (eventOf(sent) === "1" ? fails : done), T0 + MINUTE);
    expect(track.records).toHaveLength(9);
    expect(new Set(track.records.map(({ at }) => at))).toEqual(new Set([T0]));
  });

  it("is the destination's fault once it is so for several in a row", async () => {
    const track = await deliverMany(200, () => fails, T0 + 10 * MINUTE);
    expect(track.sent.length).toBeLessThan(15);
    expect(track.sent.slice(0, 3).map(({ at }) => at - T0)).toEqual([0, 0, 0]);
  });

  it("is not while others arrive between them", async () => {
    const isBad = (sent: Sent) => Number(eventOf(sent)) % 2 === 0;
    const track = await deliverMany(20, (sent) => (isBad(sent) ? fails : done), T0 + SECOND);
    expect(track.records).toHaveLength(10);
    expect(new Set(track.records.map(({ at }) => at))).toEqual(new Set([T0]));
  });
});
