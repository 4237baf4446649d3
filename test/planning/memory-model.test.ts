import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventMemory } from "../../src/model/memory.ts";
import type { Message } from "../../src/model/message.ts";
import { advanceEvent } from "../../src/planning/advance.ts";
import { eventEdited, publication, SECOND, T0, tagAttached } from "../support/messages.ts";

// How memory moves, against a model that knows times, labels and widths as numbers and nothing else.

const LABELS = ["clear", "green", "amber", "red"] as const;
const WIDTHS = ["all", "connected", "community", "organisation"] as const;

/** One frame: `time` is what MISP's clock says, `at` when it comes, both in seconds; strict is 3. */
interface Frame {
  readonly what: "published" | "edited" | "tagged" | "asked";
  readonly time: number;
  readonly at: number;
  readonly label: number;
  readonly width: number;
}

/** How far MISP's clock is from the arrival: plausible, but for the last one. */
const lag = fc.constantFrom(0, 0, 1, 5, 60, 4_000, -100, -9_000);
const frame = fc
  .record({
    what: fc.constantFrom<Frame["what"]>("published", "edited", "edited", "tagged", "asked"),
    ...{ lag, gap: fc.integer({ min: 1, max: 100 }), label: fc.nat(3), width: fc.nat(3) },
  })
  .map(({ lag: by, ...rest }) => ({ ...rest, by }));
const frames: fc.Arbitrary<readonly Frame[]> = fc.array(frame, { minLength: 1, maxLength: 10 }).map((all) => {
  let at = 10_000;
  return all.map(({ gap, by, ...rest }) => {
    at += gap;
    return { ...rest, at, time: at - by };
  });
});

function messageOf({ what, time, at, label, width }: Frame): Message {
  const receivedAt = T0 + at * SECOND;
  const name = `tlp:${LABELS[label]}`;
  if (what === "tagged") {
    return tagAttached(name, { receivedAt });
  }
  const view = {
    ...{ info: `at ${time}`, changedAt: T0 + time * SECOND, tags: [{ name }], distribution: WIDTHS[width] ?? "all" },
  };
  switch (what) {
    case "published":
      return publication({ receivedAt, event: view });
    case "edited":
      return { ...eventEdited(view), receivedAt };
    case "asked": {
      const { kind: _, ...message } = publication({ receivedAt, event: view });
      return { ...message, askedAt: receivedAt };
    }
  }
}

function remember(all: readonly Frame[], before?: EventMemory): EventMemory {
  let memory = before;
  for (const one of all) {
    memory = advanceEvent(memory, messageOf(one))?.event ?? memory;
  }
  if (!memory) {
    throw new Error("Nothing is remembered");
  }
  return memory;
}

/** As strict as all labels that memory holds; -1 without any. */
function labelIn({ event, attached }: EventMemory): number {
  const names = [...(event.tags ?? []), ...attached].map(({ name }) => name.replace("tlp:", ""));
  return Math.max(-1, ...names.map((name) => (LABELS as readonly string[]).indexOf(name)));
}

function widthIn({ event, narrowed = [] }: EventMemory): number {
  return Math.max(
    -1,
    ...[event, ...narrowed].map(({ distribution = "" }) => (WIDTHS as readonly string[]).indexOf(distribution)),
  );
}

const believed = ({ time, at }: Frame) => (time > at + 300 ? at : time);
const lists = (one: Frame) => one.what !== "tagged";

describe("memory, by a model of its times", () => {
  it("is at once as strict as whatever comes, whatever its time", () => {
    fc.assert(
      fc.property(frames, (all) => {
        const last = all.at(-1);
        const before = all.length > 1 ? remember(all.slice(0, -1)) : undefined;
        // What MISP is asked is its word on all that came before.
        fc.pre(last !== undefined && (last.what !== "asked" || before === undefined));
        const memory = remember(all.slice(-1), before);
        expect(labelIn(memory)).toBeGreaterThanOrEqual(last.label);
        expect(lists(last) ? widthIn(memory) : last.width).toBeGreaterThanOrEqual(last.width);
      }),
      { numRuns: 500 },
    );
  });

  it("is never looser than before by what is older than a list that it holds", () => {
    fc.assert(
      fc.property(frames, (all) => {
        const last = all.at(-1);
        const earlier = all.slice(0, -1);
        const held = Math.max(...earlier.filter(lists).map(believed));
        fc.pre(last !== undefined && last.what !== "asked" && earlier.some(lists) && believed(last) < held);
        fc.pre(!earlier.some(({ what }) => what === "asked"));
        const before = remember(earlier);
        const after = remember([last], before);
        expect(labelIn(after)).toBeGreaterThanOrEqual(labelIn(before));
        expect(widthIn(after)).toBeGreaterThanOrEqual(widthIn(before));
      }),
      { numRuns: 500 },
    );
  });

  it("is what a complete list says that is newer than all that came, and what MISP says when it is asked after that", () => {
    fc.assert(
      fc.property(frames, fc.constantFrom("published", "edited", "asked"), (all, what) => {
        const newest = Math.max(...all.map(({ at, time }) => Math.max(at, time)));
        const last = { what, at: newest + 10, time: newest + 10, label: 0, width: 0 } as const;
        const memory = remember([...all, last]);
        expect([labelIn(memory), widthIn(memory), memory.event.info]).toEqual([0, 0, `at ${last.time}`]);
      }),
      { numRuns: 500 },
    );
  });

  it("takes no word from what is older than what it knows", () => {
    fc.assert(
      fc.property(frames, (all) => {
        const plausible = all.filter(
          ({ what, time, at }) => (what === "published" || what === "edited") && time <= at + 300,
        );
        fc.pre(plausible.length > 0);
        const newest = Math.max(...plausible.map(({ time }) => time));
        expect(remember(plausible).event.info).toBe(`at ${newest}`);
      }),
      { numRuns: 500 },
    );
  });

  it("has the same words, and is as strict as the newest list at least, in whatever order frames come", () => {
    const shuffled = frames.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray([...all], { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, ([all, other]) => {
        const at = 20_000;
        const arriving = (some: readonly Frame[]) =>
          some.filter(({ what }) => what !== "asked").map((one, place) => ({ ...one, at: at + place }));
        const [one, two] = [arriving(all), arriving(other)];
        const [newest] = one.filter(lists).sort((a, b) => b.time - a.time);
        fc.pre(newest !== undefined && new Set(one.map(({ time }) => time)).size === one.length);
        const memories = [remember(one), remember(two)];
        expect(new Set(memories.map(({ event }) => event.info))).toEqual(new Set([`at ${newest.time}`]));
        for (const memory of memories) {
          expect(labelIn(memory)).toBeGreaterThanOrEqual(newest.label);
          expect(widthIn(memory)).toBeGreaterThanOrEqual(newest.width);
        }
        // Nothing loosens by coming earlier: with all of it known, the strictest label that was put on it counts in either order.
        const tagged = Math.max(-1, ...one.filter(({ what }) => what === "tagged").map(({ label }) => label));
        expect(Math.min(...memories.map(labelIn))).toBeGreaterThanOrEqual(tagged);
      }),
      { numRuns: 500 },
    );
  });
});
