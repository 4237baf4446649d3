import { expect, test } from "vitest";
import { Tally } from "../../src/control/tally.ts";
import { Totals } from "../../src/control/totals.ts";
import type { LiveSource } from "../../src/sources/source.ts";
import { Desk } from "../planning/desk.ts";
import { publication, tagAttached } from "../support/messages.ts";

/** A source that has counted so much. */
function sourceOf(counted: { received: number; dropped: Record<string, number> }): LiveSource {
  return {
    name: "cert",
    async *frames() {},
    status: () => ({ ...counted, endpoints: [] }),
  };
}

test("a tally counts by its labels, and beyond a thousand combinations as other", () => {
  const tally = new Tally();
  for (let n = 0; n < 1_500; n += 1) tally.add(["soc", `reason-${n}`]);
  tally.add(["soc", "reason-7"]);
  expect(tally.counts).toHaveLength(1_001);
  expect(tally.by(1)).toMatchObject({ "reason-7": 2, other: 500 });
  expect(tally.total).toBe(1_501);
});

test("what was told before is suppressed, and a message that is planned again is not counted again", async () => {
  const desk = new Desk();
  const totals = new Totals();
  totals.planned(await desk.plan(publication()), false);
  totals.planned(await desk.plan(publication()), false);
  expect(totals.messages.counts).toEqual([{ labels: ["event.published"], n: 2 }]);
  expect(totals.matches.counts).toEqual([{ labels: ["all", "true"], n: 2 }]);
  expect(totals.suppressed.counts).toEqual([{ labels: ["soc", "already-told"], n: 1 }]);
  const refused = await desk.plan(tagAttached("tlp:amber"));
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
  expect(totals.droppedBy([next]).counts).toEqual([
    { labels: ["cert", "misp_json"], n: 4 },
    { labels: ["cert", "other"], n: 1 },
  ]);
});
