import { describe, expect, it, test } from "vitest";
import { openWakeups } from "../../src/absorbing/absorb.ts";
import { headline } from "../../src/alert/headline.ts";
import { openBatch } from "../../src/delivery/payload.ts";
import { writeEnd } from "../../src/delivery/write-down.ts";
import type { Message } from "../../src/model/message.ts";
import type { RecordLine } from "../../src/model/outbox.ts";
import type { Payload } from "../../src/model/payload.ts";
import { acknowledge } from "../../src/operations/acknowledge.ts";
import { remindersAfter } from "../../src/pacing/remind.ts";
import { keysOf, plan } from "../../src/planning/plan.ts";
import { Planner } from "../planning/planner.ts";
import { captureLog } from "../support/captured-log.ts";
import {
  attributeAdded,
  attributeOf,
  EVENT_UUID,
  eventDeleted,
  MINUTE,
  publication,
  T0,
  tagAttached,
  tags,
} from "../support/messages.ts";
import { takeOne } from "../support/one-batch.ts";

const HOUR = 60 * MINUTE;
const STYLE = { timeZone: "UTC", defang: true };
const REMIND = { after: "4h", times: 2, escalate: "duty" };
const URGENT = {
  ...{ name: "urgent", kinds: ["*"], priority: "high", remind: REMIND },
  notify: { to: "soc", mention: "oncall" },
};

/** Planning and sending upon one store, by a clock that is set by hand. */
class Readers {
  readonly planner: Planner;
  readonly sent: { readonly at: number; readonly to: string; readonly payload: Payload }[] = [];
  readonly records: RecordLine[] = [];
  now = T0;

  constructor(route: object = {}, duty: object = {}) {
    this.planner = new Planner({
      routes: [{ ...URGENT, ...route }],
      destinations: { soc: {}, duty: { guard: duty } },
    });
  }

  async hear(...messages: readonly Message[]): Promise<void> {
    const { store, rules } = this.planner;
    const planned = plan(messages, await store.load(keysOf(messages)), this.now, rules);
    expect(await store.commit(planned.effects, this.now)).toBe("committed");
    this.records.push(...planned.effects.records);
  }

  /** So much time passes, and all that is due leaves. */
  async pass(ms: number): Promise<void> {
    this.now += ms;
    const { store, rules } = this.planner;
    for (const [to, { guard }] of rules.destinations) {
      for (;;) {
        const taken = await takeOne(store, to, this.now);
        if (!taken || "dueAt" in taken) {
          break;
        }
        const { batch } = taken;
        const links = new Map([["cert", new URL("https://misp.example.org")]]);
        const opened = openBatch(batch, { guard, routes: rules.routes, links }, this.now);
        const leaving = opened.leaving.map(({ delivery, guarded }) => ({ delivery, tlp: guarded.tlp }));
        const end = opened.payload ? ({ outcome: "sent" } as const) : undefined;
        const settled = (line: RecordLine) => void this.records.push(line);
        await writeEnd([batch], { ...opened, leaving }, end, this.now, { store, observer: { settled } });
        if (opened.payload) {
          this.sent.push({ at: this.now - T0, to, payload: opened.payload });
        }
      }
    }
  }

  /** When who was told, and as what. */
  get told() {
    return this.sent.map(({ at, to, payload: { entries } }) => [
      to,
      at / HOUR,
      ...entries.map((entry) => String(headline(entry, STYLE).title)),
    ]);
  }

  ends() {
    return this.records.map(({ destination, outcome, reason }) =>
      [destination, outcome, reason].filter(Boolean).join(" "),
    );
  }

  acknowledge(name: string, instance?: string) {
    const { store } = this.planner;
    const damage = { rows: 0, unrepaired: false, watch: () => {} };
    const observer = { settled: (line: RecordLine) => void this.records.push(line) };
    return acknowledge(
      { name, ...(instance !== undefined && { instance }) },
      { name: "alice" },
      {
        ...{ instances: ["cert"], store: { ...store, ...bound(store), damage } as never, observer },
        ...{ clock: { now: () => this.now } as never, log: captureLog().log, wakeups: openWakeups() },
      },
    );
  }
}

/** The methods of a store that are not its own properties. */
function bound(store: Planner["store"]) {
  return { load: store.load.bind(store), ledger: store.ledger };
}

const INFO = "Phishing wave against ACME";

describe("a reminder", () => {
  it("says what it is about, since when, how often, and how to acknowledge it, and mentions the same people", async () => {
    const readers = new Readers();
    await readers.hear(publication({ attributes: [attributeOf("21")] }));
    await readers.pass(0);
    await readers.pass(4 * HOUR);
    expect(readers.told).toEqual([
      ["soc", 0, INFO],
      ["soc", 4, `Reminder: ${INFO}`],
    ]);
    const [, { payload } = readers.sent[0] ?? {}] = readers.sent;
    expect(payload).toMatchObject({ priority: "high", mentions: ["oncall"], show: 0, tlp: "green" });
    const [entry] = payload?.entries ?? [];
    const words = entry && headline(entry, STYLE);
    expect(words?.state).toMatch(/^Reminder 1 of 2 · New$/);
    expect(words?.notice).toBe(
      "Nobody has acknowledged it since it was told, 2026-11-20 12:00 UTC · misp-herald ack cert:7",
    );
    expect(words?.changed).toBeUndefined();
    expect(words?.withheld).toBeUndefined();
  });

  it("comes at most so often, and then others are told, whose guard decides what", async () => {
    const readers = new Readers({}, { max_tlp: "clear", metadata_up_to: "green" });
    await readers.hear(publication({ attributes: [attributeOf("21")] }));
    for (let hour = 0; hour < 40; hour += 1) {
      await readers.pass(HOUR);
    }
    expect(readers.told.map(([to, at]) => [to, at])).toEqual([
      ["soc", 1],
      ["soc", 5],
      ["soc", 9],
      ["duty", 13],
    ]);
    const { payload } = readers.sent[3] ?? {};
    expect(payload?.entries[0]?.guarded).toMatchObject({ form: "metadata" });
    expect(payload?.mentions).toEqual([]);
    const [entry] = payload?.entries ?? [];
    expect(entry && headline(entry, STYLE)).toMatchObject({
      title: `Not acknowledged: ${INFO}`,
      state: expect.stringMatching(/^Not acknowledged after 2 reminders to soc/),
    });
  });

  it("tells others nothing that their guard refuses", async () => {
    const readers = new Readers({ remind: { ...REMIND, times: 1 } }, { max_tlp: "clear" });
    await readers.hear(publication());
    for (let hour = 0; hour < 40; hour += 1) {
      await readers.pass(HOUR);
    }
    expect(readers.sent.filter(({ to }) => to === "duty")).toEqual([]);
    expect(readers.ends()).toEqual(["soc sent", "soc sent", "duty refused tlp-above-ceiling"]);
  });

  test.each([
    ["was deleted", eventDeleted(), "soc withdrawn event-deleted"],
    ["has risen above the ceiling", tagAttached("tlp:red", { eventId: "7" }), "soc refused tlp-above-ceiling"],
  ])("does not come of an event that %s", async (_, message, end) => {
    const readers = new Readers({ kinds: ["event.published"] });
    await readers.hear(publication());
    await readers.pass(0);
    await readers.hear(message);
    for (let hour = 0; hour < 40; hour += 1) {
      await readers.pass(HOUR);
    }
    expect(readers.sent).toHaveLength(1);
    expect(readers.ends()).toEqual(["soc sent", end]);
  });

  it("ends with an acknowledgement, by number or UUID, and begins anew with what is told after it", async () => {
    const readers = new Readers();
    await readers.hear(publication());
    await readers.pass(0);
    await readers.pass(HOUR);
    expect(await readers.acknowledge("7", "cert")).toEqual({
      events: [{ instance: "cert", uuid: EVENT_UUID, id: "7", reminders: 1, destinations: ["soc"] }],
    });
    await readers.pass(20 * HOUR);
    expect(readers.sent).toHaveLength(1);
    expect(readers.records.at(-1)).toMatchObject({ outcome: "muted", reason: "acknowledged", by: "alice" });
    const now = readers.now;
    await readers.hear(publication({ event: { changedAt: now, info: "More of it" }, receivedAt: now }));
    await readers.pass(0);
    await readers.pass(4 * HOUR);
    expect(readers.told.slice(1)).toEqual([
      ["soc", 21, "More of it"],
      ["soc", 25, "Reminder: More of it"],
    ]);
    expect(await readers.acknowledge(EVENT_UUID)).toMatchObject({
      events: [{ before: { by: "alice" }, reminders: 1 }],
    });
    await expect(readers.acknowledge("8")).rejects.toThrow("no event 8 is remembered");
    await expect(readers.acknowledge("7", "other")).rejects.toThrow('there is no instance "other"');
  });

  it("takes in nothing that is news: an attribute that is added while it waits is told at its own time", async () => {
    const readers = new Readers({ group: { interval: "1m" } });
    await readers.hear(publication({ attributes: [attributeOf("21")] }));
    await readers.pass(0);
    await readers.pass(HOUR);
    await readers.hear(attributeAdded({ id: "22", attribute: { tags: tags("tlp:green") }, receivedAt: readers.now }));
    await readers.pass(MINUTE);
    expect(readers.sent).toHaveLength(2);
    expect(readers.sent[1]?.payload.entries[0]?.reminder).toBeUndefined();
  });

  it("is of nothing that tells that an event is gone", async () => {
    const readers = new Readers({ notify: ["soc"] });
    await readers.hear(publication());
    await readers.pass(0);
    await readers.acknowledge("7");
    await readers.hear(eventDeleted());
    await readers.pass(0);
    await readers.pass(100 * HOUR);
    expect(readers.sent).toHaveLength(2);
  });
});

describe("remindersAfter()", () => {
  it("gives those who are told at last nothing of whom to mention and what the first readers may see", async () => {
    const planner = new Planner({ routes: [{ ...URGENT, remind: { ...REMIND, times: 1 } }] });
    const { deliveries } = await planner.tell(publication({ attributes: [attributeOf("21")] }));
    const [told] = deliveries;
    const sent = { outcome: "sent" } as const;
    const [first] = told ? remindersAfter({ ...told, cleared: ["5"], hidden: ["x"] }, sent, T0) : [];
    expect(first).toMatchObject({ mentions: ["oncall"], cleared: ["5"] });
    const [last] = first ? remindersAfter(first, sent, T0) : [];
    expect(last).toMatchObject({ destination: "duty", mentions: [] });
    expect(JSON.stringify(last)).not.toMatch(/oncall|cleared|hidden/);
    expect(last && remindersAfter(last, sent, T0)).toEqual([]);
    expect(first && remindersAfter(first, { outcome: "muted", reason: "acknowledged" }, T0)).toEqual([]);
  });
});
