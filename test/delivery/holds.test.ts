import { expect, test } from "vitest";
import { deliver } from "../../src/delivery/deliver.ts";
import { openHolds } from "../../src/delivery/holds.ts";
import { Planner } from "../planning/planner.ts";
import { eventually } from "../support/eventually.ts";
import { publication, T0 } from "../support/messages.ts";
import { type Answer, stoppedClock, Track } from "./worker.ts";

/** A delivery loop that stands still between what happens to it, with an operator at its breaker. */
async function open(answers: readonly Answer[]) {
  const planner = new Planner();
  const clock = stoppedClock();
  const holds = await openHolds(planner.store.ledger);
  const track = new Track(planner, answers, { clock, holds });
  const running = deliver(track.worker, track.stop.signal, track.cut.signal);
  return {
    planner,
    track,
    holds,
    idle: () => eventually(() => clock.asleep()),
    async [Symbol.asyncDispose]() {
      track.stop.abort();
      await running;
    },
  };
}

const pause = { destination: "soc", kind: "paused", since: T0, note: "alice" } as const;

test("a paused destination takes nothing until it is resumed and its bell rings", async () => {
  await using operated = await open([]);
  const { planner, track, holds, idle } = operated;
  expect(await holds.add(pause)).toBe(true);
  expect(await holds.add({ ...pause, note: "bob" })).toBe(false);
  expect(holds.find("soc", "paused")).toEqual(pause);
  await planner.tell(publication());
  track.wakeup.wake();
  await idle();
  expect(track.sent).toEqual([]);
  expect(await holds.release("soc", "paused", T0)).toEqual(pause);
  expect(await holds.release("soc", "paused", T0)).toBeUndefined();
  track.wakeup.wake();
  await eventually(() => track.sent.length === 1);
});

test("an attempt in flight ends although its destination is paused meanwhile", async () => {
  let answer = () => {};
  const held = new Promise<void>((done) => {
    answer = done;
  });
  await using operated = await open([() => held.then(() => ({ kind: "done" }))]);
  const { planner, track, holds } = operated;
  await planner.tell(publication());
  track.wakeup.wake();
  await eventually(() => track.sent.length === 1);
  await holds.add(pause);
  answer();
  await eventually(() => track.outcomes.includes("sent"));
});

test("pauses are remembered by whoever opens the holds next", async () => {
  const { store } = new Planner();
  const holds = await openHolds(store.ledger);
  await holds.add(pause);
  expect((await openHolds(store.ledger)).find("soc", "paused")).toEqual(pause);
  await holds.release("soc", "paused", T0);
  expect((await openHolds(store.ledger)).find("soc", "paused")).toBeUndefined();
});

test.each([
  ["asked us to wait", { kind: "retry_after", afterMs: 3_600_000, reason: "http-429" }],
  ["refuses us", { kind: "destination_rejected", reason: "http-410" }],
] as const)("an urged destination tries at once although it %s, and once only", async (_, outcome) => {
  await using operated = await open([outcome, outcome, outcome]);
  const { planner, track, holds, idle } = operated;
  await planner.tell(publication());
  track.wakeup.wake();
  await eventually(() => track.outcomes.length === 1);
  await idle();
  const hasten = async () => {
    for await (const lines of planner.store.ledger.hasten({}, T0)) {
      expect(lines).toHaveLength(1);
    }
  };
  await hasten();
  track.wakeup.wake();
  await idle();
  expect(track.sent).toHaveLength(1);
  holds.urge("soc");
  track.wakeup.wake();
  await eventually(() => track.outcomes.length === 2);
  await idle();
  await hasten();
  track.wakeup.wake();
  await idle();
  expect(track.sent).toHaveLength(2);
});

test("a suspension is known as long as it lasts", async () => {
  await using operated = await open([{ kind: "destination_rejected", reason: "http-410" }]);
  const { planner, track, holds, idle } = operated;
  await planner.tell(publication());
  track.wakeup.wake();
  await eventually(() => holds.find("soc", "suspended") !== undefined);
  expect(holds.find("soc", "suspended")).toEqual({
    destination: "soc",
    kind: "suspended",
    since: T0,
    note: "http-410",
  });
  await idle();
  for await (const _ of planner.store.ledger.hasten({}, T0)) {
  }
  holds.urge("soc");
  track.wakeup.wake();
  await eventually(() => holds.find("soc", "suspended") === undefined && track.sent.length === 2);
});
