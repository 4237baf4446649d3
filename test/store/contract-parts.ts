import { describe, expect, it } from "vitest";
import type { Alert, AlertPage, Item, WrittenPage } from "../../src/model/alert.ts";
import type { Batch, Delivery, Division, Effects, Settlement, Slice } from "../../src/model/outbox.ts";
import type { ToldParts } from "../../src/model/told.ts";
import { historyOf } from "../support/history.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import type { Opened } from "../support/store-contract.ts";
import {
  alert,
  delivery,
  effects,
  group,
  idsOf,
  MINUTE,
  NOW,
  owing,
  record,
  settledAs,
  takeBatch,
  UUID,
} from "./samples.ts";

const NONE = { tlp: "none", pap: "none", chr: false } as const;
const ORDERED = { ordered: true };

function itemOf(n: number): Item {
  const place = n % 2 === 0 ? { objectKey: "even" } : {};
  return { id: String(n), value: `v${n}`, tags: [], tagsKnown: true, marking: NONE, reach: [], ...place };
}

const items = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => itemOf(from + n));
const object = (key: string) => ({ key, reach: [] });

/** An alert of seven items in three pages, and of an object that no item is in. */
function paged(id: string): { readonly alert: Alert; readonly pages: readonly WrittenPage[] } {
  const of = alert(id, { items: [], pages: 3 });
  const page = (first: number, to: number, loose: AlertPage["loose"] = []) => {
    const body = JSON.stringify({ items: items(first, to), loose, objects: [object("even")] });
    return { alert: of.id, first, count: to - first + loose.length, body };
  };
  return { alert: of, pages: [page(0, 3), page(3, 6), page(6, 7, [object("lonely")])] };
}

function owingPaged(one: Delivery): Effects {
  const { alert: of, pages } = paged(one.alert);
  return effects({ alerts: [of], pages, deliveries: [one] });
}

function slice(from: number, to: number, fields: Partial<Slice> = {}): Slice {
  return { from, to, removed: [], removedElsewhere: 0, ...fields };
}

function told(): ToldParts {
  return { instance: "cert", eventUuid: UUID, destination: "soc", at: NOW, parts: { parts: "" }, named: [] };
}

/** In three slices. */
function inThree(batch: Batch): Division {
  const [entry] = batch.entries;
  if (!entry) {
    throw new Error("an empty batch");
  }
  const id = entry.delivery.id;
  const slices = [
    slice(0, 4, { news: "aacu" }),
    slice(4, 6),
    slice(6, 8, { removed: [itemOf(99)], removedElsewhere: 2 }),
  ];
  return {
    batch: batch.id,
    parts: slices.map((one) => ({ delivery: id, slice: one })),
    told: [{ delivery: id, parts: told() }],
  };
}

function settled(
  batch: Batch,
  outcome: "sent" | "unproven" | "refused" | "dead",
  fields: Partial<Settlement> = {},
): Settlement {
  return { ...settledAs(batch, outcome), ...fields };
}

const valuesOf = (batch: Batch) => batch.entries.map((entry) => entry.alert.items.map(({ value }) => value).join(" "));

/** How a store keeps alerts that are longer than a row, and what leaves in several payloads. */
export function describeParts(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: an alert in pages`, () => {
    it("leaves by itself, and gives page after page", async () => {
      await using store = (await open()).store;
      const large = delivery("large");
      await store.commit(owing(delivery("a")), NOW);
      await store.commit(owingPaged(large), NOW);
      await store.commit(owing(delivery("b")), NOW);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["a"]);
      const batch = await takeBatch(store, NOW);
      expect(idsOf(batch)).toEqual(["large"]);
      expect(batch.part).toBeUndefined();
      const seen: unknown[] = [];
      for (let from = 0, page = await store.page(large, from); page; page = await store.page(large, from)) {
        const { first, items: inIt, loose } = page.page;
        seen.push([first, inIt.map(({ value }) => value), loose.map(({ key }) => key)]);
        from = first + inIt.length + loose.length;
      }
      expect(seen).toEqual([
        [0, ["v0", "v1", "v2"], []],
        [3, ["v3", "v4", "v5"], []],
        [6, ["v6"], ["lonely"]],
      ]);
    });

    it("goes with its last delivery, and is not stored where nothing is owed of it", async () => {
      await using store = (await open()).store;
      const one = delivery("one", { alert: "x" });
      const other = delivery("other", { alert: "x", destination: "mail" });
      await store.commit(owingPaged(one), NOW);
      await store.commit(effects({ deliveries: [other] }), NOW);
      await settleOne(store, settledAs(await takeBatch(store, NOW), "sent"), NOW);
      expect((await store.page(other, 0))?.page.items).toHaveLength(3);
      await settleOne(store, settledAs(await takeBatch(store, NOW, "mail"), "sent"), NOW);
      expect(await store.page(other, 0)).toBeUndefined();
      await store.commit(owingPaged(one), NOW);
      expect(await store.page(one, 0)).toBeUndefined();
    });

    it("can be looked at by its first page", async () => {
      await using store = (await open()).store;
      const large = delivery("large");
      await store.commit(owingPaged(large), NOW);
      const found = await store.ledger.open(large.id);
      expect(found && valuesOf(found.batch)).toEqual(["v0 v1 v2"]);
    });
  });

  describe(`${name}: a batch in parts`, () => {
    it("of whole deliveries is as many batches, each settled alone", async () => {
      await using store = (await open()).store;
      await store.commit(owing(...["a", "b", "c"].map((id) => delivery(id, { eventUuid: `u-${id}` }))), NOW);
      const batch = await takeBatch(store, NOW);
      const [a, b, c] = batch.entries.map((entry) => entry.delivery.id);
      const parts = [{ deliveries: [a, b].flatMap((id) => id ?? []) }, { deliveries: [c].flatMap((id) => id ?? []) }];
      await store.divide({ batch: batch.id, parts, told: [] }, NOW);
      const first = await takeBatch(store, NOW);
      const second = await takeBatch(store, NOW);
      expect([first, second].map((one) => [idsOf(one), one.part])).toEqual([
        [["a", "b"], { n: 1, of: 2 }],
        [["c"], { n: 2, of: 2 }],
      ]);
      expect(new Set([batch.id, first.id, second.id]).size).toBe(3);
      await settleOne(store, settledAs(second, "sent"), NOW);
      await settleOne(store, { batch: first.id, records: [], retryAt: NOW + MINUTE, attempted: true }, NOW);
      expect(await takeOne(store, "soc", NOW)).toEqual({ dueAt: NOW + MINUTE });
      expect(idsOf(await takeBatch(store, NOW + MINUTE))).toEqual(["a", "b"]);
    });

    it("that is only one stays what it is, and is not cut again", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a"), delivery("b")), NOW);
      const batch = await takeBatch(store, NOW);
      const ids = batch.entries.map((entry) => entry.delivery.id);
      await store.divide({ batch: batch.id, parts: [{ deliveries: ids }], told: [] }, NOW);
      const again = await takeBatch(store, NOW);
      expect(again).toMatchObject({ id: batch.id, part: { n: 1, of: 1 } });
      await store.divide({ batch: batch.id, parts: ids.map((id) => ({ deliveries: [id] })), told: [] }, NOW);
      expect(idsOf(await takeBatch(store, NOW))).toEqual(["a", "b"]);
    });

    it("of one delivery leaves in order, each part with its own items, also after a crash", async () => {
      const { store: first, reopen } = await open();
      await using store = first;
      await store.commit(owingPaged(delivery("large")), NOW);
      await store.divide(inThree(await takeBatch(store, NOW)), NOW);
      const one = await takeBatch(store, NOW);
      expect(valuesOf(one)).toEqual(["v0 v1 v2 v3"]);
      expect(one.entries[0]?.alert.objects.map(({ key }) => key)).toEqual(["even"]);
      expect(one).toMatchObject({ part: { n: 1, of: 3 }, slice: { from: 0, to: 4, news: "aacu" } });
      expect(one.slice).not.toHaveProperty("last");
      // Nothing else of it, as long as the first is not settled.
      expect(await takeOne(store, "soc", NOW)).toBeUndefined();
      await settleOne(store, { batch: one.id, records: [], retryAt: NOW + MINUTE, attempted: true }, NOW);
      expect(await takeOne(store, "soc", NOW)).toEqual({ dueAt: NOW + MINUTE });
      const again = await takeBatch(store, NOW + MINUTE);
      expect(again).toMatchObject({ id: one.id, attempts: 1 });
      expect(await settleOne(store, settled(again, "sent"), NOW + MINUTE)).toEqual([]);
      expect(await store.owed()).toMatchObject([{ owed: 1 }]);

      await using after = (await reopen?.()) ?? store;
      const two = await takeBatch(after, NOW + MINUTE);
      expect(valuesOf(two)).toEqual(["v4 v5"]);
      await settleOne(after, settled(two, "sent", { missing: ["x"] }), NOW + MINUTE);
      const three = await takeBatch(after, NOW + MINUTE);
      expect(valuesOf(three)).toEqual(["v6"]);
      expect(three.entries[0]?.alert.objects.map(({ key }) => key)).toEqual(["even", "lonely"]);
      expect(three.slice).toMatchObject({ removed: [itemOf(99)], removedElsewhere: 2 });
      expect(three.slice?.last).toEqual({ told: told(), missing: ["x"] });
      const [line] = await settleOne(after, settled(three, "sent", { told: [told()] }), NOW + MINUTE);
      expect(line).toMatchObject({ delivery: "large", outcome: "sent" });
      expect(await after.owed()).toEqual([]);
      expect(await takeOne(after, "soc", NOW + MINUTE)).toBeUndefined();
      expect(await historyOf(after, 9)).toHaveLength(1);
    });

    it.each([
      [["sent", "sent", "unproven"], "unproven", true],
      [["sent", "dead", "sent"], "dead", true],
      [["sent", "refused", "refused"], "refused", true],
      [["dead", "refused", "dead"], "dead", false],
    ] as const)("ends %j as %s", async (outcomes, end, isTold) => {
      await using store = (await open()).store;
      await store.commit(owingPaged(delivery("large")), NOW);
      await store.divide(inThree(await takeBatch(store, NOW)), NOW);
      for (const outcome of outcomes) {
        const part = await takeBatch(store, NOW);
        const records = [
          record(delivery("large"), { outcome, ...(outcome !== "sent" && { reason: `why-${outcome}` }) }),
        ];
        await settleOne(store, { batch: part.id, records, attempted: true }, NOW);
        // An answer that was lost: it is settled once.
        await settleOne(store, { batch: part.id, records, attempted: true }, NOW);
      }
      expect(await historyOf(store, 9)).toMatchObject([{ outcome: end, reason: `why-${end}` }]);
      const known = await store.load({ events: [{ instance: "cert", uuid: UUID }], parts: [] });
      expect(known.told).toHaveLength(isTold ? 1 : 0);
    });

    it("is dropped as a whole", async () => {
      await using store = (await open()).store;
      await store.commit(owingPaged(delivery("large")), NOW);
      await store.divide(inThree(await takeBatch(store, NOW)), NOW);
      for await (const lines of store.ledger.drop({}, { outcome: "dead", reason: "dropped" }, NOW)) {
        expect(lines).toHaveLength(1);
      }
      expect(await store.owed()).toEqual([]);
      expect(await takeOne(store, "soc", NOW + MINUTE)).toBeUndefined();
    });
  });

  describe(`${name}: several at once`, () => {
    it("are taken as far as they are due, and settled together", async () => {
      await using store = (await open()).store;
      const all = [1, 2, 3].map((n) => delivery(`d${n}`, { eventUuid: `u${n}`, groups: [group(`g${n}`)] }));
      await store.commit(owing(...all), NOW);
      const two = await store.take("soc", NOW, { ...ORDERED, most: 2 });
      const rest = await store.take("soc", NOW, { ...ORDERED, most: 5 });
      expect(await store.take("soc", NOW, { ...ORDERED, most: 5 })).toBeUndefined();
      const batches = [two, rest].flatMap((taken) => (taken && "batches" in taken ? [taken.batches] : []));
      expect(batches.map((some) => some.map(idsOf))).toEqual([[["d1"], ["d2"]], [["d3"]]]);
      const [first, second, third] = batches.flat();
      if (!first || !second || !third) {
        throw new Error("three are due");
      }
      const retry = { batch: third.id, records: [], retryAt: NOW + MINUTE, attempted: true };
      const lines = await store.settle([settledAs(first, "sent"), settledAs(second, "dead"), retry], NOW);
      expect(lines.map((some) => some.map(({ outcome }) => outcome))).toEqual([["sent"], ["dead"], []]);
      expect(await store.take("soc", NOW, { ...ORDERED, most: 5 })).toEqual({ dueAt: NOW + MINUTE });
      expect(await store.owed()).toMatchObject([{ owed: 1 }]);
    });
  });

  describe(`${name}: made ready ahead`, () => {
    it("leaves in the order in which it became due, once, and before what became owed about its event since", async () => {
      await using store = (await open()).store;
      const owed = (n: number, id = `d${n}`, at = n) => {
        return delivery(id, { eventUuid: `u${n}`, groups: [group(`g${id}`)], createdAt: NOW + at });
      };
      for (const n of [5, 3, 4, 1, 2]) {
        await store.commit(owing(owed(n)), NOW + 6 - n);
      }
      const options = { ...ORDERED, ahead: 3 };
      const take = async (most: number) => {
        const taken = await store.take("soc", NOW + 10, { ...options, most });
        return taken && "batches" in taken ? taken.batches : [];
      };
      const taken = [...(await take(1))];
      await store.commit(owing(owed(4, "later", 10)), NOW + 10);
      taken.push(...(await take(1)), ...(await take(5)));
      expect(taken.map(idsOf)).toEqual([["d5"], ["d4"], ["d3"], ["d2"], ["d1"]]);
      await store.settle(
        taken.map((batch) => settledAs(batch, "sent")),
        NOW + 10,
      );
      expect((await take(5)).map(idsOf)).toEqual([["later"]]);
    });
  });

  describe(`${name}: in order`, () => {
    const groups = (n: number) => ({ groups: [group(`g${n}`)] });

    it("nothing about an event is taken before what became owed earlier about it, on its way or between two attempts", async () => {
      await using store = (await open()).store;
      await store.commit(owing(delivery("a", groups(1)), delivery("b", groups(2))), NOW);
      await store.commit(owing(delivery("c", { ...groups(3), eventUuid: "other" })), NOW);
      const take = async (now: number) => {
        const taken = await takeOne(store, "soc", now, ORDERED);
        return taken && "batch" in taken ? taken.batch : taken;
      };
      const first = await take(NOW);
      expect(first && "entries" in first && idsOf(first)).toEqual(["a"]);
      expect(await take(NOW)).toMatchObject({ entries: [{ delivery: { id: "c" } }] });
      expect(await take(NOW)).toBeUndefined();
      if (first && "id" in first) {
        await settleOne(store, { batch: first.id, records: [], retryAt: NOW + MINUTE, attempted: true }, NOW);
        expect(await take(NOW)).toEqual({ dueAt: NOW + MINUTE });
        const again = await take(NOW + MINUTE);
        expect(again).toMatchObject({ id: first.id });
        await settleOne(store, settledAs(first, "sent"), NOW + MINUTE);
      }
      expect(await take(NOW + MINUTE)).toMatchObject({ entries: [{ delivery: { id: "b" } }] });
    });

    it("nothing of a group is taken while something of it is on its way", async () => {
      await using store = (await open()).store;
      const { eventUuid: _, ...eventless } = delivery("a");
      const all = ["a", "b", "c"].map((id) => ({ ...eventless, ...delivery(id), eventUuid: `u-${id}` }));
      await store.commit(owing(...all), NOW);
      const bounds = { rows: 2, bytes: 2 ** 20 };
      const first = await takeOne(store, "soc", NOW, { ...ORDERED, bounds });
      expect(first && "batch" in first && idsOf(first.batch)).toEqual(["a", "b"]);
      expect(await takeOne(store, "soc", NOW, { ...ORDERED, bounds })).toBeUndefined();
      if (first && "batch" in first) {
        await settleOne(store, settledAs(first.batch, "sent"), NOW);
      }
      const rest = await takeOne(store, "soc", NOW, { ...ORDERED, bounds });
      expect(rest && "batch" in rest && idsOf(rest.batch)).toEqual(["c"]);
    });
  });
}
