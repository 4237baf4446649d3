import { expect, test } from "vitest";
import { Wakeup } from "../../src/base/wakeup.ts";

test("a ring aborts what waits for it", () => {
  const wakeup = new Wakeup();
  const signal = wakeup.next();
  expect(signal.aborted).toBe(false);
  wakeup.wake();
  expect(signal.aborted).toBe(true);
});

test("a ring before anyone waits is not lost, and is heard once", () => {
  const wakeup = new Wakeup();
  wakeup.wake();
  wakeup.wake();
  expect(wakeup.next().aborted).toBe(true);
  expect(wakeup.next().aborted).toBe(false);
});

test("a ring between two waits is heard by the second", () => {
  const wakeup = new Wakeup();
  const first = wakeup.next();
  wakeup.wake();
  expect([first.aborted, wakeup.next().aborted, wakeup.next().aborted]).toEqual([true, true, false]);
});
