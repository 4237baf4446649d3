import { describe, expect, it } from "vitest";
import type { Message } from "../../src/model/message.ts";
import { type FetchedEvent, lessonOf, lessonsOf } from "../../src/planning/enrich.ts";
import {
  attributeEdited,
  attributeOf,
  eventEdited,
  eventView,
  MINUTE,
  objectOf,
  publication,
  SECOND,
  T0,
  tagAttached,
  tags,
  uuidOf,
} from "../support/messages.ts";
import { Planner, verdictsOf } from "./planner.ts";
import { STORES } from "./stores.ts";

// What MISP is asked counts from when it was asked: a complete list loosens what was known before that, and nothing else.

const OBJECT = uuidOf("90");
const ASKED = T0 + 10 * MINUTE;

/** What MISP says of the event: by default that nothing in it is stricter than tlp:green. */
function answer(askedAt = ASKED, { event = {}, ...parts }: Partial<FetchedEvent> = {}): Message {
  const known = { attributes: [attributeOf("21", { objectKey: OBJECT })], objects: [objectOf(OBJECT)] };
  return lessonOf("cert", { event: eventView(event), ...known, ...parts }, askedAt);
}

const whole = publication({
  attributes: [attributeOf("21", { objectKey: OBJECT })],
  objects: [objectOf(OBJECT)],
});
const probe = attributeEdited({ attribute: { tags: [], changedAt: T0 }, object: objectOf(OBJECT) });

const STRICTER: readonly (readonly [string, Message])[] = [
  ["a tag of the event", tagAttached("tlp:red", { receivedAt: T0 + 5 * MINUTE })],
  ["one that is not exportable", tagAttached("tlp:red", { receivedAt: T0 + 5 * MINUTE, exportable: false })],
  ["a tag of an attribute", tagAttached("tlp:red", { receivedAt: T0 + 5 * MINUTE, attribute: "21" })],
  ["an edit", eventEdited({ changedAt: T0 + 5 * MINUTE, published: true, tags: tags("tlp:red") })],
  ["an old edit", eventEdited({ changedAt: T0 - MINUTE, published: true, tags: tags("tlp:red") })],
  [
    "an edit by a clock that is ahead",
    eventEdited({ changedAt: T0 + 60 * MINUTE, published: true, tags: tags("tlp:red") }),
  ],
  ["an edit that narrows", eventEdited({ changedAt: T0 + 5 * MINUTE, published: true, distribution: "organisation" })],
  [
    "an attribute that is narrowed",
    attributeEdited({ attribute: { tags: [], distribution: "organisation", changedAt: T0 + 5 * MINUTE } }),
  ],
].map(([name, message]) => [name as string, { ...(message as Message), receivedAt: T0 + 5 * MINUTE }] as const);

describe.each(STORES)("with the %s store", (_, openStore) => {
  it.each(STRICTER)("what is asked later loosens what was said stricter: %s", async (_name, stricter) => {
    const planner = new Planner({ store: await openStore() });
    expect(verdictsOf(await planner.tell(whole, stricter, probe))).not.toEqual(["soc owed"]);
    expect(verdictsOf(await planner.tell(answer(), probe))).toEqual(["soc owed"]);
  });

  it.each(STRICTER)("what was asked before does not, though its answer came later: %s", async (_name, stricter) => {
    const planner = new Planner({ store: await openStore() });
    expect(verdictsOf(await planner.tell(whole, stricter, answer(T0 + 5 * MINUTE - SECOND), probe))).not.toEqual([
      "soc owed",
    ]);
  });
});

describe("what MISP is asked", () => {
  it("counts from before it was asked, within the second of a tag", async () => {
    const planner = new Planner();
    await planner.tell(whole, tagAttached("tlp:red", { receivedAt: ASKED + 700 }));
    expect(verdictsOf(await planner.tell(answer(ASKED + 300), probe))).toEqual(["soc tlp-above-ceiling"]);
  });

  it("tightens, whenever it was asked", async () => {
    const planner = new Planner();
    await planner.tell({ ...whole, receivedAt: ASKED });
    expect(verdictsOf(await planner.tell(answer(T0, { event: { tags: tags("tlp:red") } }), probe))).toEqual([
      "soc tlp-above-ceiling",
    ]);
  });

  it("moves words back that came by a clock that is ahead, and what comes then is no older", async () => {
    const planner = new Planner({ destinations: { soc: { guard: { max_tlp: "red" } } } });
    const ahead = publication({ receivedAt: T0, event: { changedAt: T0 + 4 * MINUTE, info: "Ahead" } });
    await planner.tell(ahead, answer(T0 + MINUTE, { event: { changedAt: T0 + SECOND, info: "As it is" } }));
    const next = eventEdited({ changedAt: T0 + 2 * MINUTE, published: true, info: "Edited" });
    const { trace } = await planner.tell(next);
    expect([trace?.stale, trace?.alert?.event?.info]).toEqual([false, "Edited"]);
  });

  it("is learned in slices where there is much of it, and then tells of nothing that it is gone", async () => {
    const attributes = Array.from({ length: 10_500 }, (_, n) =>
      attributeOf(String(1000 + n), { tags: tags("tlp:red") }),
    );
    const fetched = { event: eventView(), attributes, objects: [objectOf(OBJECT)] };
    const lessons = lessonsOf("cert", fetched, ASKED);
    expect(lessons.map((lesson) => lesson.attributes.length)).toEqual([5250, 5250]);
    expect(new Set(lessons.flatMap((lesson) => lesson.attributes)).size).toBe(10_500);
    const planner = new Planner();
    await planner.tell(whole);
    for (const lesson of lessons) {
      expect((await planner.plan(lesson)).effects.listings).toBeUndefined();
    }
    const red = attributeEdited({ id: "11499", attribute: { tags: [], changedAt: T0 } });
    expect(verdictsOf(await planner.tell(red))).toEqual(["soc tlp-above-ceiling"]);
  });

  it("loosens no part that it does not list", async () => {
    const planner = new Planner();
    await planner.tell(whole, tagAttached("tlp:red", { receivedAt: T0 + MINUTE, attribute: "21" }));
    expect(verdictsOf(await planner.tell(answer(ASKED, { attributes: [] }), probe))).toEqual(["soc tlp-above-ceiling"]);
  });
});
