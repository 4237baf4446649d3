import { expect, test } from "vitest";
import { Notices } from "../../src/absorbing/notices.ts";
import { Holds } from "../../src/delivery/holds.ts";
import type { RecordLine } from "../../src/model/outbox.ts";
import { dropUnnamed, noteUnnamed } from "../../src/service/unnamed.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { delivery, owing } from "../store/samples.ts";
import { captureLog } from "../support/captured-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const HOUR = 3_600_000;

async function open() {
  const store = openMemoryStore();
  const clock = new VirtualClock();
  const log = captureLog();
  const records: RecordLine[] = [];
  const housekeeping = {
    ...{ store, clock, log: log.log, notices: new Notices(), holds: new Holds(store.ledger) },
    observer: { settled: (line: RecordLine) => void records.push(line) },
  };
  await store.commit(owing(delivery("a"), delivery("b"), delivery("m", { destination: "mail" })), clock.now());
  return { ...housekeeping, housekeeping, captured: log, records };
}

test("what is owed to a destination that no configuration names is kept for 24 h, and then dead, counted and told", async () => {
  const { housekeeping, store, clock, captured, records, notices, holds } = await open();
  await noteUnnamed(housekeeping, new Set(["mail"]));
  expect(captured.find(/does not name destinations/)).toMatchObject([{ owed: { soc: 2 } }]);
  await clock.pass(23 * HOUR);
  await dropUnnamed(housekeeping);
  expect(records).toEqual([]);
  await clock.pass(HOUR);
  await dropUnnamed(housekeeping);
  expect(records).toMatchObject([
    { destination: "soc", outcome: "dead", reason: "destination-removed" },
    { destination: "soc", outcome: "dead", reason: "destination-removed" },
  ]);
  expect(await store.owed()).toMatchObject([{ destination: "mail", owed: 1 }]);
  expect(holds.all).toEqual([]);
  expect(notices.take(clock.now())).toHaveLength(1);
});

test("a suspension ends with its destination, once nothing is owed to it", async () => {
  const { housekeeping, store, holds, clock } = await open();
  for (const destination of ["soc", "gone"]) {
    await holds.add({ destination, kind: "suspended", since: clock.now(), note: "http-410" });
  }
  await noteUnnamed(housekeeping, new Set(["mail"]));
  expect(holds.find("gone", "suspended")).toBeUndefined();
  expect(holds.find("soc", "suspended")).toBeDefined();
  for await (const _ of store.ledger.drop({ destinations: ["soc"] }, { outcome: "muted" }, clock.now())) {
  }
  await noteUnnamed(housekeeping, new Set(["mail"]));
  expect(holds.all).toEqual([]);
});

test("one that is named again in time loses nothing, and a restart in between does not begin the day anew", async () => {
  const { housekeeping, store, clock, records } = await open();
  await noteUnnamed(housekeeping, new Set(["mail"]));
  await clock.pass(20 * HOUR);
  const restarted = { ...housekeeping, holds: new Holds(store.ledger, await store.ledger.holds()) };
  await noteUnnamed(restarted, new Set(["mail"]));
  expect(restarted.holds.find("soc", "unnamed")?.since).toBe(clock.now() - 20 * HOUR);
  await noteUnnamed(restarted, new Set(["mail", "soc"]));
  await clock.pass(20 * HOUR);
  await dropUnnamed(restarted);
  expect(records).toEqual([]);
  expect(await store.ledger.holds()).toEqual([]);
});
