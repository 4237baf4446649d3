import { describe, expect, it } from "vitest";
import { type OpenedBatch, openBatch } from "../../src/delivery/payload.ts";
import type { Item } from "../../src/model/alert.ts";
import type { Message } from "../../src/model/message.ts";
import type { Batch } from "../../src/model/outbox.ts";
import type { Payload } from "../../src/model/payload.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { Planner } from "../planning/planner.ts";
import {
  attributeEdited,
  attributeOf,
  EVENT_UUID,
  eventEdited,
  eventless,
  MINUTE,
  objectOf,
  publication,
  SECOND,
  T0,
  tagAttached,
  tags,
  uuidOf,
} from "../support/messages.ts";

/** One group for everything, so that all that is owed leaves together. */
function planner(guard: object = {}, routes: readonly object[] = [{ name: "all", kinds: ["*"] }]): Planner {
  const together = { notify: "soc", group: { by: [] } };
  return new Planner({ destinations: { soc: { guard } }, routes: routes.map((route) => ({ ...together, ...route })) });
}

async function payloadOf(of: Planner): Promise<Payload> {
  const opened = await of.open();
  if (!opened?.payload) {
    throw new Error("nothing leaves");
  }
  return opened.payload;
}

const edit = (id: string, seconds: number, names: readonly string[] = []) =>
  attributeEdited({
    id,
    receivedAt: T0 + seconds * SECOND,
    attribute: { changedAt: T0 + seconds * SECOND, tags: tags(...names) },
  });
const other = (fields: object = {}) => publication({ event: { id: "8", uuid: uuidOf("8"), ...fields } });

describe("openBatch() folds what is about one event into one entry", () => {
  it("20 attributes: all of them, and how many messages they were", async () => {
    const of = planner();
    await of.tell(publication());
    await of.settle();
    for (let n = 1; n <= 20; n++) {
      await of.tell(edit(String(n), n));
    }
    const { entries } = await payloadOf(of);
    expect(entries).toHaveLength(1);
    expect(entries[0]?.kinds).toEqual([{ kind: "attribute.edited", n: 20 }]);
    expect(entries[0]?.guarded.alert.items).toHaveLength(20);
    expect(entries[0]?.guarded.alert.counts.map(({ n }) => n)).toEqual([20]);
    expect(entries[0]?.deliveries).toHaveLength(20);
  });

  it("a publication absorbs the parts that came before it", async () => {
    const of = planner();
    await of.tell(publication());
    await of.settle();
    await of.tell(edit("1", 1), edit("2", 2));
    const whole = publication({
      receivedAt: T0 + MINUTE,
      event: { changedAt: T0 + MINUTE },
      attributes: [attributeOf("2"), attributeOf("3")],
    });
    await of.tell(whole);
    const opened = await of.open();
    const entries = opened?.payload?.entries ?? [];
    expect(entries).toHaveLength(1);
    expect(entries[0]?.guarded.alert.kind).toBe("event.published");
    expect(entries[0]?.guarded.alert.items.map(({ id }) => id)).toEqual(["2", "3"]);
    // Of what is not in it any more nothing leaves.
    expect(opened?.refused).toMatchObject([{ kind: "attribute.edited", outcome: "withdrawn", reason: "part-deleted" }]);
    expect(entries[0]?.kinds).toEqual(
      expect.arrayContaining([
        { kind: "attribute.edited", n: 1 },
        { kind: "event.published", n: 1 },
      ]),
    );
    expect(entries[0]?.since).toBe(T0);
  });

  it("two forms of one event stay apart", async () => {
    const of = planner({ max_tlp: "green", metadata_up_to: "amber" });
    await of.tell(publication(), edit("1", 1), edit("2", 2, ["tlp:amber"]));
    const { entries, tlp } = await payloadOf(of);
    expect(entries.map(({ guarded }) => guarded.form).sort()).toEqual(["full", "metadata"]);
    const metadata = entries.find(({ guarded }) => guarded.form === "metadata");
    expect([metadata?.guarded.tlp, metadata?.guarded.alert.items, tlp]).toEqual(["amber", [], "amber"]);
  });

  it.each([
    ["the event", { name: "tlp:ex:chr", on: {} }],
    ["a part that was marked since", { name: "tlp:ex:chr", on: { attribute: "2" } }],
  ])("hides the source in all that leaves of an event where %s asks for it", async (_, { name, on }) => {
    const of = planner({ max_tlp: "green", metadata_up_to: "amber" });
    await of.tell(publication(), edit("1", 1), edit("2", 2), edit("3", 3, ["tlp:amber"]), other());
    await of.tell(tagAttached(name, on));
    const { entries } = await payloadOf(of);
    const [own, others] = [EVENT_UUID, uuidOf("8")].map((uuid) =>
      entries.filter(({ guarded }) => guarded.alert.event?.uuid === uuid),
    );
    expect(own?.map(({ guarded: { form, chr } }) => [form, chr])).toEqual([
      ["full", true],
      ["metadata", true],
    ]);
    expect(JSON.stringify(own)).not.toMatch(/CIRCL|ACME-CERT"/);
    expect(others?.[0]?.guarded.alert.event?.org?.name).toBe("CIRCL");
  });

  it("two events, two instances, and what is about no event stay apart", async () => {
    const of = planner({ also: ["users"] });
    await of.tell(publication(), other(), publication({ instance: "other" }), eventless("user.login"), {
      ...eventless("user.login"),
      version: "2",
    });
    expect((await payloadOf(of)).entries.map(({ guarded }) => guarded.alert.kind).sort()).toEqual([
      "event.published",
      "event.published",
      "event.published",
      "user.login",
      "user.login",
    ]);
  });

  it("the gravest event comes first", async () => {
    const of = planner();
    const levels = ["low", undefined, "high", "medium", "high"] as const;
    for (const [index, threatLevel] of levels.entries()) {
      const { threatLevel: _, ...view } = publication().event ?? {};
      const id = String(index + 1);
      await of.tell({
        ...publication(),
        subject: { type: "event", id },
        event: { ...view, id, uuid: uuidOf(id), ...(threatLevel && { threatLevel }) },
      });
    }
    const { entries } = await payloadOf(of);
    expect(entries.map(({ guarded }) => guarded.alert.event?.threatLevel)).toEqual([
      "high",
      "high",
      "medium",
      "low",
      undefined,
    ]);
  });
});

describe("openBatch() makes a payload", () => {
  it("with the mentions, routes and priority of all that leaves", async () => {
    const of = planner({}, [
      { name: "a", notify: [{ to: "soc", mention: ["x"] }], priority: "high" },
      { name: "b", match: { event_id: 8 }, notify: [{ to: "soc", mention: ["x", "y"] }], priority: "high" },
    ]);
    await of.tell(publication(), other());
    const payload = await payloadOf(of);
    expect([payload.mentions, payload.priority, payload.minimal, payload.destination]).toEqual([
      ["x", "y"],
      "high",
      false,
      "soc",
    ]);
    expect(payload.entries.map(({ routes }) => routes).sort()).toEqual([["a"], ["a", "b"]]);
  });

  it("without the mentions of what is refused", async () => {
    const of = planner({}, [
      { name: "a" },
      { name: "b", match: { event_id: 8 }, notify: [{ to: "soc", mention: "y" }] },
    ]);
    await of.tell(publication(), other(), tagAttached("tlp:red", { eventId: "8" }));
    const payload = await payloadOf(of);
    expect([payload.mentions, payload.priority, payload.entries.length]).toEqual([[], "normal", 1]);
  });

  it.each([
    [["tlp:green"], ["tlp:clear"], {}, "green"],
    [["tlp:green"], ["tlp:amber"], {}, "amber"],
    [[], [], {}, "untagged"],
    [[], ["tlp:green"], {}, "amber"],
    [[], ["tlp:green"], { untagged: "clear" }, "green"],
  ])("of events tagged %j and %j, untagged as %j, is labelled %s", async (a, b, guard, tlp) => {
    const of = planner(guard);
    await of.tell(publication({ event: { tags: tags(...a) } }), other({ tags: tags(...b) }));
    expect((await payloadOf(of)).tlp).toBe(tlp);
  });

  it("links each event under the instance's own URL, also below a path", async () => {
    const of = planner({ metadata_up_to: "amber+strict", pointer_up_to: "red" });
    await of.tell(publication({ event: { tags: tags("tlp:red") } }), publication({ instance: "other" }));
    const batch = await taken(of);
    const links = new Map([["cert", new URL("https://misp.example/cert")]]);
    const opened = openBatch(batch, sightOf(of, links), T0);
    expect(opened.payload?.entries.map(({ link }) => link?.href).sort()).toEqual([
      `https://misp.example/cert/events/view/${EVENT_UUID}`,
      undefined,
    ]);
  });
});

describe("openBatch() asks again whether what matched is visible", () => {
  const watched = [{ name: "r", kinds: ["*"], match: { attribute: { value: "value-2.*" } } }];
  const message = publication({ attributes: [attributeOf("1"), attributeOf("2")] });

  it("refuses when it was marked since", async () => {
    const of = planner({}, watched);
    await of.tell(message, tagAttached("tlp:red", { attribute: "2" }));
    expect(reasons(await of.open())).toEqual(["match-not-visible"]);
  });

  it("goes on when something else was marked since", async () => {
    const of = planner({}, watched);
    await of.tell(message, tagAttached("tlp:red", { attribute: "1" }));
    expect((await payloadOf(of)).entries[0]?.guarded.alert.items.map(({ id }) => id)).toEqual(["2"]);
  });

  it("goes on when one of its routes still matches", async () => {
    const of = planner({}, [...watched, { name: "all" }]);
    await of.tell(message, tagAttached("tlp:red", { attribute: "2" }));
    expect((await of.open())?.leaving).toHaveLength(1);
  });

  it.each([
    ["is gone", []],
    ["asks for something else", [{ name: "r", notify: "soc", match: { tag: "nobody has it" } }]],
    ["tells others", [{ name: "r", notify: "other" }]],
  ])("goes on when the route %s by now: it was planned by the rules of its time", async (_, routes) => {
    const of = planner({}, watched);
    await of.tell(message);
    const now = compileRoutes(routes.map((route) => RouteOptions.parse(route)));
    const opened = openBatch(await taken(of), { ...sightOf(of), routes: now }, T0);
    expect(opened.leaving).toHaveLength(1);
  });

  it("refuses by what made it match, also where the route is gone", async () => {
    const of = planner({}, watched);
    await of.tell(message, tagAttached("tlp:red", { attribute: "2" }));
    const opened = openBatch(await taken(of), { ...sightOf(of), routes: new Map() }, T0);
    expect(reasons(opened)).toEqual(["match-not-visible"]);
  });

  it("goes on without a reason where none was kept, as far as the guard allows", async () => {
    const of = planner({}, watched);
    await of.tell(message, tagAttached("tlp:red", { attribute: "2" }));
    const batch = await taken(of);
    const entries = batch.entries.map(({ delivery: { evidence: _, ...delivery }, ...rest }) => ({ ...rest, delivery }));
    const opened = openBatch({ ...batch, entries }, sightOf(of), T0);
    expect(opened.leaving[0]?.guarded.alert.items.map(({ id }) => id)).toEqual(["1"]);
  });

  it("tells of no route, mention or priority whose reason is hidden by now", async () => {
    const of = planner({}, [
      { ...watched[0], notify: [{ to: "soc", mention: ["oncall"] }], priority: "high" },
      { name: "all", notify: [{ to: "soc", mention: ["team"] }] },
    ]);
    await of.tell(message);
    const before = await payloadOf(of);
    expect([before.mentions, before.priority, before.entries[0]?.routes]).toEqual([
      ["oncall", "team"],
      "high",
      ["r", "all"],
    ]);
    const after = planner({}, [
      { ...watched[0], notify: [{ to: "soc", mention: ["oncall"] }], priority: "high" },
      { name: "all", notify: [{ to: "soc", mention: ["team"] }] },
    ]);
    await after.tell(message, tagAttached("tlp:red", { attribute: "2" }));
    const { mentions, priority, entries } = await payloadOf(after);
    expect([mentions, priority, entries[0]?.routes]).toEqual([["team"], "normal", ["all"]]);
  });

  it.each<[string, object, readonly Message[], readonly string[]]>([
    ["a tag of a part", { tag: "bad" }, [tagAttached("tlp:red", { attribute: "2" })], ["match-not-visible"]],
    ["a tag of a part, or of another that is visible", { tag: "*" }, [tagAttached("tlp:red", { attribute: "2" })], []],
    ["a tag of the event", { tag: "tlp:green" }, [tagAttached("tlp:red", { attribute: "2" })], []],
    ["an object", { object: "file" }, [], []],
    ["who made it", { org: "CIRCL" }, [tagAttached("tlp:ex:chr")], ["match-not-visible"]],
    ["who did not make it", { not: { org: "Nobody" } }, [tagAttached("tlp:ex:chr")], ["match-not-visible"]],
    ["one of two things", { any: [{ org: "CIRCL" }, { threat_level: "medium" }] }, [tagAttached("tlp:ex:chr")], []],
    ["both of two", { all: [{ org: "CIRCL" }, { tlp: "green" }] }, [tagAttached("tlp:ex:chr")], ["match-not-visible"]],
  ])("by %s", async (_, match, later, refused) => {
    const of = planner({}, [{ name: "r", match }]);
    const attributes = [attributeOf("1", { tags: tags("other") }), attributeOf("2", { tags: tags("bad") })];
    await of.tell(publication({ attributes, objects: [objectOf("o1")] }), ...later);
    expect((await of.open())?.refused.map(({ reason }) => reason)).toEqual(refused);
  });

  it("finds what matched among more than is stored", async () => {
    const of = planner({}, [{ name: "r", match: { tag: "bad" } }]);
    const many = Array.from({ length: 2000 }, (__, index) => attributeOf(String(index + 1), { toIds: true }));
    const rare = attributeOf("3000", { toIds: false, type: "zzz", tags: tags("bad") });
    await of.tell(publication({ attributes: [...many, rare] }));
    const batch = await taken(of);
    expect(batch.entries[0]?.alert.items.some(({ id }) => id === "3000")).toBe(false);
    expect(openBatch(batch, sightOf(of), T0).leaving).toHaveLength(1);
    const marked = planner({}, [{ name: "r", match: { tag: "bad" } }]);
    await marked.tell(publication({ attributes: [...many, rare] }), tagAttached("tlp:red", { attribute: "3000" }));
    expect(reasons(await marked.open())).toEqual(["match-not-visible"]);
  });

  it("refuses when the event fell to a form that does not show it", async () => {
    const of = planner({ metadata_up_to: "red" }, watched);
    await of.tell(message, tagAttached("tlp:red"));
    expect(reasons(await of.open())).toEqual(["match-not-visible"]);
  });

  it("keeps a route that matched by the event's label when a stricter one within the ceiling came", async () => {
    const of = planner({}, [{ name: "r", match: { tlp: "green" } }]);
    await of.tell(publication(), tagAttached("tlp:amber"));
    expect((await payloadOf(of)).tlp).toBe("amber");
  });
});

it("openBatch() marks only what this destination's own routes ask for", async () => {
  const of = new Planner({
    destinations: { soc: {}, other: {}, third: {} },
    routes: [
      { name: "a", match: { attribute: { value: "value-1.*" } }, notify: "soc" },
      { name: "b", match: { attribute: { value: "value-2.*" } }, notify: ["other"] },
      { name: "c", notify: "third" },
    ],
  });
  const { trace } = await of.tell(publication({ attributes: ["1", "2", "3", "4", "5"].map((id) => attributeOf(id)) }));
  const marks = (items: readonly Item[] = []) => items.filter(({ matched }) => matched).map(({ id }) => id);
  const planned = trace?.destinations.map(({ name, guarded }) => [name, marks(guarded?.alert.items)]);
  const sent = [];
  for (const name of ["soc", "other", "third"]) {
    sent.push([name, marks((await of.open(name))?.payload?.entries[0]?.guarded.alert.items)]);
  }
  const own = [
    ["soc", ["1"]],
    ["other", ["2"]],
    ["third", []],
  ];
  expect([planned, sent]).toEqual([own, own]);
});

it("openBatch() refuses by distribution when the event travels less far since", async () => {
  const of = planner();
  await of.tell(publication());
  await of.tell(eventEdited({ changedAt: T0 + MINUTE, distribution: "organisation" }));
  expect(reasons(await of.open())).toEqual(["distribution"]);
});

async function taken(of: Planner): Promise<Batch> {
  const batch = await of.take("soc");
  if (!batch) {
    throw new Error("nothing is due");
  }
  return batch;
}

function sightOf({ rules }: Planner, links: ReadonlyMap<string, URL> = new Map()) {
  const settings = rules.destinations.get("soc");
  if (!settings) {
    throw new Error("no destination soc");
  }
  return { guard: settings.guard, routes: rules.routes, links };
}

function reasons(opened: OpenedBatch | undefined): readonly (string | undefined)[] {
  expect(opened?.payload).toBeUndefined();
  return opened?.refused.map(({ reason }) => reason) ?? [];
}
