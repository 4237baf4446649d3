import { describe, expect, it } from "vitest";
import {
  attributeAdded,
  attributeEdited,
  attributeOf,
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
import { Desk, verdictsOf } from "./desk.ts";

const later = (minutes: number) => ({ changedAt: T0 + minutes * MINUTE });
const again = (minutes: number, rest: Parameters<typeof publication>[0] = {}) =>
  publication({ receivedAt: T0 + minutes * MINUTE, ...rest, event: { ...later(minutes), ...rest.event } });

describe("memory", () => {
  const events = { events: [{ instance: "cert", id: "7", whole: true }], attributes: [] };

  it("knows an event from a tag that names only its id", async () => {
    const desk = new Desk({ destinations: { soc: { guard: { drafts: true } } } });
    await desk.tell(tagAttached("tlp:red"));
    expect(verdictsOf(await desk.tell(attributeAdded()))).toEqual(["soc tlp-above-ceiling"]);
  });

  it("does not loosen by a tag that is detached, until a newer list lacks it", async () => {
    const desk = new Desk();
    await desk.tell(publication(), tagAttached("tlp:red"), tagDetached("tlp:red"));
    expect(verdictsOf(await desk.tell(attributeEdited({ attribute: { tags: [] } })))).toEqual([
      "soc tlp-above-ceiling",
    ]);
    expect(verdictsOf(await desk.tell(again(1)))).toEqual(["soc owed"]);
  });

  it("keeps a label as long as the latest of the times at which it was attached", async () => {
    const desk = new Desk();
    const attached = (minutes: number) => tagAttached("tlp:red", { receivedAt: T0 + minutes * MINUTE });
    // The clock was set back in between.
    await desk.tell(publication(), attached(5), attached(2));
    expect(verdictsOf(await desk.tell(again(3)))).toEqual(["soc tlp-above-ceiling"]);
    expect(verdictsOf(await desk.tell(again(6)))).toEqual(["soc owed"]);
  });

  it("knows by its id an event that was known by its UUID alone", async () => {
    const desk = new Desk({ destinations: { soc: { guard: { drafts: true } } } });
    await desk.tell(pulled(), eventCreated(), tagAttached("tlp:red"));
    expect(verdictsOf(await desk.tell(attributeAdded()))).toEqual(["soc tlp-above-ceiling"]);
  });

  it("does not loosen by an edit that tells the tags of the same second", async () => {
    const desk = new Desk();
    await desk.tell(publication({ event: { tags: tags("tlp:red") } }), eventEdited({ tags: tags("tlp:green") }));
    expect(verdictsOf(await desk.tell(attributeEdited({ attribute: { tags: [] } })))).toEqual([
      "soc tlp-above-ceiling",
    ]);
  });

  it("takes no list from an edit that is older than what it knows of the event", async () => {
    const desk = new Desk({ destinations: { soc: { guard: { max_tlp: "red" } } } });
    const told = await desk.tell(eventCreated({ ...later(1), published: true }), eventEdited({ tags: [] }));
    expect([told.trace?.stale, verdictsOf(told)]).toEqual([true, ["soc tlp-unknown"]]);
  });

  it("forgets an attribute's labels by a newer list that has none", async () => {
    const desk = new Desk();
    await desk.tell(publication({ attributes: [attributeOf("1", { tags: tags("tlp:red", "x:y") })] }));
    expect((await desk.store.recall(events)).attributes).toMatchObject([{ id: "1", eventKey: "7", tags: ["tlp:red"] }]);
    const { plan } = await desk.tell(again(1, { attributes: [attributeOf("1")] }));
    expect(plan.effects.forget).toEqual([{ instance: "cert", id: "1" }]);
    expect((await desk.store.recall(events)).attributes).toEqual([]);
  });

  it("marks an attribute by a publication that is older than an edit of the event, which lists no attributes", async () => {
    const desk = new Desk();
    await desk.tell(eventEdited(later(5)), publication({ attributes: [attributeOf("21", { tags: tags("tlp:red") })] }));
    const older = attributeEdited({ attribute: { tags: [], changedAt: T0 - MINUTE } });
    expect(verdictsOf(await desk.tell(eventEdited({ ...later(6), published: true }), older))).toEqual([
      "soc tlp-above-ceiling",
    ]);
  });

  it("changes nothing when nothing is new, and each row once in a micro-batch", async () => {
    const desk = new Desk();
    const { effects } = await desk.plan(publication(), tagAttached("x:y"), attributeAdded());
    expect(effects.events.map(({ revision }) => revision)).toEqual([0]);
    expect((await desk.plan(attributeAdded())).effects.events).toEqual([]);
  });

  it("remembers a notice that says nothing else, and tells nobody of it", async () => {
    const desk = new Desk();
    await desk.tell(publication());
    const notice = await desk.tell(pulled());
    expect([notice.trace?.kind, notice.deliveries]).toEqual([undefined, []]);
    await desk.tell(pulled("5f1b2c3d-0000-4000-8000-000000000099"));
    const known = await desk.store.recall({
      events: [{ instance: "cert", uuid: "5f1b2c3d-0000-4000-8000-000000000099" }],
      attributes: [],
    });
    expect(known.events[0]?.event.origin).toBe("pulled");
  });

  it("never has the members of a sharing group", async () => {
    const group = { id: "5", name: "Banks", members: [{ name: "SECRET-MEMBER" }] };
    const message = publication({ event: { distribution: "sharing_group", sharingGroup: group } });
    const desk = new Desk({ destinations: { soc: { guard: { audience: ["SECRET-MEMBER"] } } } });
    const { deliveries, plan } = await desk.tell(message);
    expect(deliveries[0]?.cleared).toEqual(["5"]);
    expect(JSON.stringify([plan.effects, plan.traces[0]?.destinations])).not.toContain("SECRET-MEMBER");
    expect((await desk.open())?.leaving).toHaveLength(1);
  });
});
