import { expect, test } from "vitest";
import { persistent } from "../../src/delivery/persist.ts";
import { StoreError } from "../../src/errors.ts";
import type { BatchId, Settlement } from "../../src/model.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { captureLog } from "../support/captured-log.ts";
import { T0 } from "../support/messages.ts";
import { SteppedClock } from "./lane.ts";

const SETTLEMENT: Settlement = { batch: "b1" as BatchId, records: [], attempted: true };

function failing(times: number, error: Error) {
  const calls: Settlement[] = [];
  const store = Object.assign(openMemoryStore(), {
    settle: async (settlement: Settlement) => {
      calls.push(settlement);
      if (calls.length <= times) throw error;
    },
  });
  return { store, calls };
}

test("what became of a batch is written down once the disk has room again", async () => {
  const { store, calls } = failing(3, new StoreError("The disk is full"));
  const captured = captureLog();
  const clock = new SteppedClock(T0 + 60_000, () => {});
  await persistent(store, clock, captured.log, new AbortController().signal).settle(SETTLEMENT, T0);
  expect(calls).toEqual([SETTLEMENT, SETTLEMENT, SETTLEMENT, SETTLEMENT]);
  expect(clock.sleeps).toEqual([5000, 5000, 5000]);
  expect(captured.find(/Cannot write down/)).toHaveLength(3);
});

test("a bug in the store is no disk that is full", async () => {
  const { store, calls } = failing(1, new TypeError("undefined is not a function"));
  const settling = persistent(
    store,
    new SteppedClock(T0 + 1, () => {}),
    captureLog().log,
    new AbortController().signal,
  );
  await expect(settling.settle(SETTLEMENT, T0)).rejects.toThrow(TypeError);
  expect(calls).toHaveLength(1);
});

test("it gives up when the service has to end", async () => {
  const { store } = failing(100, new StoreError("The disk is full"));
  const cut = new AbortController();
  const clock = new SteppedClock(T0 + 12_000, () => cut.abort());
  await expect(persistent(store, clock, captureLog().log, cut.signal).settle(SETTLEMENT, T0)).rejects.toThrow(
    StoreError,
  );
});
