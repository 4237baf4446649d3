import { describe, expect, it } from "vitest";
import { LoopDelay } from "../../../src/doors/http/loop-delay.ts";

/** A loop of which the test says how busy it is, and how late it comes. */
function scripted() {
  let at = 0;
  let due: { readonly ms: number; readonly call: () => void } | undefined;
  let share = 0;
  const periods: number[] = [];
  return {
    eyes: {
      now: () => at,
      utilization: () => share,
      after: (ms: number, call: () => void) => {
        due = { ms, call };
        return () => {
          due = undefined;
        };
      },
    },
    periods,
    isWatched: () => due !== undefined,
    turn(lateMs: number, busy: number) {
      const { ms, call } = due ?? { ms: 0, call: () => {} };
      share = busy;
      at += ms + lateMs;
      periods.push(ms);
      call();
    },
  };
}

describe("LoopDelay", () => {
  it("looks seldom at a loop that waits, and often at one that works", () => {
    const loop = scripted();
    using delay = new LoopDelay(loop.eyes);
    for (const busy of [0, 0.5, 0.5, 0, 0, 0, 0, 0, 0]) {
      loop.turn(0, busy);
    }
    expect(loop.periods).toEqual([500, 500, 20, 20, 40, 80, 160, 320, 500]);
    expect(delay.take().max).toBeLessThan(0.001);
  });

  it("says how late the loop came since it was asked last", () => {
    const loop = scripted();
    using delay = new LoopDelay(loop.eyes);
    for (const lateMs of [...Array(98).fill(2), 300, 400]) {
      loop.turn(lateMs, 1);
    }
    const { p50, p99, max } = delay.take();
    expect(p50).toBeCloseTo(0.002, 4);
    expect(p99).toBeCloseTo(0.3, 2);
    expect(max).toBeCloseTo(0.4, 2);
    expect(delay.take()).toEqual({ p50: 0, p99: 0, max: 0 });
  });

  it("looks no more once it is disposed of", () => {
    const loop = scripted();
    new LoopDelay(loop.eyes)[Symbol.dispose]();
    expect(loop.isWatched()).toBe(false);
  });
});
