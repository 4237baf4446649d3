import { expect, test } from "vitest";
import { RateLimiter } from "../../src/base/rate-limiter.ts";

/** Takes a token if there is one; the wait until then. */
function next(pace: RateLimiter, now: number): number {
  const wait = pace.waitMs(now);
  if (wait === 0) {
    pace.take();
  }
  return wait;
}

test("gives a burst at once, and then tells how long until the next", () => {
  const pace = new RateLimiter({ per_second: 2, burst: 3 }, 0);
  expect([0, 0, 0, 0].map((now) => next(pace, now))).toEqual([0, 0, 0, 500]);
  expect([250, 500, 500].map((now) => next(pace, now))).toEqual([250, 0, 500]);
});

test("saves no more than a burst", () => {
  const pace = new RateLimiter({ per_second: 1, burst: 2 }, 0);
  expect([1e9, 1e9, 1e9].map((now) => next(pace, now))).toEqual([0, 0, 1000]);
});

test.each([0.3, 1 / 3, 0.7, 7, 999])(
  "after the wait that it tells there is a token, at %s per second",
  (per_second) => {
    const pace = new RateLimiter({ per_second, burst: 1 }, 0);
    let now = 0;
    let waits = 0;
    for (let taken = 0; taken < 50; ) {
      const wait = next(pace, now);
      if (wait === 0) {
        taken += 1;
      } else {
        waits += 1;
      }
      now += wait;
    }
    expect(waits).toBeLessThanOrEqual(2 * 49);
    expect(now).toBeGreaterThanOrEqual(Math.floor((49 / per_second) * 1000) - 1);
  },
);

test("goes on after the clock was set back", () => {
  const pace = new RateLimiter({ per_second: 1, burst: 1 }, 1e6);
  expect([1e6, 0, 1000].map((now) => next(pace, now))).toEqual([0, 1000, 0]);
});
