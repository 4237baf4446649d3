import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { withMemoryCache } from "../../src/absorbing/memory-cache.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import type { PlanningStore } from "../../src/absorbing/planning-store.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Keys } from "../../src/model/memory.ts";
import type { Message } from "../../src/model/message.ts";
import type { Effects, Store } from "../../src/model/outbox.ts";
import { keysOf, plan, type Rules } from "../../src/planning/plan.ts";
import { sift } from "../../src/planning/sift.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { workspace } from "../e2e/daemon.ts";
import {
  attributeAdded,
  attributeDeleted,
  attributeEdited,
  attributeOf,
  eventDeleted,
  eventEdited,
  objectAdded,
  objectOf,
  publication,
  SECOND,
  sightingAdded,
  T0,
  tagAttached,
  tags,
  uuidOf,
} from "../support/messages.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const RULES: Rules = {
  routes: compileRoutes([RouteOptions.parse({ name: "all", kinds: ["*"], notify: "soc" })]),
  destinations: new Map([["soc", { guard: Guard.parse({ max_tlp: "amber" }), repeats: "changed" }]]),
  asks: new Set(["cert"]),
};

/** Frames about parts, by events that share numbers; the timelines have publications, edits and labels. */
const parts: fc.Arbitrary<Message> = fc
  .record({
    make: fc.constantFrom(attributeAdded, attributeEdited, attributeDeleted),
    id: fc.constantFrom("21", "22"),
    number: fc.constantFrom("7", "8", "9"),
    uuid: fc.option(fc.constantFrom(uuidOf("701"), uuidOf("702"), uuidOf("703")), { nil: undefined }),
    distribution: fc.constantFrom("inherit" as const, "organisation" as const, "community" as const),
    label: fc.constantFrom(undefined, "tlp:red", "tlp:green"),
    after: fc.nat(5),
    other: fc.constantFrom("none" as const, "none", "none", "object", "sighting", "deleted", "edited", "tag"),
  })
  .map(({ make, id, number, uuid, distribution, label, after, other }) => {
    const event = { id: number, ...(uuid !== undefined && { uuid }) };
    const attribute = { distribution, ...(label && { tags: tags(label) }) };
    const makers = {
      object: () => objectAdded(objectOf("o1", { distribution })),
      sighting: () => sightingAdded(id),
      deleted: () => eventDeleted(event),
      edited: () => eventEdited({ ...event, tags: tags(label ?? "tlp:clear"), changedAt: T0 + after * SECOND }),
      tag: () => tagAttached(label ?? "tlp:clear", { eventId: number, attribute: id }),
      none: () => make({ event, id, attribute }),
    };
    const { event: told, ...message } = makers[other]();
    const { uuid: known, ...nameless } = told ?? {};
    // Some frames name their event by its number alone.
    const about = uuid === undefined ? nameless : { ...nameless, ...(known !== undefined && { uuid: known }) };
    return { ...message, event: about, receivedAt: T0 + (10 + after) * SECOND };
  });

/** What tells the state of an event itself, by a clock that may be wrong. */
const said: fc.Arbitrary<Message> = fc
  .record({
    what: fc.constantFrom("published" as const, "published", "edited", "tagged"),
    uuid: fc.constantFrom(uuidOf("701"), uuidOf("702")),
    id: fc.constantFrom("7", "8"),
    label: fc.constantFrom("tlp:clear", "tlp:green", "tlp:amber", "tlp:red"),
    distribution: fc.constantFrom("community" as const, "organisation" as const),
    parts: fc.subarray(["21", "22", "23"]),
    at: fc.nat(400),
    lag: fc.constantFrom(0, 0, 2, 60, 5_000, -200),
  })
  .map(({ what, uuid, id, label, distribution, parts: ids, at, lag }) => {
    const receivedAt = T0 + at * SECOND;
    const event = { uuid, id, distribution, tags: tags(label), changedAt: receivedAt - lag * SECOND };
    const attributes = ids.map((part) => attributeOf(part, { tags: part === "22" ? tags("tlp:red") : [] }));
    switch (what) {
      case "published":
        return publication({ receivedAt, event, attributes });
      case "edited":
        return { ...eventEdited(event), receivedAt };
      default:
        return tagAttached(label, { eventId: id, receivedAt });
    }
  });

/** Messages that come together. */
const batch = fc.array(fc.oneof(parts, said), { minLength: 1, maxLength: 4 });

async function effectsOf(
  messages: readonly Message[],
  store: PlanningStore,
  now: number,
  rules = RULES,
  confirmed?: Effects["confirmed"],
): Promise<Effects> {
  const known = await store.load(keysOf(messages));
  const sifted = confirmed ? undefined : sift(messages, known, now, rules);
  const { effects } = plan(sifted?.messages ?? messages, known, now, rules, sifted?.only);
  return { ...effects, ...sifted?.effects, ...(confirmed && { confirmed }) };
}

/** Messages that come together, or MISP's word for what has waited for longest. */
const step = fc.oneof({ weight: 4, arbitrary: batch }, { weight: 1, arbitrary: fc.constant("confirm" as const) });

/** In which order parts are written means nothing. */
function inOrder(effects: Effects): Effects {
  const byName = <T>(rows: readonly T[]) => [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return { ...effects, parts: byName(effects.parts), forget: byName(effects.forget) };
}

describe("memory kept beside the store", () => {
  it.each([
    ["with room for all", 2 ** 20, "memory"],
    ["with room for little", 6_000, "memory"],
    ["with room for little, beside a file", 12_000, "sqlite"],
  ])("makes no plan another, %s", async (_, bytes, kind) => {
    using folder = workspace();
    let opened = 0;
    const open = async (): Promise<Store> =>
      kind === "memory" ? openMemoryStore() : openSqliteStore({ path: folder.path(`${++opened}.db`) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), fc.boolean(), async (steps, confirms) => {
        const rules = { ...RULES, confirms: new Set(confirms ? ["cert"] : []) };
        await using plain = await open();
        await using store = await open();
        const cached = withMemoryCache(store, bytes);
        for (const [place, one] of steps.entries()) {
          const now = T0 + (20 + place) * SECOND;
          const waiting = one === "confirm" ? await plain.unconfirmed("cert", 1, []) : undefined;
          const messages = one === "confirm" ? (waiting ?? []).map(({ message }) => message) : one;
          const confirmed = waiting?.map(({ id }) => id);
          const expected = await effectsOf(messages, plain, now, rules, confirmed);
          expect(inOrder(await effectsOf(messages, cached, now, rules, confirmed))).toEqual(inOrder(expected));
          expect(await plain.commit(expected, now)).toBe("committed");
          expect(await cached.commit(expected, now)).toBe("committed");
        }
      }),
      { numRuns: kind === "memory" ? 60 : 10, endOnFailure: true },
    );
  });

  it("reads nothing again, and writes nothing, where a frame says what is known", async () => {
    await using store = openMemoryStore();
    const asked: string[] = [];
    const counted: PlanningStore = {
      load(keys) {
        asked.push("load");
        return store.load(keys);
      },
      commit(effects, now) {
        asked.push("commit");
        return store.commit(effects, now);
      },
      undecided: (...args) => store.undecided(...args),
      cursor: (instance) => store.cursor(instance),
      unconfirmed: (...args) => store.unconfirmed(...args),
      asking: (instance) => store.asking(instance),
    };
    const planner: Planner = {
      store: withMemoryCache(counted),
      rules: { ...RULES, routes: compileRoutes([]) },
      clock: new VirtualClock(),
      wakeups: openWakeups(),
      observer: UNOBSERVED,
    };
    await absorb([publication()], planner);
    const frames = Array.from({ length: 100 }, () => attributeAdded());
    await absorb(frames, planner);
    asked.length = 0;
    for (const frame of frames) {
      await absorb([frame], planner);
    }
    expect(asked).toEqual([]);
  });

  it("is read again where the store has moved", async () => {
    await using store = openMemoryStore();
    const cached = withMemoryCache(store);
    const keys: Keys = { events: [{ instance: "cert", uuid: publication().event?.uuid ?? "" }], parts: [] };
    await cached.commit(await effectsOf([publication()], cached, T0), T0);
    const before = await cached.load(keys);
    // Somebody else writes to the same store.
    await store.commit(
      await effectsOf([eventEdited({ tags: tags("tlp:red"), changedAt: T0 + SECOND })], store, T0),
      T0,
    );
    expect((await cached.load(keys)).events).toEqual(before.events);
    const stale = plan([eventEdited({ changedAt: T0 + 2 * SECOND })], before, T0, RULES).effects;
    expect(await cached.commit(stale, T0)).toBe("conflict");
    expect((await cached.load(keys)).events[0]?.event.tags).toEqual(tags("tlp:red"));
  });

  it("does not keep what is read while something is written", async () => {
    await using store = openMemoryStore();
    const keys: Keys = { events: [{ instance: "cert", uuid: publication().event?.uuid ?? "" }], parts: [] };
    let arrive = () => {};
    const slow: PlanningStore = {
      async load(wanted) {
        const known = await store.load(wanted);
        await new Promise<void>((resolve) => {
          arrive = resolve;
        });
        return known;
      },
      commit: (effects, now) => store.commit(effects, now),
      undecided: (...args) => store.undecided(...args),
      cursor: (instance) => store.cursor(instance),
      unconfirmed: (...args) => store.unconfirmed(...args),
      asking: (instance) => store.asking(instance),
    };
    const cached = withMemoryCache(slow);
    const reading = cached.load(keys);
    await new Promise((resolve) => setImmediate(resolve));
    await cached.commit(await effectsOf([publication()], store, T0), T0);
    arrive();
    expect((await reading).events).toEqual([]);
    const again = cached.load(keys);
    await new Promise((resolve) => setImmediate(resolve));
    arrive();
    expect((await again).events).toHaveLength(1);
  });
});
