import { describe, expect, it } from "vitest";
import type { Message } from "../../src/model/message.ts";
import { type FetchedEvent, lessonOf } from "../../src/planning/enrich.ts";
import {
  attributeAdded,
  attributeDeleted,
  attributeGone,
  attributeOf,
  eventCreated,
  eventDeleted,
  eventEdited,
  eventView,
  MINUTE,
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
import { settleOne } from "../support/one-batch.ts";
import { Planner, verdictsOf } from "./planner.ts";
import { STORES } from "./stores.ts";

// What MISP took back before it left does not leave, by whatever it becomes known.

const OBJECT = uuidOf("90");
const inObject = (id: string) => attributeOf(id, { objectKey: OBJECT });
const first = publication({ attributes: [attributeOf("21"), inObject("22")], objects: [objectOf(OBJECT)] });
const later = (minutes: number, rest: Parameters<typeof publication>[0] = {}) =>
  publication({
    ...rest,
    receivedAt: T0 + minutes * MINUTE,
    event: { changedAt: T0 + minutes * MINUTE, ...rest.event },
  });
const objectDeleted: Message = {
  ...objectAdded({ ...objectOf(OBJECT), deleted: true, changedAt: T0 + MINUTE }),
  kind: "object.deleted",
};
const unpublishing = eventEdited({ published: false });

/** Its frame tells too little of the attribute; recall has added what is needed. */
function known(message: Message): Message {
  return { ...message, attributes: [attributeOf("21")] };
}

function answer(parts: Partial<FetchedEvent>): Message {
  const event = eventView({ changedAt: T0 + MINUTE });
  return lessonOf("cert", { event, attributes: [], objects: [], ...parts }, T0 + 10 * MINUTE);
}

describe.each(STORES)("with the %s store", (_, openStore) => {
  const plannerFor = async (guard: object = {}, kinds: readonly string[] = ["*"], match: object = {}) =>
    new Planner({
      store: await openStore(),
      destinations: { soc: { guard } },
      routes: [{ name: "all", kinds, match, notify: "soc" }],
    });

  /** Ids of the attributes and objects that leave, and how the rest ends. */
  const leave = async (planner: Planner) => {
    const opened = await planner.open();
    const alerts = opened?.payload?.entries.map(({ guarded }) => guarded.alert) ?? [];
    return {
      parts: alerts.flatMap(({ items, objects }) => [...items.map(({ id }) => id), ...objects.map(({ key }) => key)]),
      counted: alerts.flatMap(({ counts }) => counts.map(({ n }) => n)).reduce((sum, n) => sum + n, 0),
      ended: (opened?.refused ?? []).map(({ kind, outcome, reason }) => `${kind} ${outcome} ${reason}`),
    };
  };

  const PUBLISHED = ["event.published"];

  it.each([
    ["an attribute that is deleted", attributeDeleted(), ["22", OBJECT]],
    ["one that is deleted for good", attributeGone(), ["22", OBJECT]],
    ["an object, and what is in it", objectDeleted, ["21"]],
    ["what a newer publication lacks", later(1, { event: { info: "Other" }, attributes: [attributeOf("21")] }), ["21"]],
    ["what MISP does not show", answer({ attributes: [attributeOf("21")] }), ["21"]],
    [
      "what MISP shows as deleted",
      answer({ attributes: [attributeOf("21", { deleted: true }), inObject("22")], objects: [objectOf(OBJECT)] }),
      ["22", OBJECT],
    ],
  ])("takes out of what waits %s", async (_name, message, parts) => {
    const planner = await plannerFor({}, PUBLISHED, { info: "Phishing*" });
    await planner.tell(first, message);
    expect(await leave(planner)).toEqual({
      parts,
      counted: parts.filter((part) => part.length === 2).length,
      ended: [],
    });
  });

  it.each([
    ["an attribute", attributeAdded({ attribute: { tags: [] } }), attributeDeleted()],
    ["an attribute that a newer publication lacks", attributeAdded({ attribute: { tags: [] } }), later(1)],
    ["an attribute that MISP does not show", attributeAdded({ attribute: { tags: [] } }), answer({})],
    ["an object", objectAdded(objectOf(OBJECT)), objectDeleted],
    ["an object that a newer publication lacks", objectAdded(objectOf(OBJECT)), later(1)],
    [
      "an attribute whose object is deleted",
      attributeAdded({ id: "22", attribute: { tags: [] }, object: objectOf(OBJECT) }),
      objectDeleted,
    ],
    ["a tag of an attribute", known(tagAttached("type:OSINT", { attribute: "21" })), attributeDeleted()],
    ["a sighting", known(sightingAdded()), attributeDeleted()],
    ["a sighting of what a newer publication lacks", known(sightingAdded()), later(1)],
  ])("withdraws what waits about %s", async (_name, part, message) => {
    const planner = await plannerFor({}, [part.kind ?? ""]);
    await planner.tell(publication({ attributes: [attributeOf("21"), inObject("22")], objects: [objectOf(OBJECT)] }));
    expect(verdictsOf(await planner.tell(part))).toEqual(["soc owed"]);
    await planner.tell(message);
    expect(await leave(planner)).toEqual({ parts: [], counted: 0, ended: [`${part.kind} withdrawn part-deleted`] });
  });

  it("keeps what was added after the list, or changed after it, or may be hidden from the key", async () => {
    const planner = await plannerFor({ audience: ["ACME-CERT"] }, ["attribute.added"]);
    const added = (id: string, minutes: number, more: object = {}) =>
      attributeAdded({
        id,
        receivedAt: T0 + minutes * MINUTE,
        attribute: { tags: [], changedAt: T0 + minutes * MINUTE, ...more },
      });
    await planner.tell(first, added("31", 0), added("32", 5), added("33", 0, { distribution: "organisation" }));
    // Asked ten minutes after the first; what MISP has not stored yet it may not show.
    const asked = answer({});
    await planner.tell({ ...asked, event: { ...asked.event, changedAt: T0 + 2 * MINUTE } });
    await planner.tell(added("34", 10));
    expect((await leave(planner)).parts.sort()).toEqual(["32", "33", "34"]);
  });

  it("keeps what was changed in the second in which the list was made", async () => {
    const planner = await plannerFor({}, ["attribute.added"]);
    await planner.tell(first);
    const at = T0 + MINUTE;
    await planner.tell(attributeAdded({ id: "31", receivedAt: at, attribute: { tags: [], changedAt: at } }));
    await planner.tell({ ...later(1), receivedAt: at + 500 });
    expect((await leave(planner)).parts).toEqual(["31"]);
  });

  it.each([
    ["an attribute that is deleted", attributeDeleted(), ["22", OBJECT], []],
    ["an event that is deleted", eventDeleted(), [], ["event.published withdrawn event-deleted"]],
    ["an event that is unpublished", unpublishing, [], ["event.published withdrawn event-unpublished"]],
  ])("looks again before each attempt: %s", async (_name, message, parts, ended) => {
    const planner = await plannerFor({}, PUBLISHED);
    await planner.tell(first);
    const batch = await planner.take("soc");
    if (!batch) {
      throw new Error("Nothing is owed");
    }
    await settleOne(planner.store, { batch: batch.id, records: [], attempted: true, retryAt: T0 + MINUTE }, T0);
    await planner.tell(message);
    expect(await leave(planner)).toMatchObject({ parts, ended });
  });

  it("judges by a publication once: a copy of it is as old as the first", async () => {
    const planner = await plannerFor({}, ["attribute.added"]);
    const list = later(1);
    const added = attributeAdded({ id: "31", receivedAt: T0 + 2 * MINUTE, attribute: { tags: [], changedAt: T0 } });
    await planner.tell(first, list, added, { ...list, receivedAt: T0 + 3 * MINUTE });
    expect((await leave(planner)).parts).toEqual(["31"]);
  });

  it("lets nothing leave of an object that was narrowed", async () => {
    const planner = await plannerFor({}, PUBLISHED);
    await planner.tell(first);
    await planner.tell({
      ...objectAdded(objectOf(OBJECT, { distribution: "organisation", changedAt: T0 + MINUTE })),
      kind: "object.edited",
    });
    expect((await leave(planner)).parts).toEqual(["21"]);
  });

  it("does not let an event inherit what it was before it was deleted: it is another of that UUID", async () => {
    const planner = await plannerFor({ drafts: false });
    await planner.tell(first, tagAttached("tlp:red", { attribute: "21" }), objectDeleted, eventDeleted());
    await planner.settle();
    const again = { id: "8", changedAt: T0 };
    expect(verdictsOf(await planner.tell(eventCreated(again)))).toEqual(["soc draft"]);
    const whole = publication({
      receivedAt: T0 + 5 * MINUTE,
      event: again,
      attributes: [attributeOf("21"), inObject("22")],
      objects: [objectOf(OBJECT)],
    });
    expect(verdictsOf(await planner.tell(whole))).toEqual(["soc owed"]);
    expect((await leave(planner)).parts).toEqual(["21", "22", OBJECT]);
  });

  it("withdraws what waited of an event that was made anew meanwhile, and tells the new one", async () => {
    const planner = await plannerFor({}, PUBLISHED);
    await planner.tell(first, eventDeleted(), publication({ receivedAt: T0 + 5 * MINUTE, event: { id: "8" } }));
    expect(await leave(planner)).toMatchObject({ ended: ["event.published withdrawn event-deleted"] });
  });

  it("tells what is published again unchanged after it was unpublished, once", async () => {
    const planner = await plannerFor();
    await planner.tell(first);
    await planner.settle();
    expect(verdictsOf(await planner.tell(unpublishing))).toEqual(["soc owed"]);
    await planner.settle();
    const again = { ...first, receivedAt: T0 + 5 * MINUTE };
    expect(verdictsOf(await planner.tell(again))).toEqual(["soc owed"]);
    expect(verdictsOf(await planner.tell({ ...again, receivedAt: T0 + 5 * MINUTE + SECOND }))).toEqual([
      "soc already-told",
    ]);
    await planner.settle();
    expect(verdictsOf(await planner.tell(unpublishing))).toEqual(["soc owed"]);
    expect(verdictsOf(await planner.tell({ ...first, receivedAt: T0 + 9 * MINUTE }))).toEqual(["soc owed"]);
  });

  it("withdraws nothing by another edit, though MISP says `published: false` in it, too", async () => {
    const planner = await plannerFor({}, PUBLISHED);
    await planner.tell(first, eventEdited({ published: false, changedAt: T0 + MINUTE, tags: tags("tlp:green") }));
    expect((await leave(planner)).parts).toEqual(["21", "22", OBJECT]);
  });
});
