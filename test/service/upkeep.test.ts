import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Notices } from "../../src/absorbing/notices.ts";
import type { AlertId } from "../../src/model/alert.ts";
import type { RecordLine } from "../../src/model/outbox.ts";
import { keepInBounds } from "../../src/service/upkeep.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { alert, delivery, effects, eventMemory, group, record } from "../store/samples.ts";
import { captureLog } from "../support/captured-log.ts";
import { historyOf } from "../support/history.ts";
import { sightingAdded, T0 } from "../support/messages.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;

async function openDesk(maxBytes: number) {
  const directory = await mkdtemp(join(tmpdir(), "herald-upkeep-"));
  const store = await openSqliteStore({ path: join(directory, "state.db") });
  const clock = new VirtualClock();
  const log = captureLog();
  const notices = new Notices();
  const settled: RecordLine[] = [];
  const ended = new AbortController();
  const upkeep = {
    ...{ store, bounds: () => ({ retentionMs: 90 * DAY, maxBytes }), clock, log: log.log, notices },
    observer: { settled: (line: RecordLine) => void settled.push(line) },
  };
  const running = keepInBounds(upkeep, ended.signal);
  onTestFinished(async () => {
    ended.abort();
    await running;
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });
  await clock.pass(1);
  return { store, clock, log, notices, settled };
}

test("what does not fit is dead: recorded, counted, logged and told", async () => {
  const { store, clock, log, notices, settled } = await openDesk(600 * 1024);
  const event = { id: "9", info: "x".repeat(50 * 1024), tags: [] };
  const owed = Array.from({ length: 20 }, (_, i) => delivery(`d${i}`, { createdAt: T0 + i, groups: [group(`${i}`)] }));
  await store.commit(
    effects({ alerts: owed.map((one) => alert(one.alert, { event })), deliveries: owed }),
    clock.now(),
  );
  await clock.pass(5 * MINUTE);
  const dead = settled.filter(({ outcome, reason }) => outcome === "dead" && reason === "state-full");
  expect(dead.length).toBeGreaterThan(5);
  expect(dead[0]?.delivery).toBe("d0");
  expect(await store.owed()).toMatchObject([{ destination: "soc", owed: 20 - dead.length }]);
  expect(await historyOf(store, 100)).toHaveLength(dead.length);
  expect(log.find(/oldest deliveries are dead/)).toMatchObject([{ dead: { soc: dead.length } }]);
  expect(notices.take(clock.now())).toMatchObject([
    {
      message: {
        kind: "herald.delivery_dead",
        lines: [{}, { text: "state-full" }, { text: `${dead.length} alerts` }, {}],
      },
    },
  ]);
});

test("what MISP was to be asked about is refused before anything owed is dead", async () => {
  const { store, clock, log, settled } = await openDesk(0);
  const message = { ...sightingAdded(), instance: "cert" };
  const undecided = { id: "u" as AlertId, instance: "cert", eventKey: "7", destinations: ["soc"], message, since: T0 };
  await store.commit(effects({ events: [eventMemory()], undecided: [undecided] }), clock.now());
  await clock.pass(2 * MINUTE);
  expect(settled).toMatchObject([{ destination: "soc", outcome: "refused", reason: "unknown" }]);
  expect(await store.undecided("cert", T0 + DAY, [])).toBeUndefined();
  expect(log.find(/nothing more can be removed/).map(({ removed }) => removed)).toContainEqual(
    expect.objectContaining({ undecided: 1 }),
  );
});

test("what is older than retention goes though there is room", async () => {
  const { store, clock, log } = await openDesk(2 ** 30);
  await store.commit(effects({ records: [record(delivery("old"), { at: T0 - 91 * DAY })] }), clock.now());
  await clock.pass(61 * MINUTE);
  expect(await historyOf(store, 10)).toEqual([]);
  expect(log.lines).toEqual([]);
});
