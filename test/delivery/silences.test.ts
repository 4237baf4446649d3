import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { openHolds } from "../../src/delivery/holds.ts";
import { openBatch } from "../../src/delivery/payload.ts";
import { openSilences, Silences } from "../../src/delivery/silences.ts";
import { writeEnd } from "../../src/delivery/write-down.ts";
import type { Message } from "../../src/model/message.ts";
import type { DeliveryId, RecordLine } from "../../src/model/outbox.ts";
import type { Silence } from "../../src/model/silence.ts";
import { keysOf, plan } from "../../src/planning/plan.ts";
import { Planner } from "../planning/planner.ts";
import { captureLog } from "../support/captured-log.ts";
import { attributeOf, eventDeleted, MINUTE, publication, T0, tags, uuidOf } from "../support/messages.ts";
import { takeOne } from "../support/one-batch.ts";
import { SteppedClock, Track } from "./worker.ts";

const HOUR = 60 * MINUTE;
const { log } = captureLog();

function silence(id: string, fields: Partial<Silence> = {}): Silence {
  return {
    ...{ id, createdAt: T0, until: T0 + HOUR, by: "alice", reason: "exercise", match: [] },
    ...{ events: [], routes: [], destinations: [], afterwards: "nothing", changes: [] },
    ...fields,
  };
}

/** A publication of an event of its own. */
function event(n: number, org = "CIRCL", fields: object = {}): Message {
  const id = String(n);
  return publication({ event: { id, uuid: uuidOf(id), org: { name: org }, ...fields }, receivedAt: T0 });
}

/** Planning and sending upon one store, with silences that a restart opens again. */
class Operated {
  readonly planner: Planner;
  silences: Silences;
  now = T0;
  readonly records: RecordLine[] = [];
  readonly sent: { readonly at: number; readonly events: readonly (string | undefined)[]; readonly note: unknown }[] =
    [];

  constructor(...settings: ConstructorParameters<typeof Planner>) {
    this.planner = new Planner(...settings);
    this.silences = new Silences(this.planner.store.ledger);
  }

  async restart(): Promise<void> {
    this.silences = await openSilences(this.planner.store.ledger, this.now, log);
  }

  async absorb(...messages: readonly Message[]) {
    const { store, rules } = this.planner;
    const silences = this.silences.inForce(this.now);
    const planned = plan(messages, await store.load(keysOf(messages)), this.now, { ...rules, silences });
    expect(await store.commit(planned.effects, this.now)).toBe("committed");
    this.records.push(...planned.effects.records);
    return planned;
  }

  /** All that is due leaves. */
  async deliver(): Promise<void> {
    const { store, rules } = this.planner;
    for (const [destination, { guard }] of rules.destinations) {
      for (;;) {
        const taken = await takeOne(store, destination, this.now);
        if (!taken || "dueAt" in taken) {
          break;
        }
        const { batch } = taken;
        const silences = (now: number) => this.silences.inForce(now);
        const opened = openBatch(batch, { guard, routes: rules.routes, links: new Map(), silences }, this.now);
        const leaving = opened.leaving.map(({ delivery, guarded }) => ({ delivery, tlp: guarded.tlp }));
        const end = opened.payload ? ({ outcome: "sent" } as const) : undefined;
        const settled = (line: RecordLine) => void this.records.push(line);
        await writeEnd([batch], { ...opened, leaving }, end, this.now, { store, observer: { settled } });
        if (opened.payload && destination === "soc") {
          const events = opened.payload.entries.map(({ guarded }) => guarded.alert.event?.id);
          this.sent.push({ at: this.now - T0, events, note: batch.note });
        }
      }
    }
  }

  async pass(ms: number): Promise<void> {
    this.now += ms;
    await this.deliver();
  }

  async owed(): Promise<number> {
    return (await this.planner.store.owed()).reduce((sum, { owed }) => sum + owed, 0);
  }

  async counts() {
    return (await this.planner.store.ledger.silences(0)).map(({ id, muted, held }) => [
      id,
      muted,
      held.reduce((sum, { n }) => sum + n, 0),
    ]);
  }
}

const ROUTES = [
  { name: "all", kinds: ["*"], notify: "soc" },
  { name: "urgent", match: { threat_level: "high" }, notify: { to: "soc", mention: "oncall" }, priority: "high" },
];

describe("a silence when it is planned", () => {
  it("mutes what it is about, with its id and who wanted it, and nothing else", async () => {
    const operated = new Operated();
    await operated.silences.put(silence("one", { match: [{ org: "CIRCL" }] }));
    const { traces } = await operated.absorb(event(1), event(2, "OTHER"));
    expect(traces.map(({ destinations }) => destinations.map(({ verdict }) => verdict))).toEqual([["muted"], ["owed"]]);
    await operated.deliver();
    expect(operated.sent.map(({ events }) => events)).toEqual([["2"]]);
    const muted = {
      outcome: "muted",
      reason: "silenced",
      silence: "one",
      by: "alice",
      destination: "soc",
      routes: ["all"],
    };
    expect(operated.records).toMatchObject([muted, { outcome: "sent" }]);
    expect(JSON.stringify(operated.records)).not.toMatch(/exercise|CIRCL|ACME/);
    expect(await operated.counts()).toEqual([["one", 1, 0]]);
  });

  it("mutes nothing of which it is not known whether it is about that", async () => {
    const operated = new Operated({ destinations: { soc: { guard: { drafts: true } } } });
    await operated.silences.put(silence("one", { match: [{ not: { attribute: { value: "x" } } }, { org: "CIRCL" }] }));
    await operated.absorb({ ...event(1), skipped: 3 });
    await operated.deliver();
    expect(operated.sent).toHaveLength(1);
  });

  it("does not count as muted what the guard refuses", async () => {
    const operated = new Operated();
    await operated.silences.put(silence("one"));
    await operated.absorb(event(1, "CIRCL", { tags: tags("tlp:red") }));
    expect(operated.records).toMatchObject([{ outcome: "refused", reason: "tlp-above-ceiling" }]);
  });

  it("of one route leaves what others tell, without its mentions and priority", async () => {
    const operated = new Operated({ routes: ROUTES });
    await operated.silences.put(silence("one", { routes: ["urgent"] }));
    const { effects } = await operated.absorb(event(1, "CIRCL", { threatLevel: "high" }));
    expect(effects.deliveries).toMatchObject([{ routes: ["all"], mentions: [], priority: "normal" }]);
  });

  it("lets what was muted be told once it has ended, as what nobody was told of", async () => {
    const operated = new Operated();
    await operated.silences.put(silence("one"));
    await operated.absorb(event(1));
    operated.now += HOUR;
    const { effects } = await operated.absorb(event(1));
    expect(effects.deliveries).toHaveLength(1);
    expect(effects.deliveries[0]?.since).toBeUndefined();
    await operated.deliver();
    expect(operated.records.map(({ outcome }) => outcome)).toEqual(["muted", "sent"]);
  });

  it("never mutes that MISP has taken back what was told", async () => {
    const operated = new Operated();
    await operated.absorb(event(1));
    await operated.deliver();
    await operated.silences.put(silence("one", { destinations: ["soc"] }));
    await operated.absorb(eventDeleted({ id: "1", uuid: uuidOf("1") }));
    await operated.pass(5 * MINUTE);
    expect(operated.records.map(({ kind, outcome }) => [kind, outcome])).toEqual([
      ["event.published", "sent"],
      ["event.deleted", "sent"],
    ]);
  });
});

describe("a silence that tells afterwards", () => {
  it("holds until it ends what comes, and then tells it as one, also after a restart in between", async () => {
    const operated = new Operated({ routes: ROUTES });
    await operated.silences.put(silence("one", { afterwards: "digest" }));
    await operated.absorb(event(1), event(2, "CIRCL", { threatLevel: "high" }));
    await operated.pass(30 * MINUTE);
    await operated.restart();
    await operated.absorb(event(3));
    await operated.pass(30 * MINUTE - 1);
    expect([operated.sent, await operated.owed(), await operated.counts()]).toEqual([[], 3, [["one", 0, 3]]]);
    await operated.pass(1);
    expect(operated.sent).toEqual([{ at: HOUR, events: ["2", "1", "3"], note: { collects: "silence" } }]);
    expect(await operated.owed()).toBe(0);
  });

  it("that is extended holds it for longer, and one that is removed tells it at once", async () => {
    const operated = new Operated();
    const one = silence("one", { afterwards: "digest" });
    await operated.silences.put(one);
    await operated.absorb(event(1));
    await operated.silences.put({ ...one, until: T0 + 2 * HOUR });
    await operated.pass(HOUR);
    expect(operated.sent).toEqual([]);
    await operated.silences.put({ ...one, until: operated.now });
    await operated.pass(0);
    expect(operated.sent.map(({ events }) => events)).toEqual([["1"]]);
  });

  it("tells nothing of what MISP takes back while it is held", async () => {
    const operated = new Operated();
    await operated.silences.put(silence("one", { afterwards: "digest" }));
    await operated.absorb(event(1), event(2));
    await operated.absorb(eventDeleted({ id: "1", uuid: uuidOf("1") }));
    await operated.pass(HOUR);
    expect(operated.sent.filter(({ note }) => note).map(({ events }) => events)).toEqual([["2"]]);
    const first = operated.records.filter(
      ({ eventUuid, kind }) => eventUuid === uuidOf("1") && kind === "event.published",
    );
    expect(first.map(({ outcome }) => outcome)).toEqual(["withdrawn"]);
  });
});

describe("a silence that begins when something is owed already", () => {
  it("mutes it when it would leave", async () => {
    const operated = new Operated();
    await operated.absorb(event(1), event(2, "OTHER"));
    await operated.silences.put(silence("one", { match: [{ org: "CIRCL" }] }));
    await operated.deliver();
    expect(operated.sent.map(({ events }) => events)).toEqual([["2"]]);
    expect(await operated.counts()).toEqual([["one", 1, 0]]);
  });

  it("holds it, where it is told afterwards, and lets the rest of its group leave", async () => {
    const operated = new Operated({ routes: [{ name: "all", notify: "soc", group: { by: [] } }] });
    await operated.absorb(event(1), event(2, "OTHER"));
    await operated.silences.put(silence("one", { match: [{ org: "CIRCL" }], afterwards: "digest" }));
    await operated.deliver();
    expect([operated.sent.map(({ events }) => events), await operated.owed()]).toEqual([[["2"]], 1]);
    await operated.pass(HOUR);
    expect(operated.sent.map(({ events }) => events)).toEqual([["2"], ["1"]]);
  });

  it("does not take what was trimmed from the alert for what is not there", async () => {
    const operated = new Operated();
    const attributes = Array.from({ length: 800 }, (_, n) =>
      attributeOf(String(n + 100), {
        value: `${"x".repeat(200)}-${n}.example`,
        ...(n === 799 && { tags: tags("keep") }),
      }),
    );
    await operated.absorb({ ...event(1), attributes });
    await operated.silences.put(silence("one", { match: [{ not: { tag: "keep" } }] }));
    await operated.silences.put(silence("two", { match: [{ not: { attribute: { tag: "keep" } } }] }));
    await operated.deliver();
    expect(operated.sent).toHaveLength(1);
  });
});

describe("a pause with an end", () => {
  const pause = { destination: "soc", kind: "paused", since: T0, note: "alice", until: T0 + 2 * HOUR } as const;

  it("ends by itself at its time, and what waited has not aged", async () => {
    const planner = new Planner();
    const holds = await openHolds(planner.store.ledger);
    await holds.pause(pause);
    await planner.tell(publication());
    const track = new Track(planner, [], { holds, until: T0 + 3 * HOUR });
    await track.run();
    expect(track.sent.map(({ at }) => at)).toEqual([pause.until]);
    expect(await planner.store.ledger.holds()).toEqual([]);
  });

  it("is the same to whoever opens the holds next", async () => {
    const planner = new Planner();
    await (await openHolds(planner.store.ledger)).pause(pause);
    await planner.tell(publication());
    const clock = new SteppedClock(T0 + 3 * HOUR, () => track.stop.abort());
    clock.at = T0 + HOUR;
    const track = new Track(planner, [], { holds: await openHolds(planner.store.ledger), clock });
    await track.run();
    expect(track.sent.map(({ at }) => at)).toEqual([pause.until]);
  });

  it("takes another end, or none", async () => {
    const holds = await openHolds(new Planner().store.ledger);
    const { until: _, ...endless } = pause;
    expect([await holds.pause(endless), await holds.pause(pause), await holds.pause(pause)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(await holds.expire(pause.until - 1)).toEqual([]);
    expect(await holds.pause({ ...endless, note: "bob" })).toBe(true);
    expect(holds.find("soc", "paused")).toEqual({ ...endless, note: "bob" });
    await holds.pause(pause);
    expect(await holds.expire(pause.until)).toEqual(["soc"]);
    expect(holds.all).toEqual([]);
  });
});

test("one that cannot be read mutes nothing, and the others go on", async () => {
  const { store } = new Planner();
  await store.ledger.silence(silence("bad", { match: [{ nothing: "such" }] }));
  await store.ledger.silence(silence("good"));
  const captured = captureLog();
  const silences = await openSilences(store.ledger, T0, captured.log);
  expect(silences.inForce(T0).map((one) => one.silence.id)).toEqual(["good"]);
  expect(JSON.stringify(captured.lines)).toContain("The conditions of a silence cannot be read");
});

test("one that cannot be stored mutes nothing, and the one that it was to replace goes on", async () => {
  const { store } = new Planner();
  const broken = {
    ...store.ledger,
    silences: () => store.ledger.silences(0),
    silence: async () => Promise.reject(new Error("disk full")),
  };
  const silences = new Silences(broken);
  await expect(silences.put(silence("one"))).rejects.toThrow("disk full");
  expect(silences.inForce(T0)).toEqual([]);
  await store.ledger.silence(silence("one"));
  await silences.refresh(T0, log);
  await expect(silences.put(silence("one", { until: T0 + 9 * HOUR }))).rejects.toThrow("disk full");
  expect(silences.inForce(T0).map((one) => one.silence.until)).toEqual([T0 + HOUR]);
});

type Step =
  | { readonly do: "publish"; readonly n: number; readonly org: string; readonly high: boolean }
  | { readonly do: "silence"; readonly fields: Partial<Silence>; readonly minutes: number }
  | { readonly do: "change"; readonly which: number; readonly minutes: number }
  | { readonly do: "pass"; readonly minutes: number }
  | { readonly do: "restart" };

const ORGS = ["A", "B", "C"];
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      n: fc.integer({ min: 1, max: 12 }),
      org: fc.constantFrom(...ORGS),
      high: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("silence" as const),
      minutes: fc.integer({ min: 1, max: 90 }),
      fields: fc.record(
        {
          match: fc.constantFrom<Silence["match"]>([{ org: "A" }], [{ not: { org: "A" } }], [{ org: ["B", "C"] }]),
          routes: fc.subarray(["all", "urgent"]),
          destinations: fc.subarray(["soc", "mail"]),
          afterwards: fc.constantFrom("nothing" as const, "digest" as const),
        },
        { requiredKeys: [] },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("change" as const),
      which: fc.nat(5),
      minutes: fc.integer({ min: 0, max: 60 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), minutes: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);

test("whatever is silenced, changed and restarted, every alert ends once for each destination", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const operated = new Operated({
        destinations: { soc: {}, mail: { guard: { max_tlp: "green" } } },
        routes: [
          { name: "all", notify: ["soc", "mail"] },
          { name: "urgent", match: { threat_level: "high" }, notify: "soc", priority: "high" },
        ],
      });
      const wanted = new Set<DeliveryId>();
      const silences: Silence[] = [];
      for (const [index, one] of steps.entries()) {
        switch (one.do) {
          case "publish": {
            // Each version is another alert.
            const message = event(one.n, one.org, {
              threatLevel: one.high ? "high" : "low",
              changedAt: T0 + index * 1000,
            });
            const { effects } = await operated.absorb({ ...message, version: String(index) });
            for (const { id } of effects.deliveries) {
              wanted.add(id);
            }
            for (const { delivery } of effects.records) {
              wanted.add(delivery);
            }
            break;
          }
          case "silence": {
            const until = operated.now + one.minutes * MINUTE;
            silences.push(silence(`s${index}`, { ...one.fields, createdAt: operated.now, until }));
            await operated.silences.put(silences.at(-1) ?? silence("none"));
            break;
          }
          case "change": {
            const found = silences[one.which];
            if (found && found.until > operated.now) {
              const until = one.minutes === 0 ? operated.now : found.until + one.minutes * MINUTE;
              silences[one.which] = { ...found, until };
              await operated.silences.put({ ...found, until });
            }
            break;
          }
          case "pass":
            await operated.pass(one.minutes * MINUTE);
            break;
          case "restart":
            await operated.restart();
            break;
        }
      }
      await operated.pass(48 * HOUR);
      await operated.pass(HOUR);
      expect(await operated.owed()).toBe(0);
      const ended = operated.records.map(({ delivery }) => delivery);
      expect(ended.toSorted()).toEqual([...wanted].toSorted());
      const muted = operated.records.filter(({ outcome }) => outcome === "muted");
      const counts = await operated.counts();
      expect(counts.reduce((sum, [, n]) => sum + Number(n), 0)).toBe(muted.length);
      expect(counts.every(([, , held]) => held === 0)).toBe(true);
      for (const { silence: id, destination, routes } of muted) {
        const found = silences.find((one) => one.id === id);
        expect(found?.afterwards).toBe("nothing");
        expect(found?.destinations.length === 0 || found?.destinations.includes(destination)).toBe(true);
        expect(found?.routes.length === 0 || routes.some((route) => found?.routes.includes(route))).toBe(true);
      }
    }),
    { numRuns: 200 },
  );
});
