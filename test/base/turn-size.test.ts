import { expect, it } from "vitest";
import { TurnSize } from "../../src/base/turn-size.ts";

/** Does 2,000 things, each in `msEach`; gives how long the longest turn took once it had settled, and the last size. */
function play(turns: TurnSize, msEach: number) {
  let longestMs = 0;
  for (let done = 0; done < 2000; ) {
    const count = turns.size;
    const ms = count * msEach;
    longestMs = done > 100 ? Math.max(longestMs, ms) : longestMs;
    turns.took(count, ms);
    done += count;
  }
  return { longestMs, size: turns.size };
}

it.each([0.01, 0.1, 1, 5, 50])("TurnSize keeps turns short where each thing takes %d ms", (msEach) => {
  const { longestMs, size } = play(new TurnSize(), msEach);
  expect(longestMs).toBeLessThanOrEqual(Math.max(120, msEach));
  expect(size).toBeGreaterThanOrEqual(1);
});

it("TurnSize takes 512 at once where they are quick, and one where it is slow", () => {
  expect(play(new TurnSize(), 0.01).size).toBe(512);
  expect(play(new TurnSize(), 200).size).toBe(1);
});

it("TurnSize recovers from what was slow, but learns nothing from turns that had little to do", () => {
  const turns = new TurnSize();
  turns.took(64, 10_000);
  expect(turns.size).toBe(1);
  expect(play(turns, 0.01).size).toBe(512);
  const idle = new TurnSize();
  idle.took(1, 0);
  expect(idle.size).toBe(64);
});
