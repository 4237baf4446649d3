import { expect, test } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import type { Asking, Budget, KeyRefusal } from "../../src/recall/budget.ts";
import type { KeyRefused } from "../../src/recall/question.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { captureLog } from "../support/captured-log.ts";
import { MINUTE, SECOND, T0 } from "../support/messages.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { openBudget } from "./budgets.ts";

const FORBIDDEN: KeyRefused = { kind: "forbidden", reason: "key-not-accepted", hint: "check `api_key`" };
const GOOD = { kind: "event" };

/** Asks at once, all together; notes in which order and when they may. */
async function ask(budget: Budget, clock: VirtualClock, who: readonly Asking[], forMs: number) {
  const turns: string[] = [];
  const stop = new AbortController();
  const waiting = who.map(async (one) => {
    if (await budget.turn(one, stop.signal)) {
      turns.push(`${one} ${(clock.now() - T0) / SECOND}`);
    }
  });
  await clock.pass(forMs);
  stop.abort();
  await Promise.all(waiting);
  return turns;
}

test("a question that cannot wait comes before those that can, whoever came first", async () => {
  const clock = new VirtualClock();
  const budget = openBudget(clock, { perMinute: 60 });
  // The last of what may be asked at once is left to those who cannot wait.
  expect(await ask(budget, clock, Array(6).fill("recall"), 0)).toEqual(Array(4).fill("recall 0"));
  const turns = await ask(budget, clock, ["reconcile", "recall", "confirm", "command"], 5 * SECOND);
  expect(turns.slice(0, 2)).toEqual(["confirm 0", "command 1"]);
});

test("whoever waits for long has its turn, though others never cease to ask", async () => {
  const clock = new VirtualClock();
  const budget = openBudget(clock, { perMinute: 60 });
  const stop = new AbortController();
  let served = Number.NaN;
  const patient = budget.turn("reconcile", stop.signal).then(() => {
    served = clock.now() - T0;
  });
  const busy = async () => {
    while (await budget.turn("confirm", stop.signal)) {}
  };
  const running = [busy(), busy(), busy()];
  await clock.pass(MINUTE);
  stop.abort();
  await Promise.all([patient, ...running]);
  expect(served).toBeLessThan(25 * SECOND);
});

test("all who ask share what may be asked in a minute", async () => {
  const clock = new VirtualClock();
  const budget = openBudget(clock, { perMinute: 2 });
  const turns = await ask(budget, clock, ["recall", "recall", "reconcile", "recall"], 65 * SECOND);
  expect(turns).toEqual(["recall 0", "recall 0", "recall 30", "reconcile 60"]);
});

test("while the key is refused one question a minute finds out whether it works again, and then all go on at once", async () => {
  const clock = new VirtualClock();
  await using store = openMemoryStore();
  const told: KeyRefusal[] = [];
  const { log, find } = captureLog();
  const budget = openBudget(clock, { log, refused: (refusal) => void told.push(refusal) });
  expect(await budget.note(FORBIDDEN, store, "7")).toBe(true);
  expect(budget.refusal).toEqual({ since: T0, reason: "key-not-accepted", hint: "check `api_key`" });
  const stop = new AbortController();
  const turns: string[] = [];
  for (const who of ["recall", "reconcile"] as const) {
    void budget.turn(who, stop.signal).then(() => turns.push(`${who} ${(clock.now() - T0) / SECOND}`));
  }
  await clock.pass(70 * SECOND);
  expect(turns).toEqual(["recall 60"]);
  await budget.note(GOOD, store);
  expect(budget.refusal).toBeUndefined();
  await clock.pass(0);
  expect(turns).toEqual(["recall 60", "reconcile 70"]);
  expect(told).toHaveLength(1);
  expect(find(/refuses the API key/)).toMatchObject([{ level: "error", instance: "cert", hint: "check `api_key`" }]);
  expect(find(/accepts the API key again/)).toHaveLength(1);
});

test("that the key is refused, and for how long, is known after a restart, and a clock that jumps adds little", async () => {
  const clock = new VirtualClock();
  await using store = openMemoryStore();
  const first = openBudget(clock);
  await first.note(FORBIDDEN, store);
  await clock.pass(MINUTE);
  await first.note(FORBIDDEN, store);
  const told: KeyRefusal[] = [];
  const later: Clock = { ...clock, now: () => clock.now() + 100 * 24 * 60 * MINUTE };
  const second = openBudget(later, { refused: (refusal) => void told.push(refusal) });
  await second.open(store);
  expect(second.refusal).toMatchObject({ since: T0, reason: "key-not-accepted" });
  expect(second.refusedMs).toBe(MINUTE);
  // It is tried at once: whoever restarts may just have mended it.
  expect(await second.turn("recall", new AbortController().signal)).toBe(true);
  await second.note(FORBIDDEN, store);
  expect(second.refusedMs).toBe(MINUTE);
  // Said again as the same message, in case the first was killed before it was planned.
  expect(told).toMatchObject([{ since: T0 }]);
});

test("what is refused for one event alone, while the key works for others, is about that event", async () => {
  const clock = new VirtualClock();
  await using store = openMemoryStore();
  const budget = openBudget(clock);
  expect(await budget.note(FORBIDDEN, store, "7")).toBe(true);
  expect(await budget.note(GOOD, store, "8")).toBe(false);
  expect(await budget.note(FORBIDDEN, store, "7")).toBe(false);
  expect(budget.refusal).toBeUndefined();
  expect(await budget.note(FORBIDDEN, store, "9")).toBe(true);
});

test("whoever asks waits as long as MISP wants to be left alone", async () => {
  const clock = new VirtualClock();
  await using store = openMemoryStore();
  const budget = openBudget(clock);
  await budget.note({ kind: "retry", reason: "rate-limited", afterMs: 90_000 }, store);
  expect(await ask(budget, clock, ["confirm"], 2 * MINUTE)).toEqual(["confirm 90"]);
});
