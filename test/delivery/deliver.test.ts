import { describe, expect, it } from "vitest";
import { RateLimiter } from "../../src/base/rate-limiter.ts";
import { deliver } from "../../src/delivery/deliver.ts";
import type { Outcome } from "../../src/model/payload.ts";
import { Planner } from "../planning/planner.ts";
import { eventually } from "../support/eventually.ts";
import { attributeOf, MINUTE, publication, SECOND, T0, tagAttached, tags } from "../support/messages.ts";
import { type Answer, retry, SteppedClock, stoppedClock, Track } from "./worker.ts";

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MANY = 200;

/** A planner that owes `soc` a publication of each of these events, each in a batch of its own. */
async function owing(...ids: readonly string[]): Promise<Planner> {
  const planner = new Planner();
  for (const id of ids) {
    await planner.tell(publicationOf(id));
  }
  return planner;
}

function publicationOf(id: string) {
  return publication({ event: { id, uuid: `5f1b2c3d-0000-4000-8000-0000000000${id.padStart(2, "0")}` } });
}

async function deliverTo(
  answers: readonly Answer[],
  options: ConstructorParameters<typeof Track>[2] = {},
): Promise<Track> {
  const track = new Track(await owing("7"), answers, options);
  await track.run();
  return track;
}

const times = (n: number, outcome: Outcome): readonly Outcome[] => Array.from({ length: n }, () => outcome);

describe("deliver(): what becomes of an attempt", () => {
  it.each([
    ["done", "sent"],
    ["unproven", "unproven"],
  ] as const)("%s: it is settled as %s, with the label that left and no content", async (kind, outcome) => {
    const track = await deliverTo([{ kind }]);
    const [{ settlement } = { settlement: undefined }] = track.settled;
    expect(settlement).toEqual({
      batch: track.sent[0]?.payload.batch,
      attempted: true,
      records: [
        {
          delivery: expect.any(String),
          at: T0,
          destination: "soc",
          instance: "cert",
          kind: "event.published",
          eventUuid: "5f1b2c3d-0000-4000-8000-000000000007",
          changedAt: T0,
          routes: ["all"],
          outcome,
          tlp: "green",
        },
      ],
      told: [
        {
          instance: "cert",
          eventUuid: "5f1b2c3d-0000-4000-8000-000000000007",
          destination: "soc",
          at: T0,
          parts: { parts: "" },
          named: [],
        },
      ],
      followUp: { told: [{ instance: "cert", eventUuid: "5f1b2c3d-0000-4000-8000-000000000007" }] },
    });
    expect(track.records).toEqual(settlement?.records);
    expect(track.sent).toHaveLength(1);
  });

  it("retry: again after a wait that doubles, up to ten minutes, under the same id", async () => {
    const until = T0 + 2 * HOUR;
    const track = await deliverTo([...times(11, retry), { kind: "done" }], { until });
    expect(track.outcomes).toEqual([
      ...[1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => `again in ${seconds * SECOND} ms`),
      "sent",
    ]);
    expect(new Set(track.sent.map(({ payload }) => payload.batch)).size).toBe(1);
  });

  it.each([
    [0, "again in 0 ms"],
    [0.25, "again in 500 ms"],
    [0.999, "again in 1998 ms"],
  ])("retry: the wait is by chance, from nothing to all of it (%s)", async (chance, outcome) => {
    const planner = await owing("7");
    const clock: SteppedClock = new SteppedClock(T0 + MINUTE, () => track.stop.abort(), chance);
    const track: Track = new Track(planner, [retry], { clock });
    await track.run();
    expect(track.outcomes).toEqual([outcome, "sent"]);
  });

  it("retry: dead when it was tried for longer than max_age, and not before a second attempt", async () => {
    const track = await deliverTo(times(MANY, retry), { until: T0 + DAY, maxAgeMs: HOUR });
    const last = track.settled.at(-1);
    expect(track.outcomes.at(-1)).toBe("dead http-503");
    expect((last?.now ?? 0) - T0).toBeGreaterThan(HOUR);
    expect((last?.now ?? 0) - T0).toBeLessThanOrEqual(HOUR + 300 * SECOND);
    const impatient = await deliverTo(times(3, retry), { maxAgeMs: 0 });
    expect(impatient.outcomes).toEqual(["again in 1000 ms", "dead http-503"]);
  });

  it.each([
    [90 * SECOND, 90 * SECOND],
    [0, 0],
    [-5, 0],
    [1e15, HOUR],
  ])(
    "retry_after %s ms: the whole destination rests for %s ms, and its age counts from then",
    async (afterMs, restMs) => {
      const track = new Track(await owing("7", "8"), [{ kind: "retry_after", afterMs, reason: "http-429" }], {
        until: T0 + 2 * HOUR,
      });
      await track.run();
      expect(track.outcomes[0]).toBe(`again in ${restMs} ms`);
      expect(track.sent.map(({ at }) => at - T0)).toEqual([0, restMs, restMs]);
      expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent", "sent"]);
    },
  );

  it("retry_after for ever: dead once it was tried for max_age, and no sooner", async () => {
    const throttled: Outcome = { kind: "retry_after", afterMs: 30 * MINUTE, reason: "http-429" };
    const track = await deliverTo(times(MANY, throttled), { until: T0 + 2 * DAY, maxAgeMs: 12 * HOUR });
    expect(track.outcomes.at(-1)).toBe("dead http-429");
    expect((track.settled.at(-1)?.now ?? 0) - T0).toBe(12.5 * HOUR);
  });

  it("retry_after does not make the wait after the next failure longer", async () => {
    const throttled: Outcome = { kind: "retry_after", afterMs: SECOND, reason: "http-429" };
    const track = await deliverTo([...times(5, throttled), retry]);
    expect(track.outcomes.slice(-2)).toEqual(["again in 2000 ms", "sent"]);
  });

  it("destination_rejected: probed every 15 minutes, nothing dies, and nothing else is tried", async () => {
    const rejected: Outcome = { kind: "destination_rejected", reason: "http-401" };
    const track = new Track(await owing("7", "8"), times(MANY, rejected), { until: T0 + 2 * DAY, maxAgeMs: HOUR });
    await track.run();
    expect(new Set(track.outcomes)).toEqual(new Set(["again in 900000 ms, not counted"]));
    expect(track.sent.slice(0, 4).map(({ at }) => at - T0)).toEqual([0, 15, 30, 45].map((minutes) => minutes * MINUTE));
    expect(track.records).toEqual([]);
  });

  it("destination_rejected: goes on where it was when the destination is back", async () => {
    const track = new Track(await owing("7", "8"), [{ kind: "destination_rejected", reason: "http-404" }]);
    await track.run();
    expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent", "sent"]);
  });

  it.each<[string, readonly Answer[], readonly string[]]>([
    ["is told as title and link once", [{ kind: "message_rejected", reason: "http-413" }], ["sent"]],
    [
      "is dead when that is refused too",
      [
        { kind: "message_rejected", reason: "http-413" },
        { kind: "message_rejected", reason: "http-400" },
      ],
      ["dead http-400"],
    ],
    [
      "is tried again when that fails otherwise",
      [{ kind: "message_rejected", reason: "http-413" }, retry],
      ["again in 1000 ms", "sent"],
    ],
  ])("message_rejected: %s", async (_, answers, outcomes) => {
    const track = await deliverTo(answers);
    expect(track.outcomes).toEqual(outcomes);
    expect(track.sent.map(({ payload }) => payload.minimal).slice(0, 2)).toEqual([false, true]);
    expect(new Set(track.sent.map(({ payload }) => payload.batch)).size).toBe(1);
  });

  it.each<[string, readonly Outcome["kind"][], readonly string[]]>([
    ["once: it is sent again", ["ambiguous"], ["again in 1000 ms", "sent"]],
    ["twice: it counts as told", ["ambiguous", "ambiguous"], ["again in 1000 ms", "unproven reset"]],
    [
      "again after it surely failed",
      ["ambiguous", "retry", "ambiguous"],
      ["again in 1000 ms", "again in 2000 ms", "unproven reset"],
    ],
  ])("ambiguous %s", async (_, kinds, outcomes) => {
    const track = await deliverTo(kinds.map((kind) => ({ kind, reason: "reset" }) as Outcome));
    expect(track.outcomes).toEqual(outcomes);
    expect(new Set(track.sent.map(({ payload }) => payload.batch)).size).toBe(1);
  });

  it("a destination that hangs is tried ever less often, so that it takes few alerts with it", async () => {
    const events = Array.from({ length: 40 }, (_, index) => String(index + 1));
    const hour = 3_600_000;
    const track = new Track(
      await owing(...events),
      ({ at }) => (at < T0 + hour ? { kind: "ambiguous", reason: "timeout" } : { kind: "done" }),
      { until: T0 + 3 * hour },
    );
    await track.run();
    const ends = track.records.map(({ outcome }) => outcome);
    expect(ends).toHaveLength(40);
    expect(ends.filter((outcome) => outcome === "unproven").length).toBeLessThan(10);
  });

  it("a destination that throws: dead by a bug, and the next batch leaves", async () => {
    const track = new Track(await owing("7", "8"), [() => Promise.reject(new TypeError("x is not a function"))]);
    await track.run();
    expect(track.outcomes).toEqual(["dead bug", "sent"]);
    expect(track.sent.map(({ payload }) => payload.minimal)).toEqual([false, false]);
    expect(track.logged.join("")).toMatch(/"type":"TypeError","stack":".*deliver\.test\.ts/);
  });

  it("names a reason and never content in its log", async () => {
    const track = await deliverTo([retry, { kind: "message_rejected", reason: "http-400", detail: "invalid_blocks" }]);
    expect(track.logged.join("")).toContain("invalid_blocks");
    expect(track.logged.join("")).not.toMatch(/Phishing|CIRCL/);
  });
});

describe("deliver(): attempts in numbers", () => {
  it("tells of each how it ended and how long it took, a bug as a message that is refused", async () => {
    const clock: SteppedClock = new SteppedClock(T0 + HOUR, () => track.stop.abort());
    const slow: Answer = async () => {
      clock.at += 300;
      return retry;
    };
    const broken: Answer = () => Promise.reject(new Error("a bug"));
    const track = new Track(await owing("7", "8"), [slow, broken], { clock });
    await track.run();
    expect(track.tried.slice(0, 3)).toEqual([
      { destination: "soc", outcome: "retry", durationMs: 300 },
      { destination: "soc", outcome: "message_rejected", durationMs: 0 },
      { destination: "soc", outcome: "done", durationMs: 0 },
    ]);
  });

  it("tells nothing of an attempt that was cut", async () => {
    const track = new Track(await owing("7"), [
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
          track.cut.abort();
        }),
    ]);
    await track.run();
    expect(track.tried).toEqual([]);
  });
});

describe("deliver(): the second look", () => {
  it("refuses what has risen above the ceiling, and sends nothing", async () => {
    const planner = await owing("7");
    await planner.tell(tagAttached("tlp:red"));
    const track = new Track(planner, []);
    await track.run();
    expect(track.sent).toEqual([]);
    expect(track.outcomes).toEqual(["refused tlp-above-ceiling"]);
    expect(track.records[0]).not.toHaveProperty("tlp");
    expect(await planner.store.owed()).toEqual([]);
  });

  it("takes place at every attempt", async () => {
    const planner = await owing("7");
    const track = new Track(planner, [
      async () => {
        await planner.tell(tagAttached("tlp:red"));
        return retry;
      },
    ]);
    await track.run();
    expect(track.outcomes).toEqual(["again in 1000 ms", "refused tlp-above-ceiling"]);
    expect(track.sent).toHaveLength(1);
  });

  it("settles what it refuses at once, and tries the rest of the batch again", async () => {
    const planner = new Planner({ routes: [{ name: "all", notify: "soc", group: { by: [] } }] });
    await planner.tell(publicationOf("7"), publicationOf("8"), tagAttached("tlp:red", { eventId: "8" }));
    const track = new Track(planner, [retry]);
    await track.run();
    expect(track.outcomes).toEqual(["refused tlp-above-ceiling, again in 1000 ms", "sent"]);
    expect(track.sent.map(({ payload }) => payload.entries.length)).toEqual([1, 1]);
  });

  it("comes after the wait for its turn", async () => {
    const planner = await owing("7");
    const limiter = new RateLimiter({ per_second: 0.1, burst: 1 }, T0);
    limiter.take();
    const clock: SteppedClock = new SteppedClock(T0 + HOUR, () => track.stop.abort());
    const tightening = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      random: () => clock.random(),
      sleep: async (ms: number, signal: AbortSignal) => {
        await planner.tell(tagAttached("tlp:red"));
        await clock.sleep(ms, signal);
      },
    };
    const track: Track = new Track(planner, [], { clock: tightening, limiter });
    await track.run();
    expect(track.outcomes).toEqual(["refused tlp-above-ceiling"]);
  });

  it("withholds an attribute that was marked since", async () => {
    const planner = new Planner();
    await planner.tell(
      publication({ attributes: [attributeOf("1"), attributeOf("2")] }),
      tagAttached("tlp:red", { attribute: "2" }),
    );
    const track = new Track(planner, []);
    await track.run();
    const guarded = track.sent[0]?.payload.entries[0]?.guarded;
    expect([guarded?.alert.items.map(({ id }) => id), guarded?.withheld]).toEqual([["1"], 1]);
  });
});

describe("deliver(): pace", () => {
  it("sends a burst at once, and then one at a time", async () => {
    const ids = ["1", "2", "3", "4", "5"];
    const track = new Track(await owing(...ids), [], { limiter: new RateLimiter({ per_second: 0.5, burst: 2 }, T0) });
    await track.run();
    expect(track.sent.map(({ at }) => at - T0)).toEqual([0, 0, 2 * SECOND, 4 * SECOND, 6 * SECOND]);
  });
});

describe("deliver(): stop and cut", () => {
  it.each<[string, () => Promise<Planner>, readonly Answer[], number]>([
    ["idle", async () => new Planner(), [], 0],
    ["until a retry is due", () => owing("7"), [retry], 1],
    ["while the destination rests", () => owing("7"), [{ kind: "retry_after", afterMs: DAY, reason: "http-429" }], 1],
    ["while the destination is suspended", () => owing("7"), [{ kind: "destination_rejected", reason: "http-401" }], 1],
  ])("stop ends a wait at once: %s", async (_, planner, answers, sent) => {
    const clock = stoppedClock();
    const track = new Track(await planner(), answers, { clock });
    const run = track.run();
    await eventually(clock.asleep);
    track.stop.abort();
    await run;
    expect(track.sent).toHaveLength(sent);
    expect(track.records).toEqual([]);
  });

  it("stop ends the wait for its turn at once, and all is still owed", async () => {
    const clock = stoppedClock();
    const limiter = new RateLimiter({ per_second: 0.001, burst: 1 }, T0);
    limiter.take();
    const planner = await owing("7");
    const track = new Track(planner, [], { clock, limiter });
    const run = track.run();
    await eventually(clock.asleep);
    track.stop.abort();
    await run;
    expect([track.sent, track.settled]).toEqual([[], []]);
    expect(await planner.store.owed()).toMatchObject([{ destination: "soc", owed: 1 }]);
  });

  it("stop lets the attempt in flight end, and settles it", async () => {
    const planner = await owing("7", "8");
    const track: Track = new Track(planner, [
      async (signal) => {
        track.stop.abort();
        expect(signal.aborted).toBe(false);
        return { kind: "done" };
      },
    ]);
    await track.run();
    expect(track.outcomes).toEqual(["sent"]);
    expect(await planner.store.owed()).toMatchObject([{ owed: 1 }]);
  });

  it("cut ends the attempt in flight, which was none, and the batch is still owed", async () => {
    const planner = await owing("7");
    const track: Track = new Track(planner, [
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
          track.stop.abort();
          track.cut.abort();
        }),
    ]);
    await track.run();
    expect(track.settled).toEqual([]);
    expect(await planner.store.owed()).toMatchObject([{ owed: 1 }]);
  });

  it("does nothing when it is stopped before it starts", async () => {
    const track = new Track(await owing("7"), []);
    track.stop.abort();
    await track.run();
    expect(track.sent).toEqual([]);
  });

  it("a ring wakes an idle loop", async () => {
    const clock = stoppedClock();
    const planner = new Planner();
    const track = new Track(planner, [], { clock });
    const run = track.run();
    await eventually(clock.asleep);
    await planner.tell(publication());
    track.wakeup.wake();
    await eventually(() => track.records.length > 0);
    expect(track.outcomes).toEqual(["sent"]);
    track.stop.abort();
    await run;
  });

  it("rejects when the store fails", async () => {
    const track = new Track(await owing("7"), []);
    const broken = {
      ...track.worker,
      store: { ...track.worker.store, settle: () => Promise.reject(new Error("disk full")) },
    };
    await expect(deliver(broken, track.stop.signal, track.cut.signal)).rejects.toThrow("disk full");
  });
});

describe("deliver(): waits", () => {
  it("looks at the clock once a minute while it waits for long", async () => {
    const planner = new Planner({ routes: [{ name: "all", notify: "soc", group: { by: ["event"], wait: "5m" } }] });
    await planner.tell(publication({ event: { tags: tags("tlp:green") } }));
    const clock: SteppedClock = new SteppedClock(T0 + 10 * MINUTE, () => track.stop.abort());
    const track: Track = new Track(planner, [], { clock });
    await track.run();
    expect(track.sent.map(({ at }) => at - T0)).toEqual([5 * MINUTE]);
    expect(Math.max(...clock.sleeps)).toBe(MINUTE);
  });
});
