import { expect, test } from "vitest";
import { StoreError } from "../../src/base/errors.ts";
import { insisting } from "../../src/base/insist.ts";
import { Holds } from "../../src/delivery/holds.ts";
import { persistent } from "../../src/delivery/persist.ts";
import type { Hold } from "../../src/model/ledger.ts";
import type { BatchId, Settlement } from "../../src/model/outbox.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { captureLog } from "../support/captured-log.ts";
import { T0 } from "../support/messages.ts";
import { SteppedClock } from "./worker.ts";

const SETTLEMENTS: readonly Settlement[] = [{ batch: "b1" as BatchId, records: [], attempted: true }];

/** A store that fails the first `times` that something is written, and whoever writes there again and again. */
function failing(times: number, error: Error, cut = new AbortController(), until = T0 + 60_000) {
  const calls: (readonly Settlement[] | Hold)[] = [];
  const write = async (what: readonly Settlement[] | Hold) => {
    calls.push(what);
    if (calls.length <= times) {
      throw error;
    }
  };
  const store = Object.assign(openMemoryStore(), { settle: write });
  const holds = new Holds({ hold: write, limit: write, release: async () => {} });
  const captured = captureLog();
  const clock = new SteppedClock(until, () => cut.abort());
  const safe = persistent(
    { store, breaker: holds.breaker("soc") },
    insisting({ destination: "soc" }, clock, captured.log, cut.signal),
  );
  return { safe, calls, captured, clock, holds };
}

test("what became of a batch is written down once the disk has room again", async () => {
  const { safe, calls, captured, clock } = failing(3, new StoreError("The disk is full", { passing: true }));
  await safe.store.settle(SETTLEMENTS, T0);
  expect(calls).toEqual([SETTLEMENTS, SETTLEMENTS, SETTLEMENTS, SETTLEMENTS]);
  expect(clock.sleeps).toEqual([5000, 5000, 5000]);
  expect(captured.find(/Cannot write to the state file/)).toHaveLength(3);
});

test("so is that a destination refuses us", async () => {
  const { safe, calls, holds } = failing(2, new StoreError("The disk is full", { passing: true }));
  await safe.breaker.suspend("http-410", T0);
  const hold = { destination: "soc", kind: "suspended", since: T0, note: "http-410" };
  expect(calls).toEqual([hold, hold, hold]);
  expect(holds.all).toEqual([hold]);
});

test("a bug in the store is no disk that is full", async () => {
  const { safe, calls } = failing(1, new TypeError("undefined is not a function"));
  await expect(safe.store.settle(SETTLEMENTS, T0)).rejects.toThrow(TypeError);
  expect(calls).toHaveLength(1);
});

test("it gives up when the service has to end", async () => {
  const { safe } = failing(
    100,
    new StoreError("The disk is full", { passing: true }),
    new AbortController(),
    T0 + 12_000,
  );
  await expect(safe.store.settle(SETTLEMENTS, T0)).rejects.toThrow(StoreError);
});
