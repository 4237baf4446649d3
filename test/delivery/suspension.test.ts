import { describe, expect, it, test } from "vitest";
import { OURSELVES } from "../../src/absorbing/herald.ts";
import type { Outcome } from "../../src/model/payload.ts";
import { keysOf, plan } from "../../src/planning/plan.ts";
import { Planner } from "../planning/planner.ts";
import { MINUTE, publication, T0, tagAttached } from "../support/messages.ts";
import { type Answers, retry, type Sent, SteppedClock, Track } from "./worker.ts";

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const PROBE = 15 * MINUTE;
const rejected: Outcome = { kind: "destination_rejected", reason: "http-401", hint: "check the token" };
const done: Outcome = { kind: "done" };

/** A planner on which these events were published, each in a group of its own, some hours after T0. */
async function owing(...events: readonly (string | readonly [id: string, hours: number])[]): Promise<Planner> {
  const planner = new Planner();
  for (const event of events) {
    const [id, hours] = typeof event === "string" ? [event, 0] : event;
    await join(planner, id, hours);
  }
  return planner;
}

async function join(planner: Planner, id: string, hours = 0): Promise<void> {
  const messages = [publication({ event: { id, uuid: uuidOf(id) } })];
  const at = T0 + hours * HOUR;
  const { effects } = plan(messages, await planner.store.load(keysOf(messages)), at, planner.rules);
  await planner.store.commit(effects, at);
}

const uuidOf = (id: string) => `5f1b2c3d-0000-4000-8000-0000000000${id.padStart(2, "0")}`;
const eventsIn = ({ payload }: Sent) => payload.entries.map(({ guarded }) => guarded.alert.event?.id);
const seen = (track: Track) => track.sent.map((sent) => [sent.at - T0, eventsIn(sent).join(" ")]);
const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

async function deliverTo(planner: Planner, answers: Answers, options: ConstructorParameters<typeof Track>[2] = {}) {
  const track = new Track(planner, answers, { until: T0 + 3 * DAY, ...options });
  await track.run();
  return track;
}

/** The notices, in the order in which they were said. */
function told({ notices }: Track) {
  return notices.take(T0, true).map(({ message, except }) => ({
    kind: message.kind,
    at: message.receivedAt - T0,
    except,
    lines: Object.fromEntries(message.lines.map(({ label, text }) => [label, text])),
  }));
}

describe("deliver(): a destination that refuses us", () => {
  it("is suspended once, probed with one batch every 15 minutes, and recovers once", async () => {
    const planner = await owing("1", "2", "3");
    const track = await deliverTo(planner, ({ at }) => (at < T0 + HOUR ? rejected : done));
    expect(track.sent.slice(0, 5).map(({ at }) => at - T0)).toEqual([0, 1, 2, 3, 4].map((n) => n * PROBE));
    expect(track.sent.slice(4).map(({ at }) => at - T0)).toEqual([HOUR, HOUR, HOUR]);
    expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent", "sent", "sent"]);
    expect(told(track)).toEqual([
      {
        kind: "herald.destination_suspended",
        at: 0,
        except: "soc",
        lines: {
          Destination: "soc",
          Reason: "http-401",
          "What to do": "check the token",
          Kept: "3 alerts",
          "Tried again": "every 15 min",
        },
      },
      {
        kind: "herald.destination_recovered",
        at: HOUR,
        except: "soc",
        lines: { Destination: "soc", "Suspended for": "60 min", "Follow now": "2 alerts" },
      },
    ]);
  });

  it("says so again when it refuses us again", async () => {
    const planner = await owing("1", "2");
    const answers = [rejected, done, rejected, done] as const;
    const track = await deliverTo(planner, answers);
    expect(told(track).map(({ kind }) => kind?.replace("herald.destination_", ""))).toEqual([
      "suspended",
      "recovered",
      "suspended",
      "recovered",
    ]);
  });

  it("names an error in the log once, then warnings", async () => {
    const track = await deliverTo(await owing("1"), [rejected, rejected, retry, done]);
    const levels = track.logged.map((line) => JSON.parse(line).level);
    expect(levels).toEqual(["error", "warn", "warn", "info", "info"]);
  });

  it.each<[string, Outcome, number]>([
    ["cannot be reached", { kind: "retry", reason: "dns" }, PROBE],
    ["may have taken the probe", { kind: "ambiguous", reason: "timeout" }, PROBE],
    ["asks us to wait for less", { kind: "retry_after", afterMs: 1, reason: "http-429" }, PROBE],
    ["asks us to wait for longer", { kind: "retry_after", afterMs: HOUR, reason: "http-429" }, HOUR],
  ])("stays suspended when it %s", async (_, outcome, nextMs) => {
    const track = await deliverTo(await owing("1"), [rejected, outcome, done]);
    expect(track.sent.map(({ at }) => at - T0)).toEqual([0, PROBE, PROBE + nextMs]);
    // What may have arrived counts as tried; what surely did not has not aged.
    const counted = outcome.kind === "ambiguous" ? "" : ", not counted";
    expect(track.outcomes[1]).toBe(`again in ${nextMs} ms${counted}`);
    expect(told(track).map(({ at }) => at)).toEqual([0, PROBE + nextMs]);
  });

  it("has recovered when it refuses a message, which it has looked at", async () => {
    const refused: Outcome = { kind: "message_rejected", reason: "http-413" };
    const track = await deliverTo(await owing("1", "2"), [rejected, refused, refused]);
    expect(track.records.map(({ outcome }) => outcome)).toEqual(["dead", "sent"]);
    expect(seen(track).at(-1)?.[0]).toBe(PROBE);
  });

  it("has not recovered when the probe fails by a bug of ours", async () => {
    const bug = () => Promise.reject(new TypeError("x is not a function"));
    const track = await deliverTo(await owing("1", "2"), [rejected, bug]);
    expect(seen(track).map(([at]) => at)).toEqual([0, PROBE, 2 * PROBE]);
    expect(told(track).map(({ kind }) => kind)).toEqual([
      "herald.destination_suspended",
      "herald.destination_recovered",
      "herald.delivery_dead",
    ]);
  });

  it("is not probed with what its guard refuses by now: the next batch is the probe", async () => {
    const planner = await owing("1", "2");
    const track: Track = new Track(planner, [
      async () => {
        await planner.tell(tagAttached("tlp:red", { eventId: "1" }));
        return rejected;
      },
    ]);
    await track.run();
    expect(track.outcomes).toEqual(["again in 900000 ms, not counted", "refused tlp-above-ceiling", "sent"]);
    expect(told(track)).toHaveLength(2);
  });
});

describe("deliver(): age", () => {
  const of = (sent: Sent, id: string) => eventsIn(sent).includes(id);

  it("of what was tried before stands still while the destination is suspended", async () => {
    const back = T0 + 30 * HOUR;
    const planner = await owing("1", "2");
    const answers = (sent: Sent): Outcome => {
      if (sent.at < back) {
        return sent.at === T0 && of(sent, "1") ? retry : rejected;
      }
      return of(sent, "1") ? retry : done;
    };
    const track = await deliverTo(planner, answers, { until: T0 + 4 * DAY, maxAgeMs: DAY });
    const dead = track.settled.at(-1);
    expect(track.outcomes.at(-1)).toBe("dead http-503");
    expect((dead?.now ?? 0) - back).toBeGreaterThan(DAY - MINUTE);
    expect((dead?.now ?? 0) - back).toBeLessThan(DAY + HOUR);
  });

  it("of what was first tried while it was suspended starts afterwards", async () => {
    const planner = await owing("1");
    const answers = (sent: Sent): Outcome => (sent.at < T0 + 2 * DAY ? rejected : retry);
    const track = await deliverTo(planner, answers, { until: T0 + 4 * DAY, maxAgeMs: HOUR });
    expect(track.records).toEqual([]);
  });
});

describe("deliver(): what has waited", () => {
  it("leaves as a digest when it is older than six hours, the rest by itself", async () => {
    const planner = await owing("1", "2", "3", "4", ["5", 5], ["6", 5]);
    const track = await deliverTo(planner, ({ at }) => (at < T0 + 7 * HOUR ? rejected : done));
    expect(seen(track).slice(-4)).toEqual([
      [7 * HOUR, "1"],
      [7 * HOUR, "2 3 4"],
      [7 * HOUR, "5"],
      [7 * HOUR, "6"],
    ]);
    expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent", "sent", "sent", "sent", "sent", "sent"]);
    expect(await planner.store.owed()).toEqual([]);
  });

  it("leaves by itself when the destination was back sooner", async () => {
    const track = await deliverTo(await owing("1", "2", "3"), ({ at }) => (at < T0 + 5 * HOUR ? rejected : done));
    expect(
      seen(track)
        .slice(-3)
        .map(([, events]) => events),
    ).toEqual(["1", "2", "3"]);
  });

  it("leaves in digests of thirty", async () => {
    const track = await deliverTo(await owing(...ids(1, 40)), ({ at }) => (at < T0 + 7 * HOUR ? rejected : done));
    expect(track.sent.slice(-3).map(({ payload }) => payload.entries.length)).toEqual([1, 30, 9]);
    expect(new Set(track.sent.slice(-3).map(({ payload }) => payload.batch)).size).toBe(3);
  });

  it("is probed with one batch however much waits", async () => {
    const track = await deliverTo(await owing(...ids(1, 9)), ({ at }) => (at < T0 + 7 * HOUR ? rejected : done));
    const probes = track.sent.filter(({ at }) => at < T0 + 7 * HOUR);
    expect(new Set(probes.map(({ payload }) => payload.entries.length))).toEqual(new Set([1]));
  });

  it("leaves as the same digest again when that fails, and it may come twice only once", async () => {
    const answers = (sent: Sent): Outcome =>
      sent.at < T0 + 7 * HOUR
        ? rejected
        : sent.payload.entries.length === 1
          ? done
          : { kind: "ambiguous", reason: "reset" };
    const track = await deliverTo(await owing("1", "2", "3", "4"), answers);
    const digests = track.sent.filter(({ payload }) => payload.entries.length > 1);
    expect(digests.map(eventsIn)).toEqual([
      ["2", "3", "4"],
      ["2", "3", "4"],
    ]);
    expect(new Set(digests.map(({ payload }) => payload.batch)).size).toBe(1);
    expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent", "unproven", "unproven", "unproven"]);
  });

  it("leaves one by one when the digest is refused, so that nothing dies of its neighbours", async () => {
    const answers = (sent: Sent): Outcome => {
      if (sent.at < T0 + 7 * HOUR) {
        return rejected;
      }
      return eventsIn(sent).includes("3") ? { kind: "message_rejected", reason: "http-400" } : done;
    };
    const track = await deliverTo(await owing("1", "2", "3", "4"), answers);
    expect(track.records.map(({ eventUuid, outcome }) => `${eventUuid?.slice(-1)} ${outcome}`).sort()).toEqual([
      "1 sent",
      "2 sent",
      "3 dead",
      "4 sent",
    ]);
  });

  it("is guarded with what is known when the digest leaves", async () => {
    const planner = await owing("1", "2", "3");
    await planner.tell(tagAttached("tlp:red", { eventId: "2" }));
    const track = await deliverTo(planner, ({ at }) => (at < T0 + 7 * HOUR ? rejected : done));
    expect(seen(track).slice(-1)).toEqual([[7 * HOUR, "3"]]);
    expect(track.records.map(({ outcome }) => outcome).sort()).toEqual(["refused", "sent", "sent"]);
  });

  it("keeps to itself what was sent by itself before", async () => {
    const answers = (sent: Sent): Outcome =>
      sent.at === T0 && eventsIn(sent).includes("1") ? retry : sent.at < T0 + 7 * HOUR ? rejected : done;
    const track = await deliverTo(await owing("1", "2", "3", "4"), answers);
    expect(seen(track).slice(-3)).toEqual([
      [7 * HOUR, "2"],
      [7 * HOUR, "1"],
      [7 * HOUR, "3 4"],
    ]);
  });

  it("leaves as a digest after a start, too: the start may have been what mended it", async () => {
    const clock: SteppedClock = new SteppedClock(T0 + DAY, () => track.stop.abort());
    clock.at = T0 + 8 * HOUR;
    const track: Track = new Track(await owing("1", "2", ["3", 7]), [], { clock });
    await track.run();
    expect(seen(track)).toEqual([
      [8 * HOUR, "1 2"],
      [8 * HOUR, "3"],
    ]);
  });
});

describe("deliver(): what may have arrived", () => {
  const lost: Outcome = { kind: "ambiguous", reason: "reset" };

  // One alert is owed; the last answer stays. `sends` counts those under its id, whose results were unknown or good.
  it.each<[string, readonly Outcome[], string, number]>([
    ["once, then taken", [lost, done], "sent", 2],
    ["twice", [lost, lost], "unproven", 2],
    ["as a probe, then taken", [rejected, lost, done], "sent", 3],
    ["as a probe, then surely not, then taken", [rejected, lost, retry, rejected, done], "sent", 5],
    ["as a probe twice", [rejected, lost, lost], "unproven", 3],
    ["as a probe twice, with refusals between", [rejected, lost, rejected, rejected, lost], "unproven", 5],
    ["before the suspension and as a probe", [lost, rejected, lost], "unproven", 3],
    ["before the suspension, then taken", [lost, rejected, rejected, done], "sent", 4],
  ])("%s: it is sent once more under the same id, and never a third time", async (_, answers, outcome, sends) => {
    const track = await deliverTo(await owing("1"), answers);
    expect(track.records.map((line) => line.outcome)).toEqual([outcome]);
    expect(track.sent).toHaveLength(sends);
    expect(new Set(track.sent.map(({ payload }) => payload.batch)).size).toBe(1);
    expect(await track.worker.store.owed()).toEqual([]);
  });

  it("as a probe comes once more by itself, also where it was part of a digest before", async () => {
    const clock: SteppedClock = new SteppedClock(T0 + DAY, () => track.stop.abort());
    clock.at = T0 + 8 * HOUR;
    const track: Track = new Track(await owing("1", "2", "3", "4"), [rejected, lost, done], { clock });
    await track.run();
    const [, probe, , ...rest] = track.sent;
    expect(track.sent.slice(0, 3).map((sent) => eventsIn(sent).length)).toEqual([4, 1, 1]);
    const again = rest.filter((sent) => eventsIn(sent).some((id) => probe && eventsIn(probe).includes(id)));
    expect(again.map(({ payload }) => payload.batch)).toEqual([probe?.payload.batch]);
    expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent", "sent", "sent", "sent"]);
  });

  it("in a digest does not settle what has joined it since and was sent once only", async () => {
    const planner = await owing("1", "2");
    const clock: SteppedClock = new SteppedClock(T0 + DAY, () => track.stop.abort());
    clock.at = T0 + 8 * HOUR;
    let digests = 0;
    const track: Track = new Track(
      planner,
      (sent) => {
        digests += sent.payload.entries.length > 1 ? 1 : 0;
        return digests <= 2 && sent.payload.entries.length > 1 ? lost : done;
      },
      { clock },
    );
    const sleep = clock.sleep.bind(clock);
    clock.sleep = async (ms, signal) => {
      // What was published long before the start, too, comes to be due while the digest waits.
      if (clock.at < T0 + 8 * HOUR + MINUTE && digests === 1) {
        await join(planner, "3");
      }
      await sleep(ms, signal);
    };
    await track.run();
    expect(track.sent.slice(0, 2).map((sent) => eventsIn(sent).length)).toEqual([2, 3]);
    const outcomes = Object.fromEntries(track.records.map((line) => [line.eventUuid?.slice(-1), line.outcome]));
    expect(outcomes).toEqual({ 1: "unproven", 2: "unproven", 3: "sent" });
  });
});

test("deliver() probes with one batch also where a digest was what found the destination broken", async () => {
  const clock: SteppedClock = new SteppedClock(T0 + DAY, () => track.stop.abort());
  clock.at = T0 + 8 * HOUR;
  const track: Track = new Track(await owing("1", "2", "3"), [rejected, rejected], { clock });
  await track.run();
  expect(track.sent.map((sent) => eventsIn(sent).length)).toEqual([3, 1, 1, 2]);
  expect(track.records.map(({ outcome }) => outcome)).toEqual(["sent", "sent", "sent"]);
});

test("deliver() does not rest until the time that a clock showed before it was set back", async () => {
  const clock: SteppedClock = new SteppedClock(T0 + DAY, () => track.stop.abort());
  clock.at = T0 + 20 * HOUR;
  const planner = await owing("1");
  const sleep = clock.sleep.bind(clock);
  let back = false;
  clock.sleep = async (ms, signal) => {
    if (!back) {
      back = true;
      clock.at = T0 + HOUR;
      await planner.tell(publication({ event: { id: "2", uuid: uuidOf("2") } }));
    }
    await sleep(ms, signal);
  };
  const throttled: Outcome = { kind: "retry_after", afterMs: 10 * MINUTE, reason: "http-429" };
  const track: Track = new Track(planner, [throttled], { clock });
  await track.run();
  // An hour is the longest rest that any answer can ask for; the minute is the sleep in which the clock was set back.
  expect((track.sent[1]?.at ?? 0) - T0).toBe(2 * HOUR + MINUTE);
});

test("what a destination is suspended for is told in our own name, with nothing from MISP or the server", async () => {
  const failure: Outcome = { ...rejected, detail: "detail-marker" };
  const track = await deliverTo(await owing("1"), [failure]);
  const [notice] = track.notices.take(T0, true);
  expect(notice?.message).toMatchObject({ instance: OURSELVES, subject: { type: "herald", id: "soc" } });
  expect(JSON.stringify(notice)).not.toMatch(/detail-marker|Phishing|CIRCL/);
});
