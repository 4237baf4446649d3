import { afterEach, expect, test, vi } from "vitest";
import { openBurstLog } from "../../src/sources/burst-log.ts";

afterEach(() => {
  vi.useRealTimers();
});

test("openBurstLog writes the first at once and the rest as counts, at most every ten seconds", () => {
  vi.useFakeTimers();
  const lines: unknown[] = [];
  const burst = openBurstLog((counts) => lines.push(counts));
  burst.add("a");
  expect(lines).toEqual([{ a: 1 }]);
  burst.add("a");
  burst.add("b", 5);
  vi.advanceTimersByTime(9_999);
  expect(lines).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(lines).toEqual([{ a: 1 }, { a: 1, b: 5 }]);
  vi.advanceTimersByTime(60_000);
  expect(lines).toHaveLength(2);
  burst.add("b");
  expect(lines.at(-1)).toEqual({ b: 1 });
  burst.close();
});

test("openBurstLog writes what is left when it is closed, and leaves no timer", () => {
  vi.useFakeTimers();
  const lines: unknown[] = [];
  const burst = openBurstLog((counts) => lines.push(counts));
  burst.add("a");
  burst.add("a", 2);
  burst.close();
  expect(lines).toEqual([{ a: 1 }, { a: 2 }]);
  expect(vi.getTimerCount()).toBe(0);
});
