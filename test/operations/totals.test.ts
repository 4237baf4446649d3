import { expect, test } from "vitest";
import type { DeliveryId } from "../../src/model/outbox.ts";
import { LabelledCounts } from "../../src/operations/labelled-counts.ts";
import { Totals } from "../../src/operations/totals.ts";
import type { LiveSource } from "../../src/sources/source.ts";
import { Planner } from "../planning/planner.ts";
import { publication, tagAttached } from "../support/messages.ts";

/** A source that has counted so much. */
function sourceOf(counted: { received: number; dropped: Record<string, number> }): LiveSource {
  return {
    name: "cert",
    async *frames() {},
    status: () => ({ ...counted, skipped: { misp_json_self: 2 }, refused: {}, endpoints: [] }),
    spare() {},
  };
}

test("a labelled count counts by its labels, and the values of one name beyond a hundred as other", () => {
  const counted = new LabelledCounts();
  for (let n = 0; n < 150; n += 1) {
    counted.add(["soc", `reason-${n}`]);
  }
  counted.add(["soc", "reason-7"]);
  counted.add(["mail", "reason-149"]);
  expect(counted.counts).toHaveLength(102);
  expect(counted.byValue).toMatchObject({ "reason-7": 2, other: 50, "reason-149": 1 });
  expect(counted.total).toBe(152);
});

test("however many routes there are, whether one matches for sure is never called anything else", () => {
  const totals = new Totals();
  const routes = Array.from({ length: 10_000 }, (_, n) => `route-${n}`);
  for (const truth of ["true", "unknown"]) {
    for (const route of routes) {
      totals.matches.add([route, truth]);
    }
  }
  expect(totals.matches.counts).toHaveLength(20_000);
  expect(new Set(totals.matches.counts.map(({ labels }) => labels[1]))).toEqual(new Set(["true", "unknown"]));
});

test("names that come and go with configurations leave nothing behind but the sums", async () => {
  const totals = new Totals();
  const dead = (destination: string) =>
    totals.settled({
      ...{ delivery: "d" as DeliveryId, destination, instance: "cert", kind: "event.published", routes: [], at: 0 },
      ...{ outcome: "dead", reason: destination === "other" ? "other" : "http-400" },
    });
  for (let n = 0; n < 500; n += 1) {
    const name = n === 0 ? "other" : `name-${n}`;
    totals.matches.add([name, "true"]);
    dead(name);
    totals.reconciled(name, 1, n);
    totals.received([{ instance: name, topic: "misp_json", payload: new Uint8Array(), receivedAt: 0 }]);
    totals.attempted({ destination: name, outcome: "retry", durationMs: 1 });
    totals.keep({ instances: [name], routes: [name], destinations: [name] });
  }
  const { matches, frames, late, failed } = totals;
  for (const counted of [matches, frames, late, failed, totals.dead]) {
    expect(counted.counts.map(({ labels }) => labels[0])).toEqual(["name-499"]);
  }
  expect([totals.reconciledAt("name-498"), totals.reconciledAt("name-499")]).toEqual([undefined, 499]);
  expect(totals.counts.dead).toEqual({ "http-400": 499, other: 1 });
});

test("what was told before is suppressed, and a message that is planned again is not counted again", async () => {
  const planner = new Planner();
  const totals = new Totals();
  totals.planned(await planner.plan(publication()), false);
  totals.planned(await planner.plan(publication()), false);
  expect(totals.messages.counts).toEqual([{ labels: ["event.published"], n: 2 }]);
  expect(totals.matches.counts).toEqual([{ labels: ["all", "true"], n: 2 }]);
  expect(totals.suppressed.counts).toEqual([{ labels: ["soc", "already-told"], n: 1 }]);
  const refused = await planner.plan(tagAttached("tlp:amber"));
  totals.planned(refused, true);
  expect(totals.messages.total).toBe(2);
  expect(totals.matches.total).toBe(2);
  expect(totals.refused.total).toBe(refused.effects.records.length);
});

test("what a source has counted stays when another takes its place, also what it counts while it leaves", async () => {
  const totals = new Totals();
  const old = { received: 10, dropped: { misp_json: 2, made_up: 1 } as Record<string, number> };
  const leaving = sourceOf(old);
  const next = sourceOf({ received: 5, dropped: { misp_json: 1 } });
  let gone = () => {};
  const replaced = totals.replaced(
    leaving,
    new Promise<void>((done) => {
      gone = done;
    }),
  );
  expect(totals.receivedBy([next])).toBe(15);
  old.received = 11;
  old.dropped.misp_json = 3;
  expect(totals.receivedBy([next])).toBe(16);
  gone();
  await replaced;
  old.received = 99;
  expect(totals.receivedBy([next])).toBe(16);
  expect(totals.countedBy([next], "dropped").counts).toEqual([
    { labels: ["cert", "misp_json"], n: 4 },
    { labels: ["cert", "other"], n: 1 },
  ]);
});
