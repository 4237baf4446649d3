import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { Fact, Facts, Matchable } from "../../src/model/message.ts";
import { mutedBy, type Silence, silenceGroup, silenceKey, silenceOf } from "../../src/model/silence.ts";
import { KINDS } from "../../src/model/vocabulary.ts";
import { compileSilence, mute, silencesOn } from "../../src/routing/silence.ts";

const HOUR = 3_600_000;
const EVENT = "5f1b2c3d-0000-4000-8000-000000000007";

function silence(fields: Partial<Silence> = {}): Silence {
  return {
    ...{ id: "one", createdAt: 0, until: HOUR, by: "alice", reason: "exercise", match: [] },
    ...{ events: [], routes: [], destinations: [], afterwards: "nothing", changes: [] },
    ...fields,
  };
}

const is = (...values: readonly string[]): Fact => ({ values, complete: true });
const subject = (facts: Facts): Matchable => ({
  ...{ at: 0, measures: {}, attributes: [], attributesComplete: true },
  facts,
});
const on = (fields: Partial<Silence>, facts: Facts) =>
  silencesOn([compileSilence(silence(fields))], subject(facts)).length;

describe("a silence", () => {
  it.each<[string, Partial<Silence>, Facts, number]>([
    ["whose condition holds", { match: [{ org: "CIRCL" }] }, { org: is("circl") }, 1],
    ["whose condition does not hold", { match: [{ org: "CIRCL" }] }, { org: is("other") }, 0],
    ["whose condition is unknown", { match: [{ org: "CIRCL" }] }, {}, 0],
    ["whose contrary is unknown", { match: [{ not: { org: "CIRCL" } }] }, {}, 0],
    [
      "of which one of two conditions holds",
      { match: [{ org: "CIRCL" }, { tag: "osint:*" }] },
      { org: is("CIRCL"), tag: is("x") },
      0,
    ],
    [
      "both of whose conditions hold",
      { match: [{ org: "CIRCL" }, { tag: "osint:*" }] },
      { org: is("CIRCL"), tag: is("osint:a") },
      1,
    ],
    ["without conditions", {}, {}, 1],
    ["about the event", { events: [{ uuid: EVENT }] }, { event_uuid: is(EVENT.toUpperCase()) }, 1],
    ["about another event", { events: [{ uuid: EVENT }] }, { event_uuid: is("x") }, 0],
    ["about an event of which the UUID is not known", { events: [{ uuid: EVENT }] }, { event_id: is("7") }, 0],
    [
      "about a number that another instance gives",
      { events: [{ instance: "lab", uuid: EVENT }] },
      { instance: is("cert"), event_uuid: is(EVENT) },
      0,
    ],
    ["about one of two events", { events: [{ id: "8" }, { id: "7" }] }, { event_id: is("7") }, 1],
    [
      "about the event, whose condition does not hold",
      { events: [{ id: "7" }], match: [{ org: "x" }] },
      { event_id: is("7"), org: is("y") },
      0,
    ],
  ])("%s", (_, fields, facts, n) => {
    expect(on(fields, facts)).toBe(n);
  });

  it.each([[[{ orgg: "x" }]], [[{ tag: "/(/" }]], [[{ max_age: "soon" }]], [["org=x"]], [[null]]])(
    "of %j cannot be compiled",
    (match) => {
      expect(() => compileSilence(silence({ match: match as unknown as Silence["match"] }))).toThrow();
    },
  );

  const of = (silences: readonly Partial<Silence>[], kind: (typeof KINDS)[number] = "event.published") => {
    const muted = mute(
      silences.map((fields, n) => silence({ id: `s${n}`, ...fields })),
      { kind, destination: "soc", routes: ["a", "b"] },
    );
    return [muted.silence?.id, ...muted.routes];
  };

  it.each<[string, readonly Partial<Silence>[], readonly (string | undefined)[]]>([
    ["all routes, where it names none", [{}], ["s0"]],
    ["nothing, where it names another destination", [{ destinations: ["mail"] }], [undefined, "a", "b"]],
    ["all routes, of its destination", [{ destinations: ["mail", "soc"] }], ["s0"]],
    ["the route that it names alone", [{ routes: ["a"] }], [undefined, "b"]],
    ["all, where two name one each", [{ routes: ["a"] }, { routes: ["b"], until: 2 * HOUR }], ["s1"]],
    ["all, for the one that tells it afterwards", [{ until: 9 * HOUR }, { afterwards: "digest" }], ["s1"]],
    [
      "all, until the last of those ends",
      [{ afterwards: "digest" }, { afterwards: "digest", until: 2 * HOUR }],
      ["s1"],
    ],
  ])("mutes %s", (_, silences, expected) => {
    expect(of(silences)).toEqual(expected);
  });

  it("never mutes what is taken back, and our own kinds only where it names where they come", () => {
    for (const kind of KINDS) {
      const isBack = ["event.deleted", "event.unpublished", "event.withdrawn"].includes(kind);
      const isOurs = kind.startsWith("herald.");
      const isMuted = (fields: Partial<Silence>) => of([fields], kind)[0] !== undefined;
      expect(isMuted({}), kind).toBe(!isBack && !isOurs);
      expect(isMuted({ match: [{ kind }] }), kind).toBe(!isBack && !isOurs);
      expect(isMuted({ destinations: ["soc"] }), kind).toBe(!isBack);
      expect(isMuted({ routes: ["a", "b"] }), kind).toBe(!isBack);
    }
  });
});

test("what a silence holds waits for its end under a key that no other group has", () => {
  const one = silence({ until: 5 * HOUR });
  expect(silenceGroup(one, HOUR)).toMatchObject({ key: silenceKey("one"), waitMs: 4 * HOUR });
  expect(silenceGroup(one, 6 * HOUR).waitMs).toBe(0);
  expect(silenceOf(silenceKey("one"))).toBe("one");
  expect([silenceOf('["silence",[["event",["x"]]]]'), silenceOf('["silence","a","b"]')]).toEqual([
    undefined,
    undefined,
  ]);
  expect(mutedBy(one)).toEqual({ outcome: "muted", reason: "silenced", silence: "one", by: "alice" });
});

test("of any silences each route is muted or told, and none by a silence that does not name it", () => {
  const NAMES = ["a", "b", "c"];
  const arbitrary = fc.record({
    routes: fc.subarray(NAMES),
    destinations: fc.subarray(["soc", "mail"]),
    afterwards: fc.constantFrom("nothing" as const, "digest" as const),
    until: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(arbitrary, { maxLength: 5 }), fc.subarray(NAMES, { minLength: 1 }), (all, routes) => {
      const silences = all.map((fields, n) => silence({ ...fields, id: `s${n}` }));
      const muted = mute(silences, { kind: "event.published", destination: "soc", routes });
      const covers = (one: Silence, route: string) =>
        (one.destinations.length === 0 || one.destinations.includes("soc")) &&
        (one.routes.length === 0 || one.routes.includes(route));
      expect(muted.routes).toEqual(routes.filter((route) => !silences.some((one) => covers(one, route))));
      expect(muted.silence !== undefined).toBe(muted.routes.length === 0);
      expect(muted.silence === undefined || routes.some((route) => covers(muted.silence ?? silence(), route))).toBe(
        true,
      );
    }),
  );
});
