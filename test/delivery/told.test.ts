import { describe, expect, it } from "vitest";
import { openBatch } from "../../src/delivery/payload.ts";
import type { Item } from "../../src/model/alert.ts";
import type { Attribute } from "../../src/model/misp.ts";
import type { Entry } from "../../src/model/payload.ts";
import { recordOf } from "../../src/model/record.ts";
import { Planner } from "../planning/planner.ts";
import {
  attributeDeleted,
  attributeEdited,
  attributeOf,
  MINUTE,
  publication,
  SECOND,
  T0,
  tagAttached,
  tags,
} from "../support/messages.ts";
import { settleOne } from "../support/one-batch.ts";

const KINDS = ["event.published", "attribute.*"];

function planner(guard: object = {}): Planner {
  return new Planner({
    destinations: { soc: { guard } },
    routes: [{ name: "all", kinds: KINDS, notify: "soc", group: { by: [] } }],
  });
}

const version = (n: number, ...attributes: readonly Attribute[]) =>
  publication({ event: { changedAt: T0 + n * MINUTE }, receivedAt: T0 + n * MINUTE, attributes });

/** What leaves now, and arrives. */
async function entryOf(of: Planner): Promise<Entry> {
  const batch = await of.take("soc");
  const rules = of.rules.destinations.get("soc");
  const opened =
    batch && rules && openBatch(batch, { guard: rules.guard, routes: of.rules.routes, links: new Map() }, T0);
  const entry = opened?.payload?.entries[0];
  if (!batch || !entry) {
    throw new Error("nothing leaves");
  }
  const records = opened.leaving.map(({ delivery }) => recordOf(delivery, T0, { outcome: "sent" }));
  await settleOne(of.store, { batch: batch.id, records, attempted: true, told: opened.told }, T0);
  return entry;
}

const seen = ({ guarded }: Entry) =>
  guarded.alert.items.map(({ id, withdrawn, news }: Item) => `${id} ${withdrawn ?? news ?? "?"}`);
const numbers = ({ compared }: Entry) =>
  compared && [compared.added, compared.changed, compared.removed, compared.unchanged];

describe("an update is compared with what was told last", () => {
  it("says what is new, changed, gone and as before, and names what is gone", async () => {
    const of = planner();
    await of.tell(version(0, attributeOf("1"), attributeOf("2"), attributeOf("3")));
    expect(numbers(await entryOf(of))).toBeUndefined();
    await of.tell(version(1, attributeOf("1"), attributeOf("2", { changedAt: T0 + SECOND }), attributeOf("4")));
    await of.settle();
    await of.tell(version(2, attributeOf("1"), attributeOf("2", { changedAt: T0 + SECOND }), attributeOf("5")));
    const entry = await entryOf(of);
    expect(seen(entry)).toEqual(["1 unchanged", "2 unchanged", "5 added", "4 removed"]);
    expect(numbers(entry)).toEqual([1, 0, 1, 2]);
    expect(entry.guarded.alert.items.at(-1)?.value).toBe("value-4.example");
  });

  it("finds what was added with an old time, as sync does", async () => {
    const of = planner();
    await of.tell(version(0, attributeOf("1")));
    await of.settle();
    await of.tell(version(1, attributeOf("1"), attributeOf("2", { changedAt: T0 - MINUTE })));
    expect(numbers(await entryOf(of))).toEqual([1, 0, 0, 1]);
  });

  it("is marked, and hides whose it is, as what is named as gone asks for", async () => {
    const of = planner();
    await of.tell(version(0, attributeOf("1", { tags: tags("tlp:amber", "tlp:ex:chr") })));
    expect((await entryOf(of)).guarded).toMatchObject({ tlp: "amber", chr: true });
    await of.tell(version(1));
    const entry = await entryOf(of);
    expect(seen(entry)).toEqual(["1 removed"]);
    expect(entry.guarded).toMatchObject({ tlp: "amber", chr: true });
    expect(JSON.stringify(entry)).not.toContain("CIRCL");
  });

  it("finds that all are gone", async () => {
    const of = planner();
    await of.tell(version(0, attributeOf("1")));
    await of.settle();
    await of.tell(version(1));
    const entry = await entryOf(of);
    expect(seen(entry)).toEqual(["1 removed"]);
    expect(numbers(entry)).toEqual([0, 0, 1, 0]);
  });

  it("takes back what is no longer for detection", async () => {
    const of = planner();
    await of.tell(version(0, attributeOf("1"), attributeOf("2")));
    await of.settle();
    await of.tell(version(1, attributeOf("1", { toIds: false, changedAt: T0 + SECOND }), attributeOf("2")));
    const entry = await entryOf(of);
    expect(seen(entry)).toEqual(["2 unchanged", "1 not-for-detection"]);
    expect(numbers(entry)).toEqual([0, 0, 1, 1]);
    await of.tell(attributeEdited({ id: "2", receivedAt: T0 + 2 * MINUTE, attribute: { toIds: false, tags: [] } }));
    expect(seen(await entryOf(of))).toEqual(["2 not-for-detection"]);
  });

  it("does not call gone what only these readers may no longer see", async () => {
    const of = planner();
    await of.tell(version(0, attributeOf("1"), attributeOf("2")));
    await of.settle();
    await of.tell(version(1, attributeOf("1"), attributeOf("2", { tags: tags("tlp:red") })));
    const entry = await entryOf(of);
    expect(seen(entry)).toEqual(["1 unchanged"]);
    expect(numbers(entry)).toEqual([0, 0, 0, 1]);
    expect(entry.guarded.withheld).toBe(1);
  });

  it("does not name what is gone and has become too strict since", async () => {
    const of = planner();
    await of.tell(version(0, attributeOf("1"), attributeOf("2")));
    await of.settle();
    await of.tell(tagAttached("tlp:red", { attribute: "2", receivedAt: T0 + SECOND }), version(1, attributeOf("1")));
    const entry = await entryOf(of);
    expect(JSON.stringify(entry.guarded.alert.items)).not.toContain("value-2");
    expect(numbers(entry)).toEqual([0, 0, 1, 1]);
  });

  it("counts what was deleted in between once, and knows the next time that it is gone", async () => {
    const of = planner();
    await of.tell(version(0, attributeOf("1"), attributeOf("2")));
    await of.settle();
    await of.tell(attributeDeleted({ id: "2", receivedAt: T0 + SECOND, attribute: { deleted: true, tags: [] } }));
    expect(seen(await entryOf(of))).toEqual(["2 deleted"]);
    await of.tell(version(1, attributeOf("1")));
    const entry = await entryOf(of);
    expect(seen(entry)).toEqual(["1 unchanged"]);
    expect(numbers(entry)).toEqual([0, 0, 0, 1]);
  });

  it("says that it is not known where the event is too large to compare", async () => {
    const of = planner();
    const many = Array.from({ length: 2100 }, (_, n) => attributeOf(String(n + 1)));
    await of.tell(version(0, ...many));
    await of.settle();
    await of.tell(version(1, ...many.slice(1)));
    const entry = await entryOf(of);
    expect(entry.since).toBe(T0);
    expect(entry.compared).toBeUndefined();
  });

  it("compares all of an event of which little is stored", async () => {
    const of = planner();
    const many = Array.from({ length: 1500 }, (_, n) => attributeOf(String(n + 1), { comment: "x".repeat(500) }));
    await of.tell(version(0, ...many));
    await of.settle();
    await of.tell(version(1, ...many.slice(3), attributeOf("9001")));
    expect(numbers(await entryOf(of))).toEqual([1, 0, 3, 1497]);
  });
});

describe("what was deleted before anybody here was told of it", () => {
  const gone = (id: string) => attributeOf(id, { deleted: true });

  it("is left out of a publication and counted, in the first one and in later ones", async () => {
    const of = planner();
    await of.tell(version(0, attributeOf("1"), gone("2")));
    const first = await entryOf(of);
    expect([seen(first), first.neverTold]).toEqual([["1 ?"], 1]);
    expect(first.guarded.alert.counts.filter(({ withdrawn }) => withdrawn)).toEqual([]);
    await of.tell(version(1, attributeOf("1"), gone("2"), gone("3"), attributeOf("4")));
    const later = await entryOf(of);
    expect([seen(later), later.neverTold, numbers(later)]).toEqual([["1 unchanged", "4 added"], 2, [1, 0, 0, 1]]);
  });

  it("is counted also where the deletion came while the publication waited, or a later publication lacks it", async () => {
    const of = new Planner({
      destinations: { soc: {} },
      routes: [{ name: "all", kinds: ["event.published"], notify: "soc", group: { by: [] } }],
    });
    await of.tell(version(0, attributeOf("1"), attributeOf("2"), attributeOf("3")));
    await of.tell(attributeDeleted({ id: "1" }));
    const first = await entryOf(of);
    expect([seen(first), first.neverTold]).toEqual([["2 ?", "3 ?"], 1]);
    await of.tell(version(1, attributeOf("2"), attributeOf("3"), attributeOf("5"), attributeOf("6")));
    await of.tell(version(2, attributeOf("2"), attributeOf("6"), gone("4")));
    const later = await entryOf(of);
    // What was told before is named, the rest counted.
    expect([seen(later), later.neverTold]).toEqual([["2 unchanged", "6 added", "3 removed"], 2]);
  });

  it("is named where it was told, or where a route asks for deletions", async () => {
    const of = planner();
    await of.tell(version(0, attributeOf("1"), attributeOf("2")));
    await of.settle();
    await of.tell(version(1, attributeOf("1"), gone("2")));
    const told = await entryOf(of);
    expect(seen(told)).toContain("2 deleted");
    expect(told).not.toHaveProperty("neverTold");
  });
});
