import { describe, expect, it } from "vitest";
import { RateLimiter } from "../../src/base/rate-limiter.ts";
import type { Outcome } from "../../src/model/payload.ts";
import { keysOf, plan } from "../../src/planning/plan.ts";
import { Planner } from "../planning/planner.ts";
import { MINUTE, publication, SECOND, T0, uuidOf } from "../support/messages.ts";
import { retry, type Sent, SteppedClock, Track } from "./worker.ts";

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A clock that is set to another time once, while somebody sleeps; `real` is the time that has passed in truth. */
class JumpingClock extends SteppedClock {
  readonly #byMs: number;
  readonly #afterMs: number;
  #jumped = 0;

  constructor(byMs: number, afterMs: number, end: () => void) {
    super(T0 + 12 * DAY, end);
    this.#byMs = byMs;
    this.#afterMs = afterMs;
  }

  get real(): number {
    return this.at - T0 - this.#jumped;
  }

  override monotonic(): number {
    return this.real;
  }

  override async sleep(ms: number, signal: AbortSignal): Promise<void> {
    await super.sleep(ms, signal);
    if (this.#jumped !== 0 || this.real < this.#afterMs) {
      return;
    }
    this.#jumped = this.#byMs;
    this.at += this.#byMs;
  }
}

const JUMPS = [
  ["two days ahead", 2 * DAY],
  ["two days back", -2 * DAY],
  ["a minute ahead", MINUTE],
  ["a minute back", -MINUTE],
] as const;

/** Owes `soc` these events in groups that wait for ten minutes, and delivers them; the clock jumps after `afterMs`. */
async function deliverThrough(
  jumpMs: number,
  afterMs: number,
  answers: readonly Outcome[] | ((sent: Sent) => Outcome),
  { n = 1, limiter, wait = "0s" }: { readonly n?: number; readonly limiter?: RateLimiter; readonly wait?: string } = {},
) {
  const clock: JumpingClock = new JumpingClock(jumpMs, afterMs, () => track.stop.abort());
  const planner = new Planner({ routes: [{ name: "all", notify: "soc", group: { by: ["event"], wait } }], clock });
  for (let id = 1; id <= n; id += 1) {
    const messages = [publication({ event: { id: String(id), uuid: uuidOf(String(id)) } })];
    const { effects } = plan(messages, await planner.store.load(keysOf(messages)), T0, planner.rules);
    await planner.store.commit(effects, T0);
  }
  const sentAt: number[] = [];
  const given = typeof answers === "function" ? undefined : [...answers];
  const track: Track = new Track(
    planner,
    (sent) => {
      sentAt.push(clock.real);
      if (sentAt.length > 500) {
        track.stop.abort();
      }
      if (typeof answers === "function") {
        return answers(sent);
      }
      return given?.shift() ?? { kind: "done" };
    },
    { clock, ...(limiter && { limiter }) },
  );
  await track.run();
  return { track, sentAt, owed: await planner.store.owed() };
}

describe.each(JUMPS)("deliver() with a clock that is set %s", (_, jumpMs) => {
  const ahead = Math.max(0, jumpMs);

  it("sends what waits in a group no later than it would, but for one sleep", async () => {
    const { track, sentAt, owed } = await deliverThrough(jumpMs, 3 * MINUTE, [], { wait: "10m" });
    expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent"]);
    expect(sentAt[0]).toBeLessThanOrEqual(11 * MINUTE);
    expect(sentAt[0]).toBeGreaterThanOrEqual(10 * MINUTE - Math.max(ahead, -jumpMs <= MINUTE ? 0 : MINUTE));
    expect(owed).toEqual([]);
  });

  it("tries again what has failed, when it would have", async () => {
    const failures = Array.from({ length: 9 }, () => retry);
    const { track, sentAt } = await deliverThrough(jumpMs, 100 * SECOND, failures);
    expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent"]);
    const waits = sentAt.map((at, index) => at - (sentAt[index - 1] ?? 0));
    expect(Math.max(...waits)).toBeLessThanOrEqual(256 * SECOND + MINUTE);
  });

  it("does not let die what is tried for the first time", async () => {
    const { track } = await deliverThrough(jumpMs, 3 * MINUTE, [retry], { wait: "10m" });
    expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent"]);
  });

  it("keeps its pace", async () => {
    const limiter = new RateLimiter({ per_second: 0.5, burst: 3 }, T0);
    const { sentAt } = await deliverThrough(jumpMs, 10 * SECOND, [], { n: 40, limiter });
    expect(sentAt).toHaveLength(40);
    // In no stretch of ten seconds more than its burst and what the rate gives, twice over where the clock jumped.
    for (const from of sentAt) {
      const within = sentAt.filter((at) => at >= from && at < from + 10 * SECOND);
      expect(within.length).toBeLessThanOrEqual(3 + 5 + (jumpMs > 0 ? 3 : 0));
    }
    expect(Math.max(...sentAt)).toBeLessThanOrEqual(2 * 40 * SECOND);
  });

  it("loses nothing of a destination that refuses us, and does not rest for long after it", async () => {
    const rejected: Outcome = { kind: "destination_rejected", reason: "http-401" };
    const answers = Array.from({ length: 8 }, () => rejected);
    const { track, sentAt, owed } = await deliverThrough(jumpMs, 20 * MINUTE, answers, { n: 5 });
    const waits = sentAt.map((at, index) => at - (sentAt[index - 1] ?? 0));
    // What is left of a rest becomes an hour, the longest that any answer can ask for.
    expect(Math.max(...waits)).toBeLessThanOrEqual(HOUR + 15 * MINUTE);
    expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent", "sent", "sent", "sent", "sent"]);
    expect(owed).toEqual([]);
  });
});

it("a jump ahead by more than max_age lets nothing die, also while an attempt is in flight", async () => {
  const { track, sentAt } = await deliverThrough(2 * DAY, 100 * SECOND, ({ at }) =>
    at < T0 + 2 * DAY + HOUR ? retry : { kind: "done" },
  );
  expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent"]);
  expect(sentAt.filter((at) => at > 100 * SECOND).length).toBeGreaterThan(5);
});
