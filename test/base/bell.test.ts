import { expect, test } from "vitest";
import { Bell } from "../../src/base/bell.ts";

test("a ring aborts what waits for it", () => {
  const bell = new Bell();
  const signal = bell.next();
  expect(signal.aborted).toBe(false);
  bell.ring();
  expect(signal.aborted).toBe(true);
});

test("a ring before anyone waits is not lost, and is heard once", () => {
  const bell = new Bell();
  bell.ring();
  bell.ring();
  expect(bell.next().aborted).toBe(true);
  expect(bell.next().aborted).toBe(false);
});

test("a ring between two waits is heard by the second", () => {
  const bell = new Bell();
  const first = bell.next();
  bell.ring();
  expect([first.aborted, bell.next().aborted, bell.next().aborted]).toEqual([true, true, false]);
});
