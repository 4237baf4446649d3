import { expect, test } from "vitest";
import { StoreError } from "../../src/base/errors.ts";
import type { EventAnswer } from "../../src/recall/question.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { SteppedClock } from "../delivery/worker.ts";
import { captureLog } from "../support/captured-log.ts";
import { MINUTE, SECOND, T0 } from "../support/messages.ts";
import { openBudget } from "./budgets.ts";
import { HOUR, Misp, owed, PATIENCE, rounds, startedBefore } from "./misp.ts";

const FAILED: EventAnswer = { kind: "retry", reason: "http-500" };

async function missed(n: number) {
  const store = openMemoryStore();
  await startedBefore(store);
  const misp = new Misp();
  for (let id = 1; id <= n; id += 1) {
    misp.publish(String(id), T0 + id * SECOND);
  }
  return { store, misp };
}

test("an event that MISP cannot serve holds up no other, and is told by its title when patience ends", async () => {
  const { store, misp } = await missed(5);
  misp.answers.set("1", FAILED);
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([4]);
  expect((await owed(store)).map(({ info }) => info)).toEqual(["Event 2", "Event 3", "Event 4", "Event 5"]);
  expect((await store.cursor("cert"))?.publishedAt).toBe(T0 + SECOND);
  expect(await rounds(store, misp, PATIENCE + 5 * MINUTE + MINUTE, T0 + HOUR + MINUTE)).toEqual([1]);
  expect(await owed(store)).toMatchObject([{ info: "Event 1", late: true, items: 0 }]);
  expect((await store.cursor("cert"))?.publishedAt).toBe(T0 + 5 * SECOND);
});

test("an event about which asking fails by a bug holds up no other either", async () => {
  const { store, misp } = await missed(2);
  const ask = misp.ask.bind(misp);
  misp.ask = async (uuid) => {
    const answer = await ask(uuid);
    if (misp.asked.at(-1) === "1") {
      throw new TypeError("x is not a function");
    }
    return answer;
  };
  await rounds(store, misp, MINUTE, T0 + HOUR);
  expect((await owed(store)).map(({ info }) => info)).toEqual(["Event 2"]);
});

test("several failures in a row end the round, and the next one begins with what has not failed", async () => {
  const { store, misp } = await missed(6);
  for (const id of ["1", "2", "3", "4"]) {
    misp.answers.set(id, FAILED);
  }
  expect(await rounds(store, misp, 4 * MINUTE, T0 + HOUR)).toEqual([]);
  expect(misp.asked).toEqual(["1", "2", "3"]);
  misp.asked.splice(0);
  // In one go: two rounds are interrupted by failures, the third gets through to the others.
  await rounds(store, misp, 11 * MINUTE, T0 + HOUR + 4 * MINUTE);
  expect(misp.asked.slice(0, 6)).toEqual(["1", "2", "3", "4", "5", "6"]);
  expect((await owed(store)).slice(0, 2).map(({ info }) => info)).toEqual(["Event 5", "Event 6"]);
});

test("MISP is asked nothing for as long as it asks to be left alone, and that is no failure of an event", async () => {
  const { store, misp } = await missed(3);
  let answeredAt = 0;
  const ask = misp.ask.bind(misp);
  misp.answer = { kind: "retry", reason: "rate-limited", afterMs: 15 * MINUTE };
  misp.ask = async (uuid) => {
    if (misp.asked.length === 1) {
      misp.answer = undefined;
      answeredAt = misp.now();
    }
    return ask(uuid);
  };
  expect(await rounds(store, misp, HOUR, T0 + HOUR)).toEqual([3]);
  expect(answeredAt - (T0 + HOUR)).toBeGreaterThanOrEqual(15 * MINUTE);
  expect(answeredAt - (T0 + HOUR)).toBeLessThan(16 * MINUTE);
  expect((await owed(store)).map(({ items }) => items)).toEqual([1, 1, 1]);
});

test("so it is with the question what was published", async () => {
  const { store, misp } = await missed(1);
  misp.failure = { kind: "retry", reason: "rate-limited", afterMs: 15 * MINUTE };
  await rounds(store, misp, 14 * MINUTE, T0 + HOUR);
  expect(misp.questions).toHaveLength(1);
});

test("an answer that is too large is about its event alone", async () => {
  const { store, misp } = await missed(6);
  for (const id of ["1", "2", "3", "4"]) {
    misp.answers.set(id, { kind: "retry", reason: "too-large", afterMs: 5 * MINUTE });
  }
  expect(await rounds(store, misp, MINUTE, T0 + HOUR)).toEqual([2]);
  expect(misp.asked).toEqual(["1", "2", "3", "4", "5", "6"]);
});

test("while MISP lists what it published and answers about no event, all of it is told by title when patience ends", async () => {
  const { store, misp } = await missed(20);
  misp.answer = FAILED;
  expect(await rounds(store, misp, PATIENCE + 10 * MINUTE, T0 + HOUR)).toEqual([20]);
  expect((await owed(store)).every(({ items }) => items === 0)).toBe(true);
});

test("what an interrupted round has told is counted with what the next one tells", async () => {
  const { store, misp } = await missed(200);
  let left = 150;
  const ask = misp.ask.bind(misp);
  misp.ask = async (uuid) => {
    left -= 1;
    return left < 0 && left >= -3 ? FAILED : ask(uuid);
  };
  expect(await rounds(store, misp, 14 * MINUTE, T0 + HOUR)).toEqual([200]);
  expect(await owed(store)).toHaveLength(200);
});

test("a full disk is not called a bug, and late publications are told when there is room", async () => {
  const { store, misp } = await missed(1);
  const { log, find } = captureLog();
  const commit = store.commit.bind(store);
  let full = true;
  store.commit = async (effects, now) => {
    if (!full) {
      return commit(effects, now);
    }
    full = false;
    throw new StoreError("the disk is full; free some space", { passing: true });
  };
  expect(await rounds(store, misp, 14 * MINUTE, T0 + HOUR, undefined, log)).toEqual([1]);
  expect(find(/by a bug/)).toEqual([]);
  expect(find(/Cannot store late publications/)).toMatchObject([
    { level: "error", hint: expect.stringMatching(/free space/) },
  ]);
  expect(await owed(store)).toHaveLength(1);
});

test("where the key was refused before a restart, what MISP answers now is logged at once, and nothing is passed over for it", async () => {
  const { store, misp } = await missed(1);
  const stop = new AbortController();
  const clock = new SteppedClock(T0 + HOUR, () => stop.abort());
  clock.at = T0;
  await openBudget(clock).note({ kind: "forbidden", reason: "key-not-accepted" }, store);
  const { log, find } = captureLog();
  misp.failure = { kind: "retry", reason: "http-404", hint: "check `url`" };
  await rounds(store, misp, 30 * SECOND, T0 + HOUR, undefined, log);
  expect(find(/MISP does not say what it published/)).toMatchObject([{ reason: "http-404", hint: "check `url`" }]);
  misp.failure = undefined;
  // Whose key it is, is asked as soon as it works.
  const learned: number[] = [];
  misp.learn = async () => void learned.push(misp.questions.length);
  expect(await rounds(store, misp, MINUTE, T0 + HOUR + MINUTE)).toEqual([1]);
  expect(learned[0]).toBe(2);
});

test("an event that MISP fails to tell of before it has accepted the key again waits as if the key were refused", async () => {
  const { store, misp } = await missed(1);
  misp.answer = { kind: "forbidden", reason: "key-not-accepted" };
  const publishedPage = misp.published.bind(misp);
  let asked = 0;
  // The list is told once, and then nothing: the key is not accepted in between.
  misp.published = async (since, page) => {
    asked += 1;
    return asked === 1 ? publishedPage(since, page) : { kind: "retry", reason: "http-503" };
  };
  await rounds(store, misp, 3 * HOUR, T0 + HOUR);
  expect(await owed(store)).toEqual([]);
  misp.published = publishedPage;
  misp.answer = undefined;
  expect(await rounds(store, misp, 14 * MINUTE, T0 + 4 * HOUR)).toEqual([1]);
  expect(await owed(store)).toMatchObject([{ items: 1 }]);
});
