import { expect, test } from "vitest";
import type { Message } from "../../src/model/message.ts";
import {
  attributeAdded,
  attributeDeleted,
  attributeEdited,
  attributeOf,
  eventCreated,
  eventEdited,
  MINUTE,
  objectAdded,
  objectOf,
  publication,
  SECOND,
  sightingAdded,
  T0,
  tagAttached,
  tagDetached,
  tags,
} from "../support/messages.ts";
import { decodeSample } from "../topics/frames.ts";
import { Planner, verdictsOf } from "./planner.ts";

/** MISP publishes this after all that it has in it. */
const PUBLISHED = publication({
  event: { changedAt: T0 + MINUTE, tags: tags("tlp:green", "type:OSINT") },
  attributes: [attributeOf("21"), attributeOf("22", { tags: tags("seen") })],
  objects: [objectOf("o1", { changedAt: T0 })],
});

const CONTAINED: readonly (readonly [string, Message])[] = [
  ["an added attribute", attributeAdded()],
  ["an edited attribute", attributeEdited({ id: "22" })],
  ["an earlier state of an attribute", attributeEdited({ attribute: { value: "first", changedAt: T0 - MINUTE } })],
  ["an added object", objectAdded(objectOf("o1", { changedAt: T0 }))],
  ["a created event", eventCreated()],
  ["an edited event", eventEdited({ changedAt: T0 + MINUTE - SECOND, published: true })],
  ["a tag of the event", tagAttached("type:OSINT")],
];

const OTHERS: readonly (readonly [string, Message])[] = [
  ["an attribute that was added later", attributeAdded({ id: "23", attribute: { changedAt: T0 + 2 * MINUTE } })],
  // What is synced keeps its time: it may be older than the publication, and not in it.
  ["an attribute with an old time that is not in it", attributeAdded({ id: "23" })],
  ["a later state of an attribute", attributeEdited({ attribute: { changedAt: T0 + MINUTE, value: "other" } })],
  ["a deleted attribute", attributeDeleted()],
  ["a sighting", sightingAdded()],
  ["an object that is not in it", objectAdded(objectOf("o2", { changedAt: T0 }))],
  ["a tag that it has not", tagAttached("type:other")],
];

test.each(CONTAINED)("%s that comes behind the publication that shows it is not told again", async (_, part) => {
  for (const settled of [false, true]) {
    const planner = new Planner();
    await planner.tell(PUBLISHED);
    if (settled) {
      await planner.settle();
    }
    const told = await planner.tell({ ...part, receivedAt: T0 + 2 * MINUTE });
    const verdict = settled || part.kind?.startsWith("attribute.") ? "soc already-told" : "soc owed";
    expect(verdictsOf(told), `settled: ${settled}`).toEqual([verdict]);
    // What is still owed is one delivery, the publication.
    expect((await planner.take("soc"))?.entries.length ?? 0).toBe(settled ? 0 : 1);
  }
});

test.each(CONTAINED)(
  "%s in the same micro-batch as the publication before it is not told by itself",
  async (_, part) => {
    const planner = new Planner();
    await planner.plan(PUBLISHED, { ...part, receivedAt: T0 + 2 * MINUTE });
    expect((await planner.take("soc"))?.entries.map(({ delivery }) => delivery.kind)).toEqual(["event.published"]);
  },
);

test.each(OTHERS)("%s is told, though a publication was", async (_, part) => {
  const planner = new Planner({ destinations: { soc: { guard: { untagged: "green", drafts: true } } } });
  await planner.tell(PUBLISHED);
  await planner.settle();
  const told = await planner.tell({ ...part, receivedAt: T0 + 3 * MINUTE });
  expect(verdictsOf(told)[0]).not.toBe("soc already-told");
});

test("a part that the publication hid from these readers is judged by itself", async () => {
  const planner = new Planner({ destinations: { soc: { guard: { max_tlp: "green" } }, cert: {} } });
  const hidden = publication({
    event: { changedAt: T0 + MINUTE },
    attributes: [attributeOf("21", { tags: tags("tlp:amber") }), attributeOf("22")],
  });
  const other = new Planner({
    destinations: { soc: { guard: { max_tlp: "green" } }, cert: {} },
    routes: [{ name: "all", kinds: ["*"], notify: ["soc", "cert"] }],
  });
  for (const one of [planner, other]) {
    await one.tell(hidden);
    await one.settle("soc");
    await one.settle("cert");
  }
  const told = await other.tell(
    attributeAdded({ attribute: { tags: tags("tlp:amber") }, receivedAt: T0 + 2 * MINUTE }),
  );
  expect(verdictsOf(told)).toEqual(["soc tlp-above-ceiling", "cert already-told"]);
});

const ROUTES = [
  { name: "all", kinds: ["event.published"], notify: "soc" },
  {
    name: "urgent",
    kinds: ["attribute.added"],
    notify: [{ to: "soc", mention: ["@oncall"] }],
    priority: "high",
    group: { by: [] },
  },
];

test("MISP is asked about a part of which its frame tells too little only where no publication has told, or is telling, it", async () => {
  const asked = async (leave: (planner: Planner) => Promise<unknown>) => {
    const planner = new Planner({ asks: ["cert"] });
    await planner.tell(PUBLISHED);
    await leave(planner);
    const part = attributeAdded({ receivedAt: T0 + 2 * MINUTE });
    const verdicts = verdictsOf(await planner.tell(part));
    // What comes before the publication is decided by it.
    return verdicts;
  };
  expect(await asked((planner) => planner.settle())).toEqual(["soc already-told"]);
  expect(await asked((planner) => planner.take("soc"))).toEqual(["soc already-told"]);
  // It may leave earlier than a publication that waits.
  expect(await asked(async () => {})).toEqual(["soc undecided"]);
});

test.each([
  ["an attribute", attributeAdded(), true],
  ["an attribute that is not in it", attributeAdded({ id: "23" }), false],
  ["a tag on an attribute", tagAttached("seen", { attribute: "22" }), true],
  ["a tag on an attribute that has it not", tagAttached("seen", { attribute: "21" }), false],
  ["a sighting, which is in no publication", sightingAdded(), false],
])("%s that is undecided is decided by a publication that has it in it: %s", async (_, part, isIn) => {
  const planner = new Planner({ asks: ["cert"] });
  expect(verdictsOf(await planner.tell(part))).toEqual(["soc undecided"]);
  await planner.tell(PUBLISHED);
  const left = await planner.store.undecided("cert", Number.MAX_SAFE_INTEGER, []);
  expect(left === undefined).toBe(isIn);
  expect((await planner.take("soc"))?.entries.map(({ delivery }) => delivery.kind)).toEqual(["event.published"]);
});

test("an undecided part passes its urgency on to the publication that decides it, or leaves before it", async () => {
  for (const [wait, kinds] of [
    ["0s", ["event.published"]],
    ["5m", ["attribute.added", "event.published"]],
  ] as const) {
    const planner = new Planner({ asks: ["cert"], routes: [{ ...ROUTES[0], group: { wait } }, ROUTES[1] ?? {}] });
    await planner.tell(attributeAdded(), PUBLISHED);
    const left: string[] = [];
    for (let opened = await planner.open(); opened?.payload; opened = await planner.open()) {
      left.push(...opened.leaving.map(({ delivery }) => delivery.kind));
      const isFirst = left.length === 1;
      expect(opened.payload.mentions).toEqual(isFirst ? ["@oncall"] : []);
    }
    expect(left).toEqual(kinds);
  }
});

test("a part that asks for more than the publication was told with is told, and passes it on where that is still owed", async () => {
  const sent = new Planner({ routes: ROUTES });
  await sent.tell(PUBLISHED);
  await sent.settle();
  await sent.tell(attributeAdded({ attribute: { tags: [] }, receivedAt: T0 + 2 * MINUTE }));
  expect((await sent.take("soc"))?.entries.map(({ delivery }) => delivery)).toMatchObject([
    { kind: "attribute.added", priority: "high", mentions: ["@oncall"] },
  ]);

  const owed = new Planner({ routes: ROUTES });
  await owed.tell(PUBLISHED, attributeAdded({ attribute: { tags: [] }, receivedAt: T0 + 2 * MINUTE }));
  const opened = await owed.open();
  expect(opened?.payload).toMatchObject({ priority: "high", mentions: ["@oncall"] });
  expect(opened?.payload?.entries.map(({ kinds, routes }) => ({ kinds, routes }))).toEqual([
    { kinds: [{ kind: "event.published", n: 1 }], routes: ["all", "urgent"] },
  ]);
});

test("what was told with that urgency and those mentions has told it", async () => {
  const planner = new Planner({ routes: [{ ...ROUTES[1], kinds: ["event.published", "attribute.added"] }] });
  await planner.tell(PUBLISHED);
  await planner.settle();
  expect(
    verdictsOf(await planner.tell(attributeAdded({ attribute: { tags: [] }, receivedAt: T0 + 2 * MINUTE }))),
  ).toEqual(["soc already-told"]);
});

test("a mention that a part has passed on does not leave where what it was for may not be seen any more", async () => {
  const planner = new Planner({
    routes: [ROUTES[0], { ...ROUTES[1], match: { attribute: { value: "value-21.example" } } }].map((one) => ({
      ...one,
    })),
  });
  await planner.tell(PUBLISHED, attributeAdded({ attribute: { tags: [] }, receivedAt: T0 + 2 * MINUTE }));
  await planner.tell(tagAttached("tlp:red", { attribute: "21", receivedAt: T0 + 3 * MINUTE }));
  const opened = await planner.open();
  expect(opened?.payload).toMatchObject({ priority: "normal", mentions: [] });
});

test("a part whose route is in no hurry joins a publication that leaves sooner, and one in a hurry does not wait for it", async () => {
  const routes = (wait: string) => [
    { name: "all", kinds: ["event.published"], notify: "soc", group: { wait: "5m" } },
    { name: "parts", kinds: ["attribute.added"], notify: "soc", group: { by: [], wait } },
  ];
  const slow = new Planner({ routes: routes("10m") });
  await slow.tell(PUBLISHED, attributeAdded({ attribute: { tags: [] }, receivedAt: T0 + 2 * MINUTE }));
  expect((await slow.store.owed())[0]?.owed).toBe(1);
  const quick = new Planner({ routes: routes("1m") });
  await quick.tell(PUBLISHED, attributeAdded({ attribute: { tags: [] }, receivedAt: T0 + 2 * MINUTE }));
  expect((await quick.store.owed())[0]?.owed).toBe(2);
});

test("an edit of a pulled event that has an old time is told: it may have come later", async () => {
  const planner = new Planner();
  await planner.tell({ ...PUBLISHED, event: { ...PUBLISHED.event, origin: "pulled" } });
  await planner.settle();
  const edit = attributeEdited({ attribute: { value: "other", changedAt: T0 - MINUTE, tags: [] } });
  expect(verdictsOf(await planner.tell({ ...edit, receivedAt: T0 + 2 * MINUTE }))).toEqual(["soc owed"]);
});

test("a tag that was taken off and comes again is told", async () => {
  const planner = new Planner();
  await planner.tell(PUBLISHED);
  await planner.settle();
  await planner.tell(tagDetached("type:OSINT", { receivedAt: T0 + 2 * MINUTE }));
  await planner.settle();
  const told = await planner.tell(tagAttached("type:OSINT", { receivedAt: T0 + 3 * MINUTE }));
  expect(verdictsOf(told)).toEqual(["soc owed"]);
});

test("recorded by MISP 2.5.1: parts of the event that come behind its publication are in it", async () => {
  const published = decodeSample("misp_json--publish-first-time");
  const added = decodeSample("misp_json_attribute--add");
  const planner = new Planner({ destinations: { soc: { guard: { max_tlp: "red", untagged: "green" } } } });
  if (!published || !added) {
    throw new Error("A sample says nothing");
  }
  expect(published.attributes.some(({ uuid }) => uuid === added.attributes[0]?.uuid)).toBe(true);
  await planner.tell(published);
  await planner.settle();
  expect(verdictsOf(await planner.tell({ ...added, receivedAt: published.receivedAt + SECOND }))).toEqual([
    "soc already-told",
  ]);
});
