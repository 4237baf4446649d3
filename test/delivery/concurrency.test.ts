import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openLog } from "../../src/base/log.ts";
import { Wakeup } from "../../src/base/wakeup.ts";
import { type DeliveryWorker, deliver } from "../../src/delivery/deliver.ts";
import { Holds } from "../../src/delivery/holds.ts";
import { openDeliveryState } from "../../src/delivery/settle.ts";
import type { Outcome, Payload } from "../../src/model/payload.ts";
import { Planner } from "../planning/planner.ts";
import { attributeAdded, publication, T0, tags } from "../support/messages.ts";
import { SteppedClock, stoppedClock } from "./worker.ts";

const ROUTE = { name: "all", kinds: ["*"], notify: "soc", group: { interval: "0s" } };

function other(n: number) {
  return publication({
    event: { id: String(100 + n), uuid: `5f1b2c3d-0000-4000-8000-${String(100 + n).padStart(12, "0")}` },
  });
}

/** A destination for programs that takes four at once, and holds each until it is answered. */
function held(of: Planner, clock: DeliveryWorker["clock"], answer?: (payload: Payload) => Outcome) {
  const sent: { readonly payload: Payload; readonly answer: (outcome: Outcome) => void }[] = [];
  const writes: number[] = [];
  const stop = new AbortController();
  let most = 0;
  let open = 0;
  const settings = of.rules.destinations.get("soc");
  if (!settings) {
    throw new Error("no destination soc");
  }
  const worker: DeliveryWorker = {
    destination: {
      name: "soc",
      program: { maxBytes: 1e6, fits: () => true, weigh: () => ({ total: 0, entries: [] }) },
      send: async (payload) => {
        open += 1;
        most = Math.max(most, open);
        const outcome = await (answer?.(payload) ??
          new Promise<Outcome>((resolve) => sent.push({ payload, answer: resolve })));
        if (answer) {
          sent.push({ payload, answer: () => {} });
          await setImmediate();
        }
        open -= 1;
        return outcome;
      },
      preview: async () => ({ body: "", sizes: [], trimmed: [], html: "" }),
      async [Symbol.asyncDispose]() {},
    },
    concurrency: 4,
    breaker: new Holds(of.store.ledger).breaker("soc"),
    state: openDeliveryState(clock.now()),
    sending: { guard: settings.guard, routes: of.rules.routes, links: new Map(), program: true },
    maxAgeMs: 86_400_000,
    store: Object.assign(Object.create(of.store), {
      settle: (...args: Parameters<typeof of.store.settle>) => {
        writes.push(args[0].length);
        return of.store.settle(...args);
      },
      take: (...args: Parameters<typeof of.store.take>) => of.store.take(...args),
      owed: () => of.store.owed(),
    }),
    wakeup: new Wakeup(),
    clock,
    log: openLog("error", { write: () => {} }),
    observer: { settled: () => {}, attempted: () => {} },
  };
  const running = deliver(worker, stop.signal, new AbortController().signal);
  const until = async (isSo: () => boolean) => {
    for (let turns = 0; !isSo() && turns < 2000; turns += 1) {
      await setImmediate();
    }
    expect(isSo()).toBe(true);
  };
  return { sent, writes, until, stop, running, worker, most: () => most };
}

const eventsOf = (sent: readonly { readonly payload: Payload }[]) =>
  sent.map(({ payload }) => payload.entries.map(({ guarded }) => guarded.alert.event?.id).join());

describe("deliver() with several attempts at once", () => {
  it("has as many on their way as the channel allows, and writes down together what ends together", async () => {
    const of = new Planner({ routes: [ROUTE] });
    await of.plan(...Array.from({ length: 10 }, (_, n) => other(n)));
    const flight = held(of, stoppedClock());
    await flight.until(() => flight.sent.length === 4);
    for (const one of flight.sent) {
      one.answer({ kind: "done" });
    }
    // What has arrived holds up nothing until it is written down.
    await flight.until(() => flight.sent.length === 8);
    expect(flight.writes).toEqual([]);
    for (const one of flight.sent.slice(4)) {
      one.answer({ kind: "done" });
    }
    await flight.until(() => flight.sent.length === 10);
    flight.stop.abort();
    for (const one of flight.sent.slice(8)) {
      one.answer({ kind: "done" });
    }
    await flight.running;
    expect(flight.writes).toEqual([10]);
    expect(await of.store.owed()).toEqual([]);
    expect(new Set(eventsOf(flight.sent)).size).toBe(10);
    expect(flight.most()).toBe(4);
  });

  it("writes down together what ends within a few turns, and at once what ends while the others go on", async () => {
    const of = new Planner({ routes: [ROUTE] });
    await of.plan(...Array.from({ length: 4 }, (_, n) => other(n)));
    const flight = held(of, stoppedClock());
    await flight.until(() => flight.sent.length === 4);
    const [first, ...others] = flight.sent;
    first?.answer({ kind: "done" });
    await flight.until(() => flight.writes.length > 0);
    for (const one of others) {
      one.answer({ kind: "done" });
      await setImmediate();
      await setImmediate();
    }
    await flight.until(() => flight.writes.length > 1);
    expect(flight.writes).toEqual([1, 3]);
    flight.stop.abort();
    await flight.running;
    expect(await of.store.owed()).toEqual([]);
  });

  it("tells of one event in order, one after the other, also when the first is tried again", async () => {
    const of = new Planner({ routes: [ROUTE] });
    await of.tell(publication(), attributeAdded({ id: "33", attribute: { tags: tags("tlp:green") } }), other(1));
    expect((await of.store.owed())[0]?.owed).toBe(3);
    const flight = held(of, stoppedClock());
    await flight.until(() => flight.sent.length === 2);
    const [first, second] = flight.sent;
    expect(eventsOf(flight.sent)).toEqual(["7", "101"]);
    second?.answer({ kind: "done" });
    first?.answer({ kind: "retry", reason: "http-500" });
    await flight.until(() => flight.writes.length > 0);
    const owed = async () => (await of.store.owed())[0]?.owed;
    for (let turns = 0; turns < 50; turns += 1) {
      await setImmediate();
    }
    // It is tried again in a while, and what came about the event later waits for that.
    expect(await owed()).toBe(2);
    expect(flight.sent).toHaveLength(2);
    flight.stop.abort();
    await flight.running;
  });

  it("asks a destination that is down by one attempt at a time, however much it is owed", async () => {
    const of = new Planner({ routes: [ROUTE] });
    await of.plan(...Array.from({ length: 200 }, (_, n) => other(n)));
    const clock = new SteppedClock(T0 + 600_000, () => flight.stop.abort());
    const flight = held(of, clock, () => ({ kind: "retry", reason: "connection-refused", down: true }));
    await flight.running;
    // The first four find it out together; what follows is one at a time, ever more seldom.
    expect(flight.sent.length).toBeLessThan(4 + 12);
    expect((await of.store.owed())[0]?.owed).toBe(200);
  });
});
