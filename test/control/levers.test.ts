import { expect, test } from "vitest";
import { openLevers } from "../../src/control/levers.ts";
import { deliver } from "../../src/delivery/deliver.ts";
import { type Answer, stoppedClock, Track } from "../delivery/lane.ts";
import { Desk } from "../planning/desk.ts";
import { eventually } from "../support/eventually.ts";
import { publication, T0 } from "../support/messages.ts";

/** A delivery loop that stands still between what happens to it, with an operator at its levers. */
async function open(answers: readonly Answer[]) {
  const desk = new Desk();
  const clock = stoppedClock();
  const track = new Track(desk, answers, { clock });
  const levers = await openLevers(desk.store.ledger);
  const running = deliver({ ...track.lane, ...levers.of("soc") }, track.stop.signal, track.cut.signal);
  return {
    desk,
    track,
    levers,
    idle: () => eventually(() => clock.asleep()),
    async [Symbol.asyncDispose]() {
      track.stop.abort();
      await running;
    },
  };
}

const pause = { destination: "soc", pausedAt: T0, by: "alice" };

test("a paused destination takes nothing until it is resumed and its bell rings", async () => {
  await using operated = await open([]);
  const { desk, track, levers, idle } = operated;
  expect(await levers.pause(pause)).toBe(true);
  expect(await levers.pause({ ...pause, by: "bob" })).toBe(false);
  expect(levers.paused("soc")).toEqual(pause);
  await desk.tell(publication());
  track.bell.ring();
  await idle();
  expect(track.sent).toEqual([]);
  expect(await levers.resume("soc", T0)).toBe(true);
  expect(await levers.resume("soc", T0)).toBe(false);
  track.bell.ring();
  await eventually(() => track.sent.length === 1);
});

test("an attempt in flight ends although its destination is paused meanwhile", async () => {
  let answer = () => {};
  const held = new Promise<void>((done) => {
    answer = done;
  });
  await using operated = await open([() => held.then(() => ({ kind: "done" }))]);
  const { desk, track, levers } = operated;
  await desk.tell(publication());
  track.bell.ring();
  await eventually(() => track.sent.length === 1);
  await levers.pause(pause);
  answer();
  await eventually(() => track.outcomes.includes("sent"));
});

test("pauses are remembered by whoever opens the levers next", async () => {
  const { store } = new Desk();
  const levers = await openLevers(store.ledger);
  await levers.pause(pause);
  expect((await openLevers(store.ledger)).paused("soc")).toEqual(pause);
  await levers.resume("soc", T0);
  expect((await openLevers(store.ledger)).paused("soc")).toBeUndefined();
});

test.each([
  ["asked us to wait", { kind: "retry_after", afterMs: 3_600_000, reason: "http-429" }],
  ["refuses us", { kind: "destination_rejected", reason: "http-410" }],
] as const)("an urged destination tries at once although it %s, and once only", async (_, outcome) => {
  await using operated = await open([outcome, outcome, outcome]);
  const { desk, track, levers, idle } = operated;
  await desk.tell(publication());
  track.bell.ring();
  await eventually(() => track.outcomes.length === 1);
  await idle();
  const hasten = async () => {
    for await (const lines of desk.store.ledger.hasten({}, T0)) expect(lines).toHaveLength(1);
  };
  await hasten();
  track.bell.ring();
  await idle();
  expect(track.sent).toHaveLength(1);
  levers.urge("soc");
  track.bell.ring();
  await eventually(() => track.outcomes.length === 2);
  await idle();
  await hasten();
  track.bell.ring();
  await idle();
  expect(track.sent).toHaveLength(2);
});

test("a suspension is known as long as it lasts", async () => {
  await using operated = await open([{ kind: "destination_rejected", reason: "http-410" }]);
  const { desk, track, levers, idle } = operated;
  await desk.tell(publication());
  track.bell.ring();
  await eventually(() => levers.suspended("soc") !== undefined);
  expect(levers.suspended("soc")).toEqual({ at: T0, reason: "http-410" });
  await idle();
  for await (const _ of desk.store.ledger.hasten({}, T0));
  levers.urge("soc");
  track.bell.ring();
  await eventually(() => levers.suspended("soc") === undefined && track.sent.length === 2);
});
