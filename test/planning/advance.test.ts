import { describe, expect, it } from "vitest";
import {
  attributeAdded,
  attributeEdited,
  attributeOf,
  EVENT_UUID,
  eventCreated,
  eventEdited,
  MINUTE,
  publication,
  pulled,
  T0,
  tagAttached,
  tagDetached,
  tags,
} from "../support/messages.ts";
import { Planner, verdictsOf } from "./planner.ts";

const later = (minutes: number) => ({ changedAt: T0 + minutes * MINUTE });
const again = (minutes: number, rest: Parameters<typeof publication>[0] = {}) =>
  publication({ receivedAt: T0 + minutes * MINUTE, ...rest, event: { ...later(minutes), ...rest.event } });

describe("memory", () => {
  const events = { events: [{ instance: "cert", id: "7", whole: true }], parts: [] };

  it("is not loosened by a deletion, which says what the row was, maybe under a former number", async () => {
    const planner = new Planner();
    await planner.tell(again(0, { event: { distribution: "organisation" } }));
    const deleted = eventEdited({ id: "6", distribution: "all", ...later(5) });
    await planner.tell({ ...deleted, kind: "event.deleted" });
    const [memory] = (await planner.store.load(events)).events;
    expect(memory).toMatchObject({ event: { distribution: "organisation" } });
  });

  it("knows an event from a tag that names only its id", async () => {
    const planner = new Planner({ destinations: { soc: { guard: { drafts: true } } } });
    await planner.tell(tagAttached("tlp:red"));
    expect(verdictsOf(await planner.tell(attributeAdded()))).toEqual(["soc tlp-above-ceiling"]);
  });

  it("does not loosen by a tag that is detached, until a newer list lacks it", async () => {
    const planner = new Planner();
    await planner.tell(publication(), tagAttached("tlp:red"), tagDetached("tlp:red"));
    expect(verdictsOf(await planner.tell(attributeEdited({ attribute: { tags: [] } })))).toEqual([
      "soc tlp-above-ceiling",
    ]);
    expect(verdictsOf(await planner.tell(again(1)))).toEqual(["soc owed"]);
  });

  it("keeps a label as long as the latest of the times at which it was attached", async () => {
    const planner = new Planner();
    const attached = (minutes: number) => tagAttached("tlp:red", { receivedAt: T0 + minutes * MINUTE });
    // The clock was set back in between.
    await planner.tell(publication(), attached(5), attached(2));
    expect(verdictsOf(await planner.tell(again(3)))).toEqual(["soc tlp-above-ceiling"]);
    expect(verdictsOf(await planner.tell(again(6)))).toEqual(["soc owed"]);
  });

  it("knows by its id an event that was known by its UUID alone", async () => {
    const planner = new Planner({ destinations: { soc: { guard: { drafts: true } } } });
    await planner.tell(pulled(), eventCreated(), tagAttached("tlp:red"));
    expect(verdictsOf(await planner.tell(attributeAdded()))).toEqual(["soc tlp-above-ceiling"]);
  });

  it("does not loosen by an edit that tells the tags of the same second", async () => {
    const planner = new Planner();
    await planner.tell(publication({ event: { tags: tags("tlp:red") } }), eventEdited({ tags: tags("tlp:green") }));
    expect(verdictsOf(await planner.tell(attributeEdited({ attribute: { tags: [] } })))).toEqual([
      "soc tlp-above-ceiling",
    ]);
  });

  it("takes no list from an edit that is older than what it knows of the event", async () => {
    const planner = new Planner({ destinations: { soc: { guard: { max_tlp: "red" } } } });
    const told = await planner.tell(eventCreated({ ...later(1), published: true }), eventEdited({ tags: [] }));
    expect([told.trace?.stale, verdictsOf(told)]).toEqual([true, ["soc tlp-unknown"]]);
  });

  it("forgets an attribute's labels by a newer list that has none", async () => {
    const planner = new Planner();
    await planner.tell(publication({ attributes: [attributeOf("1", { tags: tags("tlp:red", "x:y") })] }));
    expect((await planner.store.load(events)).parts).toMatchObject([
      { part: "attribute", id: "1", eventKey: EVENT_UUID, tags: ["tlp:red"] },
    ]);
    const { plan } = await planner.tell(again(1, { attributes: [attributeOf("1")] }));
    expect(plan.effects.forget).toEqual([{ instance: "cert", eventKey: EVENT_UUID, part: "attribute", id: "1" }]);
    expect((await planner.store.load(events)).parts).toEqual([]);
  });

  it("marks an attribute by a publication that is older than an edit of the event, which lists no attributes", async () => {
    const planner = new Planner();
    await planner.tell(
      eventEdited(later(5)),
      publication({ attributes: [attributeOf("21", { tags: tags("tlp:red") })] }),
    );
    const older = attributeEdited({ attribute: { tags: [], changedAt: T0 - MINUTE } });
    expect(verdictsOf(await planner.tell(eventEdited({ ...later(6), published: true }), older))).toEqual([
      "soc tlp-above-ceiling",
    ]);
  });

  it("changes nothing when nothing is new, and each row once in a micro-batch", async () => {
    const planner = new Planner();
    const { effects } = await planner.plan(publication(), tagAttached("x:y"), attributeAdded());
    expect(effects.events.map(({ revision }) => revision)).toEqual([0]);
    expect((await planner.plan(attributeAdded())).effects.events).toEqual([]);
  });

  it("remembers a notice that says nothing else, and tells nobody of it", async () => {
    const planner = new Planner();
    await planner.tell(publication());
    const notice = await planner.tell(pulled());
    expect([notice.trace?.kind, notice.deliveries]).toEqual([undefined, []]);
    await planner.tell(pulled("5f1b2c3d-0000-4000-8000-000000000099"));
    const known = await planner.store.load({
      events: [{ instance: "cert", uuid: "5f1b2c3d-0000-4000-8000-000000000099" }],
      parts: [],
    });
    expect(known.events[0]?.event.origin).toBe("pulled");
  });

  it("never has the members of a sharing group", async () => {
    const group = { id: "5", name: "Banks", members: [{ name: "SECRET-MEMBER" }] };
    const message = publication({ event: { distribution: "sharing_group", sharingGroup: group } });
    const planner = new Planner({ destinations: { soc: { guard: { audience: ["SECRET-MEMBER"] } } } });
    const { plan } = await planner.tell(message);
    expect(JSON.stringify([plan.effects, plan.traces[0]?.destinations])).not.toContain("SECRET-MEMBER");
    expect((await planner.open())?.leaving).toHaveLength(1);
  });
});
