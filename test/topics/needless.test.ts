import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { Frame } from "../../src/model/frame.ts";
import { KINDS, type Kind } from "../../src/model/vocabulary.ts";
import { FrameLook } from "../../src/sources/frame-look.ts";
import { decode, TOPICS } from "../../src/topics/index.ts";
import { needlessWithout } from "../../src/topics/needless.ts";
import { Planner } from "../planning/planner.ts";
import { frameOf, SAMPLE_NAMES, sample, session } from "./frames.ts";

const SAMPLES = SAMPLE_NAMES.map(sample).map(({ topic, payload }) => frameOf(topic, payload));

/** The frame as it is on the wire. */
const bytesOf = ({ topic, payload }: Frame) => Buffer.concat([Buffer.from(`${topic} `), payload]);

function matters(frame: Frame, wanted: ReadonlySet<Kind>): boolean {
  return new FrameLook(needlessWithout(wanted)).matters(bytesOf(frame), frame.topic, 1);
}

const INSIDER = {
  max_tlp: "red",
  audience: ["ACME-CERT"],
  drafts: true,
  also: ["audit", "users", "organisations", "discussions", "warninglists", "workflows", "tags"],
};

/** All that is decided about what arrives, one frame after the other. */
async function play(kinds: readonly Kind[], frames: readonly Frame[]) {
  const planner = new Planner({
    destinations: { soc: { guard: INSIDER }, public: { guard: { max_tlp: "green" } } },
    routes: [{ name: "wanted", kinds, notify: ["soc", "public"] }],
  });
  const outcomes: unknown[] = [];
  for (const message of frames.flatMap((frame) => decode(frame) ?? [])) {
    const { effects } = await planner.plan(message);
    const { alerts, deliveries, records, undecided, decided } = effects;
    outcomes.push(...alerts, ...deliveries, ...records, ...undecided, ...decided);
  }
  return outcomes;
}

describe("needlessWithout()", () => {
  it("names topics that there are", () => {
    const topics = new Set(TOPICS.map(({ name }) => name));
    expect(Object.keys(needlessWithout(new Set())).filter((topic) => !topics.has(topic))).toEqual([]);
  });

  it("spares nothing that a route wants but keep-alives", () => {
    expect(needlessWithout(new Set(KINDS))).toEqual({ misp_json_self: "all" });
  });

  test.each([...SAMPLES, ...session()].map((frame, index) => [`${index} ${frame.topic}`, frame] as const))(
    "reads what a route wants, and what may be remembered, tighten or take back: %s",
    (_, frame) => {
      const message = decode(frame);
      const kind = message?.kind;
      if (kind) {
        expect(matters(frame, new Set([kind]))).toBe(true);
      }
      if (!matters(frame, new Set())) {
        // What is spared tells no state of an event, no tag of one and no part that is gone.
        expect(Object.keys(message?.event ?? {}).filter((key) => key !== "id")).toEqual([]);
        expect(message?.tag?.on).toBeUndefined();
        expect(kind ?? "none").not.toMatch(/^(event|attribute|sighting|object\.(edited|deleted)|tag\.(at|de)tached)/);
        expect(message?.attributes ?? []).toEqual([]);
        expect(message?.thread).toBeUndefined();
      }
    },
  );

  it("changes nothing of what is owed, refused or undecided, whatever is wanted and in whatever order it comes", async () => {
    const frames = [...session(), ...SAMPLES];
    const order = fc.shuffledSubarray(frames, { minLength: 10, maxLength: 40 });
    let spared = 0;
    await fc.assert(
      fc.asyncProperty(fc.subarray([...KINDS], { minLength: 1 }), order, async (wanted, arrived) => {
        const outcomes = (some: readonly Frame[]) => play(wanted, some);
        const read = arrived.filter((frame) => matters(frame, new Set(wanted)));
        spared += arrived.length - read.length;
        expect(await outcomes(read)).toEqual(await outcomes(arrived));
      }),
      { numRuns: 25 },
    );
    expect(spared).toBeGreaterThan(25);
  });
});
