import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Occurrences } from "../../src/sources/occurrences.ts";

const frame = (content: number) => Buffer.from(`misp_json_audit {"title":"auth_fail ${content}"}`);
const T0 = 1_795_200_000_000;

/** What happens: some content after some milliseconds. */
function streamOf(...afterMs: readonly number[]) {
  return fc.array(fc.record({ content: fc.nat(2), afterMs: fc.constantFrom(...afterMs) }), { maxLength: 40 });
}
const stream = streamOf(0, 0, 1, 500, 2_000, 70_000);

describe("with one endpoint", () => {
  test("each of equal frames is one of its own, in one instant too, and when the clock goes back", () => {
    fc.assert(
      fc.property(streamOf(-7_200_000, -1, -1, 0, 0, 1, 1, 500), (steps) => {
        const occurrences = new Occurrences(1);
        let at = T0;
        const names = steps.map(({ content, afterMs }) => {
          at += afterMs;
          return occurrences.of(frame(content), at);
        });
        expect(new Set(names).size).toBe(names.length);
      }),
    );
  });

  test("a recording that is read again has the same names", () => {
    const read = () => {
      const occurrences = new Occurrences(1);
      return [0, 0, 1].map((ms) => occurrences.of(frame(0), T0 + ms));
    };
    expect(read()).toEqual(read());
  });
});

/** Several endpoints bring the same stream, each in order, each frame up to some seconds later than it happened. */
const endpoints = fc
  .tuple(stream, fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 2, maxLength: 3 }))
  .chain(([steps, delays]) =>
    fc.tuple(
      fc.constant(steps),
      fc.constant(delays),
      fc.array(fc.array(fc.boolean(), { minLength: steps.length, maxLength: steps.length }), {
        minLength: delays.length,
        maxLength: delays.length,
      }),
    ),
  );

/** By endpoint the name of each step, undefined for one that it has missed. */
function play(
  steps: readonly { readonly content: number; readonly afterMs: number }[],
  delays: readonly number[],
  misses: (endpoint: number, step: number) => boolean,
) {
  let at = T0;
  const happened = steps.map((step) => {
    at += step.afterMs;
    return { ...step, at };
  });
  const arrivals = delays
    .flatMap((delay, endpoint) =>
      happened.map(({ content, at: then }, step) => ({ endpoint, step, content, at: then + delay })),
    )
    .filter(({ endpoint, step }) => !misses(endpoint, step))
    .sort((a, b) => a.at - b.at || a.endpoint - b.endpoint || a.step - b.step);
  const occurrences = new Occurrences(delays.length);
  const names = delays.map(() => new Array<string | undefined>(steps.length).fill(undefined));
  for (const { endpoint, step, content, at: arrived } of arrivals) {
    const row = names[endpoint];
    if (row) {
      row[step] = `${occurrences.of(frame(content), arrived, endpoint)} ${content}`;
    }
  }
  return names;
}

describe("with several endpoints", () => {
  test("copies have one name, and what happens again has another", () => {
    fc.assert(
      fc.property(endpoints, ([steps, delays]) => {
        const [first = [], ...others] = play(steps, delays, () => false);
        for (const other of others) {
          expect(other).toEqual(first);
        }
        expect(new Set(first).size).toBe(steps.length);
      }),
    );
  });

  test("what one endpoint brings whole is told whole, whatever others miss of it", () => {
    fc.assert(
      fc.property(endpoints, ([steps, delays, missing]) => {
        const names = play(steps, delays, (endpoint, step) => endpoint > 0 && (missing[endpoint]?.[step] ?? false));
        expect(new Set(names.flat().filter(Boolean)).size).toBeGreaterThanOrEqual(steps.length);
        expect(new Set(names[0]).size).toBe(steps.length);
      }),
    );
  });

  test("one that has missed some is behind for a minute, and then no more", () => {
    const occurrences = new Occurrences(2);
    const first = occurrences.of(frame(0), T0, 0);
    // The other endpoint was not connected then; what it brings within the minute is taken for that.
    expect(occurrences.of(frame(0), T0 + 59_000, 1)).toBe(first);
    const second = occurrences.of(frame(0), T0 + 200_000, 0);
    expect(second).not.toBe(first);
    expect(occurrences.of(frame(0), T0 + 201_000, 1)).toBe(second);
    const third = occurrences.of(frame(0), T0 + 300_000, 1);
    expect(third).not.toBe(second);
    expect(occurrences.of(frame(0), T0 + 300_010, 0)).toBe(third);
  });

  test("more equal frames than are told apart are new rather than copies", () => {
    const occurrences = new Occurrences(2);
    const names = Array.from({ length: 5_000 }, (_, n) => occurrences.of(frame(0), T0 + n, 0));
    expect(new Set(names).size).toBe(5_000);
    expect(names.slice(-1_000)).toContain(occurrences.of(frame(0), T0 + 5_000, 1));
  });

  test("what is kept of contents is bounded", () => {
    const occurrences = new Occurrences(2);
    for (let n = 0; n < 20_000; n += 1) {
      occurrences.of(frame(n), T0, 0);
    }
    expect(occurrences.of(frame(19_999), T0, 1)).toBe(`${T0}.19999`);
    expect(occurrences.of(frame(0), T0, 1)).toBe(`${T0}.20000`);
  });
});
