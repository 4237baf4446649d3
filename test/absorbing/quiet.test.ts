import { expect, it } from "vitest";
import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { quietFrames } from "../../src/absorbing/quiet.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Frame } from "../../src/model/frame.ts";
import type { Rules } from "../../src/planning/plan.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { FrameLook } from "../../src/sources/frame-look.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { decode } from "../../src/topics/index.ts";
import { needlessWithout } from "../../src/topics/needless.ts";
import { T0 } from "../support/messages.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { frameOf, sample } from "../topics/frames.ts";

// The look at bytes against plain evaluation of all frames, fully parsed: for random rules and random streams both tell the
// same, and remember the same.

const ADDED = sample("misp_json_attribute--add").payload as Record<string, Record<string, unknown>>;
const EDITED = sample("misp_json_event--edit-with-tags").payload as Record<string, Record<string, unknown>>;
const PUBLISHED = sample("misp_json--publish-first-time").payload.Event as Record<string, unknown>;
const SECONDS = T0 / 1000;
const EVENTS = 3;
const SEEDS = 60;

/** The same chances again for the same seed. */
function chances(seed: number) {
  let state = seed;
  const next = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  return { next, pick };
}
type Chances = ReturnType<typeof chances>;

const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

const CONDITIONS: readonly object[] = [
  { org: "ACME-CERT" },
  { org: "Nobody" },
  { event_tag: "tlp:green" },
  { not: { org: "ACME-CERT" } },
  { not: { event_tag: "*red*" } },
  { distribution: "organisation" },
  { threat_level: "high" },
  { any: [{ org: "Nobody" }, { info: "*ransom*" }] },
  { attribute: { value: "host-7.example" } },
  { tag: "tlp:red" },
  { max_age: "1h" },
];
/** Whoever asks one of these asks about parts, or about time: nothing is an echo. */
const OTHERS: readonly object[] = [
  { attribute: { value: { cidr: "10.0.0.0/8" } } },
  { attribute: { value: { domain: "example" } } },
  { attribute: { value: { list: "ours.txt" } } },
  { attribute: { value: { min: 3, max: 7 } } },
  { attributes: { min: 2 } },
  { not: { attributes: { min: 2, type: "domain" } } },
  { watch: "*" },
  { sightings: { min: 1, within: "1h" } },
  { date: { after: "2026-01-01" } },
  { max_event_age: "30d" },
  { not: { attribute: { value: { domain: "nowhere.example" } } } },
  { distribution: { at_least: "community" }, threat_level: { at_most: "medium" } },
];

function rulesBy({ next, pick }: Chances): Rules {
  const routes = Array.from({ length: next(5) }, (_, n) =>
    RouteOptions.parse({
      name: `r${n}`,
      kinds: pick([["event.published"], ["attribute.added"], ["attribute.*", "event.published"]]),
      match: pick(next(6) === 0 ? OTHERS : CONDITIONS),
      notify: pick(["red", "green"]),
      stop: next(4) === 0,
      ...(next(8) === 0 && { otherwise: true }),
    }),
  );
  const guards = { red: Guard.parse({ max_tlp: "red", drafts: true }), green: Guard.parse({ max_tlp: "green" }) };
  return {
    routes: compileRoutes(routes),
    destinations: new Map(
      Object.entries(guards).map(([name, guard]) => [name, { guard, repeats: "changed" as const }]),
    ),
    asks: new Set(next(2) === 0 ? [] : ["cert"]),
  };
}

/** Mostly what MISP says when many attributes are added; in between all that moves memory. */
function streamBy({ next, pick }: Chances): readonly Frame[] {
  const says = Array.from({ length: EVENTS }, () => ({ distribution: "1", info: "Phishing", threat_level_id: "2" }));
  let lastId = 100;
  return Array.from({ length: 150 }, (_, n) => {
    const which = next(EVENTS);
    const event = says[which] ?? { distribution: "1", info: "", threat_level_id: "2" };
    const name = { id: String(which + 1), uuid: uuidOf(which + 1) };
    const timestamp = String(SECONDS - pick([0, 0, 0, 0, 5, -1]));
    const at = T0 + 1000 + n;
    switch (next(40)) {
      case 0:
        event.distribution = pick(["0", "1", "3"]);
        break;
      case 1:
        event.info = pick(["Phishing", "New ransomware"]);
        break;
      case 2: {
        const Tag = { id: "9", name: pick(["tlp:red", "tlp:amber", "noise"]), exportable: true, event_id: name.id };
        return frameOf("misp_json_tag", { Tag, action: "attached to event" }, at);
      }
      case 3: {
        const Tag = { id: "9", name: "tlp:red", exportable: true, event_id: name.id, attribute_id: String(lastId + 1) };
        return frameOf("misp_json_tag", { Tag, action: "attached to attribute" }, at);
      }
      case 4:
        return frameOf(
          "misp_json_event",
          { ...EDITED, Event: { ...EDITED.Event, ...name, ...event, timestamp: String(SECONDS + n) } },
          at,
        );
      case 5: {
        const more = { timestamp: String(SECONDS + n), Attribute: [], Object: [], Tag: [{ name: "tlp:green" }] };
        return frameOf("misp_json", { Event: { ...PUBLISHED, ...name, ...event, ...more } }, at);
      }
      default:
        break;
    }
    const id = next(6) === 0 ? lastId : ++lastId;
    const Attribute = {
      ...ADDED.Attribute,
      ...{ id: String(id), event_id: name.id, uuid: uuidOf(1000 + id), timestamp, value: `host-${id % 40}.example` },
      ...(next(25) === 0 && { Tag: [{ name: "tlp:amber" }] }),
      ...(next(25) === 0 && { distribution: pick(["0", "1", "4"]) }),
      ...(next(25) === 0 && { deleted: true }),
      ...(next(25) === 0 && { comment: 'says },"Event":{"id":"1" and "action":"add"}' }),
      ...(next(10) === 0 && { object_id: "77" }),
    };
    const action = next(30) === 0 ? pick(["edit", "delete"]) : "add";
    const { Event } = ADDED;
    return frameOf("misp_json_attribute", { Attribute, Event: { ...Event, ...name, ...event }, action }, at);
  });
}

async function opened(rules: Rules) {
  const store = openMemoryStore();
  const clock = new VirtualClock();
  const planner: Planner = { store, rules, clock, wakeups: openWakeups(["red", "green"]), observer: UNOBSERVED };
  const events = Array.from({ length: EVENTS }, (_, n) => ({ instance: "cert", uuid: uuidOf(n + 1), whole: true }));
  return {
    planner,
    async outcome() {
      const told: unknown[] = [];
      for (const destination of ["red", "green"]) {
        for (;;) {
          const taken = await takeOne(store, destination, T0 + 86_400_000_000);
          if (!taken || !("batch" in taken)) {
            break;
          }
          const { batch } = taken;
          told.push(...batch.entries.map(({ delivery: { id, routes, kind } }) => [destination, kind, id, routes]));
          await settleOne(
            store,
            { batch: batch.id, records: [], retryAt: Number.MAX_SAFE_INTEGER, attempted: false },
            T0,
          );
        }
      }
      const known = await store.load({ events, parts: [] });
      return {
        told,
        undecided: known.undecided.map(({ id, destinations }) => [id, destinations]),
        aliases: known.aliases,
        // How often it was written, and when a part was heard of again that says nothing new.
        events: known.events.map(({ revision: _, ...event }) => event),
        parts: known.parts.map(({ seenAt: _, ...part }) => part),
      };
    },
  };
}

const decodedOf = (frames: readonly Frame[]) =>
  frames.flatMap((frame) => {
    const message = decode(frame);
    return message ? { message, frame } : [];
  });

it("spares no frame that tells, tightens or teaches anything, whatever the rules and the stream", async () => {
  let spared = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const chance = chances(seed);
    const rules = rulesBy(chance);
    const stream = streamBy(chance);
    const [plain, looked] = [await opened(rules), await opened(rules)];
    const wanted = [...rules.routes].flatMap(([kind, table]) => (table.routes.length > 0 ? [kind] : []));
    const look = new FrameLook(needlessWithout(new Set(wanted)));
    const wire = (frame: Frame) => Buffer.concat([Buffer.from(`${frame.topic} `), frame.payload]);
    // Two threads: what passes is planned some turns later, and what was quiet is heard of some turns after that.
    let waiting: Frame[] = [];
    let answers: Frame[] = [];
    const turn = async () => {
      const decoded = decodedOf(waiting);
      waiting = [];
      const traces = await absorb(
        decoded.map(({ message }) => message),
        looked.planner,
      );
      answers.push(...quietFrames(decoded, traces, rules));
    };
    for (const frame of stream) {
      await absorb(
        decodedOf([frame]).map(({ message }) => message),
        plain.planner,
      );
      if (look.matters(wire(frame), frame.topic, frame.receivedAt)) {
        waiting.push(frame);
      } else {
        spared += 1;
      }
      if (chance.next(3) === 0) {
        await turn();
      }
      if (chance.next(3) === 0) {
        for (const answer of answers) {
          look.quiet(wire(answer), answer.receivedAt);
        }
        answers = [];
      }
    }
    await turn();
    expect(await looked.outcome(), `seed ${seed}`).toEqual(await plain.outcome());
  }
  expect(spared).toBeGreaterThan(5 * SEEDS);
});

it("spares what can never be decided, once the record has a line of it for each destination", async () => {
  const routes = ["red", "green"].map((to) =>
    RouteOptions.parse({ name: to, kinds: ["attribute.added"], match: { event_tag: "tlp:green" }, notify: to }),
  );
  const rules = { ...rulesBy(chances(1)), routes: compileRoutes(routes), asks: new Set<string>() };
  const frame = (id: number) => {
    const Attribute = { ...ADDED.Attribute, id: String(id), uuid: uuidOf(id) };
    return frameOf("misp_json_attribute", { ...ADDED, Attribute }, T0 + id);
  };
  const sparedBy = async (by: Rules) => {
    const { planner } = await opened(by);
    const look = new FrameLook(needlessWithout(new Set(["attribute.added"])));
    const wire = ({ topic, payload }: Frame) => Buffer.concat([Buffer.from(`${topic} `), payload]);
    let spared = 0;
    for (let id = 1; id <= 100; id += 1) {
      const next = frame(id);
      if (!look.matters(wire(next), next.topic, next.receivedAt)) {
        spared += 1;
        continue;
      }
      const decoded = decodedOf([next]);
      const traces = await absorb(
        decoded.map(({ message }) => message),
        planner,
      );
      expect(traces[0]?.destinations.map(({ name, verdict }) => [name, verdict])).toEqual(
        ["red", "green"].map((name) => [name, by.asks?.has("cert") ? "undecided" : "match-unknown"]),
      );
      for (const quiet of quietFrames(decoded, traces, by)) {
        look.quiet(wire(quiet), quiet.receivedAt);
      }
    }
    return spared;
  };
  expect(await sparedBy(rules)).toBe(99);
  // What MISP can be asked about is no such thing.
  expect(await sparedBy({ ...rules, asks: new Set(["cert"]) })).toBe(0);
});
