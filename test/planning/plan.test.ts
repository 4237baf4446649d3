import { describe, expect, it, test } from "vitest";
import type { Message } from "../../src/model/message.ts";
import type { Delivery } from "../../src/model/outbox.ts";
import {
  attributeAdded,
  attributeEdited,
  attributeOf,
  EVENT_UUID,
  eventCreated,
  eventDeleted,
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
import { Planner, verdictsOf } from "./planner.ts";

const later = (minutes: number) => ({ changedAt: T0 + minutes * MINUTE });
const again = (minutes: number, rest: Parameters<typeof publication>[0] = {}) =>
  publication({ receivedAt: T0 + minutes * MINUTE, ...rest, event: { ...later(minutes), ...rest.event } });

describe("a publication", () => {
  it.each([
    ["the first one is new", [], "new"],
    ["a later one is updated", [publication()], "updated"],
    ["a draft does not count", [eventCreated({ changedAt: T0 - MINUTE })], "new"],
    ["an edit in between does not count", [publication(), eventEdited(later(1))], "updated"],
    ["an event that was deleted and came back is not new", [publication(), eventDeleted(later(1))], "updated"],
  ])("%s", async (_, before, change) => {
    const { trace } = await new Planner().tell(...before, again(2));
    expect(trace?.alert?.change).toBe(change);
  });

  it("is told once, however often it is published unchanged", async () => {
    const planner = new Planner();
    expect(verdictsOf(await planner.tell(publication()))).toEqual(["soc owed"]);
    const repeated = await planner.tell(publication({ receivedAt: T0 + MINUTE }));
    expect([verdictsOf(repeated), repeated.trace?.alert?.change]).toEqual([["soc already-told"], "unchanged"]);
    await planner.settle();
    expect(verdictsOf(await planner.tell(publication()))).toEqual(["soc already-told"]);
  });

  it("that is older than what is known is told to nobody, and recorded", async () => {
    for (const newer of [again(2), eventEdited(later(2))]) {
      const stale = await new Planner().tell(newer, again(1));
      expect([stale.trace?.stale, stale.deliveries]).toEqual([true, []]);
      expect(stale.records).toMatchObject([
        { destination: "soc", outcome: "refused", reason: "stale", routes: ["all"], changedAt: T0 + MINUTE },
      ]);
    }
  });

  it("is told of in the order of MISP's clock also within one micro-batch", async () => {
    const { traces, effects } = await new Planner().plan(again(2), again(1), publication());
    expect(traces.map(({ stale }) => stale)).toEqual([false, true, true]);
    expect(effects.deliveries.map(({ changedAt }) => changedAt)).toEqual([T0 + 2 * MINUTE]);
    expect(effects.events).toHaveLength(1);
  });

  it("whose event was deleted and created under a new id is the same event, of which nothing counts any more", async () => {
    const planner = new Planner();
    const late = tagAttached("tlp:red", { receivedAt: T0 + 60 * MINUTE });
    await planner.tell(publication(), late, eventDeleted(later(1)));
    const back = again(2, { event: { id: "9", tags: tags("tlp:green") } });
    const { trace, deliveries } = await planner.tell(back);
    expect(trace?.destinations.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual(["soc owed"]);
    expect([trace?.alert?.change, trace?.alert?.marking.tlp, deliveries[0]?.eventUuid]).toEqual([
      "updated",
      "green",
      EVENT_UUID,
    ]);
    const known = await planner.store.load({ events: [{ instance: "cert", uuid: EVENT_UUID }], parts: [] });
    expect(known.events.map(({ key, event, deleted }) => [key, event.id, deleted])).toEqual([[EVENT_UUID, "9", false]]);
  });

  it("is not what a mere number means that another event had in turn: nothing of it is told", async () => {
    const planner = new Planner();
    const other = uuidOf("702");
    const text = "Of the other";
    const ofOther = publication({ event: { uuid: other, info: text } });
    await planner.tell(publication(), { ...ofOther, receivedAt: T0 + MINUTE }, again(2), { ...ofOther, ...later(3) });
    const { trace, deliveries } = await planner.tell(tagAttached("osint", { receivedAt: T0 + 4 * MINUTE }));
    expect(deliveries).toEqual([]);
    expect(JSON.stringify(trace?.alert?.event)).not.toContain(text);
  });

  it("keeps a label that is not exportable, which its list leaves out", async () => {
    const planner = new Planner();
    const hidden = tagAttached("tlp:red", { exportable: false });
    expect(verdictsOf(await planner.tell(eventCreated(), hidden, again(5)))).toEqual(["soc tlp-above-ceiling"]);
    expect(verdictsOf(await planner.tell(again(9)))).toEqual(["soc tlp-above-ceiling"]);
    // An edit tells all tags.
    expect(verdictsOf(await planner.tell(eventEdited({ ...later(10), tags: [] }), again(11)))).toEqual(["soc owed"]);
  });

  it("keeps such a label of an attribute", async () => {
    const planner = new Planner();
    const hidden = tagAttached("tlp:red", { exportable: false, attribute: "1" });
    for (const minutes of [5, 9]) {
      const { trace } = await planner.tell(eventCreated(), hidden, again(minutes, { attributes: [attributeOf("1")] }));
      expect(trace?.destinations[0]?.guarded?.alert.items).toEqual([]);
    }
    const listed = attributeEdited({ id: "1", attribute: { changedAt: T0 + 10 * MINUTE, tags: [] } });
    const { trace } = await planner.tell(listed, again(11, { attributes: [attributeOf("1")] }));
    expect(trace?.destinations[0]?.guarded?.alert.items).toHaveLength(1);
  });

  it("without a time of change loosens nothing", async () => {
    const { changedAt: _, ...undated } = publication().event ?? {};
    const message: Message = { ...publication({ attributes: [attributeOf("1")] }), event: undated };
    const before = [publication(), tagAttached("tlp:red", { attribute: "1" }), eventEdited(later(5))];
    const { trace } = await new Planner().tell(...before, message);
    expect(trace?.destinations[0]?.guarded?.alert.items).toEqual([]);
  });
});

describe("repeats", () => {
  const sequence = [
    publication(),
    publication({ receivedAt: T0 + 2 * MINUTE }),
    again(3),
    again(3, { receivedAt: T0 + 5 * MINUTE }),
  ];

  it.each([
    ["changed", ["owed", "already-told", "owed", "already-told"]],
    ["never", ["owed", "already-told", "already-told", "already-told"]],
    ["always", ["owed", "owed", "owed", "owed"]],
  ] as const)("%s: %j of a publication, the same again, a later one, and that one again", async (repeats, verdicts) => {
    const planner = new Planner({ destinations: { soc: { repeats } } });
    const got = [];
    for (const message of sequence) {
      got.push((await planner.tell(message)).trace?.destinations[0]?.verdict);
    }
    expect(got).toEqual(verdicts);
  });

  it("always: the same publication later is another delivery, the same frame twice is one", async () => {
    const planner = new Planner({ destinations: { soc: { repeats: "always" } } });
    await planner.tell(publication(), publication(), publication({ receivedAt: T0 + 2 * MINUTE }));
    expect(await planner.settle()).toBe(2);
  });

  it("always: copies over several endpoints, of a replay and of reconcile are one publication", async () => {
    const planner = new Planner({ destinations: { soc: { repeats: "always" } } });
    const at = (ms: number, rest: Partial<Message> = {}): Message => ({
      ...publication({ receivedAt: T0 + ms }),
      ...rest,
    });
    const verdicts = async (...messages: readonly Message[]) => {
      const { traces } = await planner.plan(...messages);
      return traces.flatMap(({ destinations }) => destinations.map(({ verdict }) => verdict));
    };
    // Two endpoints, on both sides of a full second, in one micro-batch and in two.
    expect(await verdicts(at(900), at(1_100))).toEqual(["owed", "already-told"]);
    expect(await verdicts(at(1_200))).toEqual(["already-told"]);
    expect(await planner.settle()).toBe(1);
    expect(await verdicts(at(59_000))).toEqual(["already-told"]);
    // Reconcile finds only what was not seen: where it was, the two have crossed.
    expect(
      await verdicts(at(5 * MINUTE, { topic: "rest", late: { together: false, publishedAt: T0, changedAt: T0 } })),
    ).toEqual(["already-told"]);
    // Copies do not put off the next publication, which is another delivery.
    expect(await verdicts(at(61_000))).toEqual(["owed"]);
    // A later version is none of them, however soon it comes.
    expect(await verdicts(again(1, { receivedAt: T0 + 61_500 }))).toEqual(["owed"]);
    expect(await planner.settle()).toBe(2);
  });

  it("always: a copy that reaches who was refused the first is the same delivery", async () => {
    const planner = new Planner({ destinations: { soc: { repeats: "always" } } });
    await planner.tell(publication());
    await planner.settle();
    const [first] = (await planner.tell(again(1))).deliveries;
    await planner.settle("soc", "dead");
    const [second] = (await planner.tell(again(1, { receivedAt: T0 + 90 * SECOND }))).deliveries;
    expect([first?.id, second?.id]).toEqual([expect.any(String), first?.id]);
  });

  it("are about what was told: refused and dead were not", async () => {
    const planner = new Planner();
    await planner.tell(publication());
    await planner.settle("soc", "dead");
    expect(verdictsOf(await planner.tell(publication({ receivedAt: T0 + MINUTE })))).toEqual(["soc owed"]);
  });

  it("hold for each destination alone", async () => {
    const planner = new Planner({
      destinations: { soc: {}, public: { guard: { max_tlp: "clear" } } },
      routes: [{ name: "all", notify: ["soc", "public"] }],
    });
    expect(verdictsOf(await planner.tell(publication()))).toEqual(["soc owed", "public tlp-above-ceiling"]);
    const clear = again(1, { event: { tags: tags("tlp:clear") } });
    expect(verdictsOf(await planner.tell(clear))).toEqual(["soc owed", "public owed"]);
  });
});

describe("an edit that unpublishes", () => {
  const unpublish = eventEdited({ published: false });

  it.each([
    ["right after the publication", [publication()], unpublish, "event.unpublished"],
    ["with a change", [publication()], eventEdited({ published: false, ...later(1) }), "event.edited"],
    ["that says published", [publication()], eventEdited({ published: true }), "event.edited"],
    ["of a draft", [eventCreated()], unpublish, "event.edited"],
    ["after another edit", [publication(), eventEdited(later(1))], eventEdited(later(1)), "event.edited"],
  ])("%s", async (_, before, message, kind) => {
    expect((await new Planner().tell(...before, message)).trace?.kind).toBe(kind);
  });
});

describe("identity", () => {
  it.each([
    ["a publication", publication()],
    ["an attribute", attributeEdited({ attribute: { tags: [] } })],
    ["a tag", tagAttached("x:y")],
  ])("%s that comes twice is one delivery", async (_, message) => {
    const planner = new Planner();
    await planner.tell(publication({ event: { changedAt: T0 - MINUTE } }));
    await planner.settle();
    const first = await planner.tell(message);
    const second = await planner.tell({ ...message, receivedAt: message.receivedAt + 100, topic: "other" });
    expect(first.deliveries).toHaveLength(1);
    for (const { id } of second.deliveries) {
      expect(id).toBe(first.deliveries[0]?.id);
    }
    await planner.plan(message, message);
    expect(await planner.settle()).toBe(1);
    await planner.tell(message);
    expect(await planner.settle()).toBe(0);
  });

  it("differs by instance, kind, subject, version and destination", async () => {
    const planner = new Planner({
      destinations: { soc: {}, mail: {} },
      routes: [{ name: "all", kinds: ["*"], notify: ["soc", "mail"] }],
    });
    const messages = [
      publication(),
      publication({ instance: "other" }),
      again(1),
      attributeEdited({ id: "1", attribute: { tags: [] } }),
      attributeEdited({ id: "2", attribute: { tags: [] } }),
      attributeEdited({ id: "2", attribute: { tags: [], changedAt: T0 + SECOND } }),
    ];
    const deliveries: Delivery[] = [];
    for (const message of messages) {
      deliveries.push(...(await planner.tell(message)).deliveries);
    }
    expect(deliveries).toHaveLength(2 * messages.length);
    expect(new Set(deliveries.map(({ id }) => id)).size).toBe(2 * messages.length);
  });
});

describe("several routes", () => {
  const routes = [
    {
      name: "a",
      notify: [{ to: "soc", mention: ["x", "y"] }],
      group: { by: ["org"], wait: "10s", interval: "1m", show: 5 },
    },
    { name: "b", match: { org: "nobody" }, notify: [{ to: "soc", mention: "never" }] },
    { name: "c", notify: [{ to: "soc", mention: "y", show: "matched" }, "mail"], priority: "high" },
    { name: "d", otherwise: true, notify: "mail" },
  ];

  it("make one delivery with every route, mention and group, and the highest priority", async () => {
    const { deliveries } = await new Planner({ destinations: { soc: {}, mail: {} }, routes }).tell(publication());
    expect(deliveries).toMatchObject([
      {
        destination: "soc",
        routes: ["a", "c"],
        mentions: ["x", "y"],
        priority: "high",
        groups: [
          { key: '["a",[["org",["CIRCL"]]],"high"]', waitMs: 10_000, intervalMs: 60_000, show: 5 },
          { key: `["c",[["event",["${EVENT_UUID}"]]],"high"]`, waitMs: 0, intervalMs: 300_000, show: "matched" },
        ],
      },
      { destination: "mail", routes: ["c"], mentions: [], priority: "high" },
    ]);
  });

  it("are only told where the destination exists", async () => {
    const { trace } = await new Planner({ destinations: { mail: {} }, routes }).tell(publication());
    expect(trace?.destinations.map(({ name }) => name)).toEqual(["mail"]);
    expect(trace?.routes).toEqual([
      { name: "a", truth: true },
      { name: "c", truth: true },
    ]);
  });
});

describe("what matched must be visible", () => {
  const secret = publication({
    event: { tags: tags("tlp:green"), org: { name: "SOURCE" } },
    attributes: [
      attributeOf("1", { value: "open.example" }),
      attributeOf("2", { value: "secret.example", tags: tags("tlp:red", "watched"), objectKey: "o1" }),
    ],
    objects: [objectOf("o1", { name: "vehicle", distribution: "organisation" })],
  });
  const chr = publication({ event: { tags: tags("tlp:green", "tlp:ex:chr") } });
  const red = publication({ event: { tags: tags("tlp:red") } });
  const pointer = { pointer_up_to: "red" };
  const metadata = { metadata_up_to: "red" };

  it.each([
    ["a visible attribute", secret, { attribute: { value: "open.*" } }, {}, "owed"],
    ["a withheld attribute", secret, { attribute: { value: "secret.*" } }, {}, "match-not-visible"],
    ["a withheld attribute's tag", secret, { tag: "watched" }, {}, "match-not-visible"],
    ["a withheld object", secret, { object: "vehicle" }, {}, "match-not-visible"],
    [
      "the absence of what neither a visible nor a withheld part has",
      secret,
      { not: { attribute: { value: "x" } } },
      {},
      "owed",
    ],
    ["the absence of a tag that neither has", secret, { not: { tag: "x" } }, {}, "owed"],
    ["the absence of an event's tag, all of which are visible", secret, { not: { event_tag: "x" } }, {}, "owed"],
    ["one of two alternatives", secret, [{ tag: "watched" }, { org: "SOURCE" }], {}, "owed"],
    ["who made it, under tlp:ex:chr", chr, { org: "CIRCL" }, {}, "match-not-visible"],
    ["the title, in metadata", red, { info: "*ACME*" }, metadata, "owed"],
    ["the threat level, of a pointer", red, { threat_level: "medium" }, pointer, "match-not-visible"],
    ["the title, of a pointer", red, { info: "*ACME*" }, pointer, "match-not-visible"],
    ["the label, of a pointer", red, { tlp: "red" }, pointer, "match-not-visible"],
    ["the id, of a pointer", red, { event_id: 7 }, pointer, "owed"],
    ["nothing, of a pointer", red, undefined, pointer, "owed"],
    ["when it was changed, in metadata", red, { max_age: "1h", max_event_age: "2d" }, metadata, "owed"],
    ["when it was changed, of a pointer", red, { max_age: "1h" }, pointer, "match-not-visible"],
    [
      "the number of all attributes, one of which is withheld",
      secret,
      { attributes: { min: 2 } },
      {},
      "match-not-visible",
    ],
    ["the number of those that are visible", secret, { attributes: { min: 1 } }, {}, "owed"],
    ["the label of an event with stricter parts", secret, { tlp: "green" }, {}, "owed"],
    ["a thing that is not known", attributeAdded(), { tlp: "green" }, { drafts: true }, "match-unknown"],
  ])("%s", async (_, message, match, guard, verdict) => {
    const planner = new Planner({
      destinations: { soc: { guard } },
      routes: [{ name: "r", kinds: ["*"], match, notify: "soc" }],
    });
    const told = await planner.tell(message);
    expect(verdictsOf(told)).toEqual([`soc ${verdict}`]);
    if (verdict === "owed") {
      return expect(told.records).toEqual([]);
    }
    expect(told.deliveries).toEqual([]);
    expect(told.plan.effects.alerts).toEqual([]);
    expect(told.records).toMatchObject([{ outcome: "refused", reason: verdict, destination: "soc", routes: ["r"] }]);
    expect(JSON.stringify(told.records)).not.toMatch(/example|watched|SOURCE|ACME/);
  });

  it("counts for each route: only those whose match is visible stand in the delivery", async () => {
    const { deliveries } = await new Planner({
      routes: [
        { name: "hidden", match: { tag: "watched" }, notify: [{ to: "soc", mention: "oncall" }], priority: "high" },
        { name: "open", match: { org: "SOURCE" }, notify: "soc" },
      ],
    }).tell(secret);
    expect(deliveries).toMatchObject([{ routes: ["open"], mentions: [], priority: "normal" }]);
  });

  it("groups by what is visible alone", async () => {
    const { deliveries } = await new Planner({
      routes: [{ name: "r", notify: "soc", group: { by: ["object", "tag"] } }],
    }).tell(secret);
    expect(deliveries[0]?.groups[0]?.key).toBe('["r",[["object",[]],["tag",["tlp:green"]]]]');
  });
});

test("what is about no event is planned too", async () => {
  const planner = new Planner({
    destinations: { soc: { guard: { also: ["users"] } }, mail: {} },
    routes: [{ name: "r", kinds: ["user.*"], match: { kind: "user.login" }, notify: ["soc", "mail"] }],
  });
  expect(verdictsOf(await planner.tell(eventless("user.login")))).toEqual(["soc owed", "mail kind-not-opened"]);
});

test("an item that is seen only by authors is stored with its marking unknown", async () => {
  const planner = new Planner({
    destinations: { authors: { guard: { drafts: true } } },
    routes: [{ name: "r", kinds: ["*"], notify: "authors" }],
  });
  await planner.tell(eventCreated());
  const { plan } = await planner.tell(attributeAdded());
  expect(plan.effects.alerts[0]?.items).toMatchObject([{ id: "21", marking: { tlp: "unknown" } }]);
});
