import { expect, test } from "vitest";
import { openWakeups } from "../../src/absorbing/absorb.ts";
import { Notices } from "../../src/absorbing/notices.ts";
import { openHolds } from "../../src/delivery/holds.ts";
import { openSilences } from "../../src/delivery/silences.ts";
import type { DeliveryId, RecordLine } from "../../src/model/outbox.ts";
import { mutedBy, type Silence } from "../../src/model/silence.ts";
import { Silencing } from "../../src/service/silencing.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { effects } from "../store/samples.ts";
import { captureLog } from "../support/captured-log.ts";
import { MINUTE, T0 } from "../support/messages.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const HOUR = 60 * MINUTE;

const one: Silence = {
  ...{ id: "3f2a9c01", createdAt: T0, until: T0 + 4 * HOUR, by: "alice", reason: "exercise of CERT-XX" },
  ...{ match: [{ org: "SECRET" }], events: [], routes: [], destinations: [], afterwards: "nothing", changes: [] },
};

/** What looks after silences and pauses, on a clock that a test lets pass. */
async function looked() {
  const store = openMemoryStore();
  const clock = new VirtualClock();
  const { log } = captureLog();
  const holds = await openHolds(store.ledger);
  const silences = await openSilences(store.ledger, T0, log);
  const notices = new Notices();
  const context = { store, holds, silences, notices, clock, log, wakeups: openWakeups(["soc"]) };
  const told: (readonly (string | undefined)[])[] = [];
  let silencing = new Silencing();
  return {
    ...context,
    told,
    restart: () => {
      silencing = new Silencing();
    },
    /** As upkeep does, every minute. */
    async pass(ms: number): Promise<void> {
      for (let left = ms; left > 0; left -= MINUTE) {
        await clock.pass(MINUTE);
        await silencing.look(context);
        for (const { message } of notices.take(clock.now())) {
          told.push([message.kind, message.version, message.lines.map(({ text }) => text).join("; ")]);
        }
      }
    },
    async mute(n: number): Promise<void> {
      const records = Array.from(
        { length: n },
        (_, index): RecordLine => ({
          ...{
            delivery: `d${index}` as DeliveryId,
            at: T0,
            destination: "soc",
            instance: "cert",
            kind: "event.published",
          },
          ...{ routes: [], ...mutedBy(one) },
        }),
      );
      await store.commit(effects({ records }), T0);
    },
  };
}

test("a silence that ends soon with much behind it is told of once, without what it is about", async () => {
  const service = await looked();
  await service.silences.put(one);
  await service.mute(20);
  await service.pass(4 * HOUR - 16 * MINUTE);
  expect(service.told).toEqual([]);
  await service.pass(10 * MINUTE);
  expect(service.told).toHaveLength(1);
  const [[kind, version, text] = []] = service.told;
  expect([kind, version]).toEqual(["herald.silence_ending", String(one.until)]);
  expect(text).toContain("3f2a9c01; 15 min; 20 alerts; ");
  expect(text).not.toMatch(/SECRET|CERT-XX|alice/);
  // After a restart it is the same message, which nobody gets twice.
  service.restart();
  await service.pass(MINUTE);
  expect(service.told[1]?.slice(0, 2)).toEqual([kind, version]);
});

test("one with little behind it is not told of, nor one that has just begun", async () => {
  const service = await looked();
  await service.silences.put(one);
  await service.mute(19);
  await service.silences.put({ ...one, id: "short", until: T0 + 12 * MINUTE });
  await service.pass(4 * HOUR);
  expect(service.told).toEqual([]);
});

test("one that is extended is told of before its new end", async () => {
  const service = await looked();
  await service.silences.put(one);
  await service.mute(30);
  await service.pass(4 * HOUR - 10 * MINUTE);
  await service.silences.put({ ...one, until: one.until + HOUR });
  await service.pass(HOUR);
  expect(service.told.map(([, version]) => version)).toEqual([String(one.until), String(one.until + HOUR)]);
});

test("a pause of a destination that nothing works for ends at its time, too", async () => {
  const service = await looked();
  const woken = service.wakeups.destinations.get("soc")?.next();
  await service.holds.pause({ destination: "soc", kind: "paused", since: T0, note: "bob", until: T0 + HOUR });
  await service.pass(HOUR - MINUTE);
  expect([service.holds.all.length, woken?.aborted]).toEqual([1, false]);
  await service.pass(MINUTE);
  expect([service.holds.all, await service.store.ledger.holds(), woken?.aborted]).toEqual([[], [], true]);
});
