import { expect, it } from "vitest";
import type { AlertId } from "../../src/model/alert.ts";
import type { Message } from "../../src/model/message.ts";
import type { Sighting } from "../../src/model/misp.ts";
import { keysOf, plan } from "../../src/planning/plan.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import {
  attributeAdded,
  attributeOf,
  MINUTE,
  publication,
  SECOND,
  sightingAdded,
  T0,
  tagAttached,
  uuidOf,
} from "../support/messages.ts";
import { Planner, verdictsOf } from "./planner.ts";

const DAY = 86_400_000;
const KINDS = ["sighting.*", "attribute.*"];

const seen = (n: number, fields: Partial<Sighting> = {}, attribute = "21"): Message => {
  const message = sightingAdded(attribute);
  return {
    ...message,
    subject: { type: "sighting", uuid: uuidOf(String(4000 + n)) },
    version: `${n}:add`,
    // As MISP's REST API tells it once it is asked.
    attributes: [attributeOf(attribute)],
    sighting: { ...message.sighting, ...fields },
  };
};
const unseen = (n: number): Message => ({
  ...seen(n),
  kind: "sighting.deleted",
  version: `${n}:delete`,
});

/** A planner of one route; `since`: when counting began. */
async function plannerOf(match: object, since = T0 - 30 * DAY, guard = {}): Promise<Planner> {
  const store = openMemoryStore();
  const planner = new Planner({
    store,
    routes: [{ name: "seen", kinds: KINDS, match, notify: "soc" }],
    destinations: { soc: { guard } },
  });
  const nothing = { events: [], aliases: [], adopted: [], parts: [], forget: [], alerts: [], deliveries: [] };
  await store.commit({ ...nothing, records: [], undecided: [], decided: [], cursors: [], counted: ["cert"] }, since);
  await planner.tell(publication({ attributes: [attributeOf("21"), attributeOf("22")] }));
  return planner;
}

const THREE = { sightings: { min: 3, within: "24h" } };
const truthsOf = async (planner: Planner, ...messages: readonly Message[]) => {
  const truths: unknown[] = [];
  for (const message of messages) {
    const { trace } = await planner.tell(message);
    truths.push(trace?.routes[0]?.truth ?? false);
  }
  return truths;
};

it("tells an attribute that was sighted so often, each sighting counted once", async () => {
  const planner = await plannerOf(THREE);
  const messages = [seen(1), seen(1), seen(9, {}, "22"), seen(2), seen(2), seen(3), seen(4)];
  expect(await truthsOf(planner, ...messages)).toEqual([false, false, false, false, false, true, true]);
  expect(verdictsOf(await planner.tell(seen(5)))).toEqual(["soc owed"]);
});

it("counts those of one micro-batch, too", async () => {
  const planner = await plannerOf(THREE);
  const { traces } = await planner.plan(seen(1), seen(2), seen(3), unseen(3), seen(4));
  expect(traces.map(({ routes }) => routes[0]?.truth ?? false)).toEqual([false, false, true, false, true]);
});

it.each<[string, readonly Message[], unknown]>([
  ["what was seen before that time does not count", [seen(1, { seenAt: T0 - DAY - SECOND }), seen(2), seen(3)], false],
  ["what was seen just within it does", [seen(1, { seenAt: T0 - DAY }), seen(2), seen(3)], true],
  ["what is only to come counts as of now", [seen(1, { seenAt: T0 + 365 * DAY }), seen(2), seen(3)], true],
  ["false positives and expirations do not count", [seen(1, { type: "false-positive" }), seen(2), seen(3)], false],
  ["what MISP has deleted does not count", [seen(1), seen(2), unseen(1), seen(3)], false],
  ["other attributes do not count", [seen(1, {}, "22"), seen(2), seen(3)], false],
  [
    "an attribute that is edited is asked, too",
    [seen(1), seen(2), seen(3), attributeAdded({ id: "21", attribute: { changedAt: T0 + MINUTE } })],
    true,
  ],
])("%s", async (_, messages, truth) => {
  expect((await truthsOf(await plannerOf(THREE), ...messages)).at(-1)).toBe(truth);
});

it("counts other types where they are asked for", async () => {
  const planner = await plannerOf({ sightings: { min: 2, within: "7d", type: ["false-positive", "expiration"] } });
  const all = [seen(1), seen(2), seen(3, { type: "false-positive" }), seen(4, { type: "expiration" })];
  expect(await truthsOf(planner, ...all)).toEqual([false, false, false, true]);
});

it("does not know that there were fewer where it has not counted for so long", async () => {
  const young = await plannerOf(THREE, T0 - DAY + 1);
  expect(await truthsOf(young, seen(1), seen(2), seen(3))).toEqual(["unknown", "unknown", true]);
  const old = await plannerOf({ not: THREE }, T0 - DAY);
  expect(await truthsOf(old, seen(1), seen(2), seen(3))).toEqual([true, true, false]);
  const not = await plannerOf({ not: THREE }, T0 - DAY + 1);
  expect(await truthsOf(not, seen(1), seen(2), seen(3))).toEqual(["unknown", "unknown", false]);
});

it("is false of what is about no single attribute", async () => {
  const planner = new Planner({ routes: [{ name: "seen", kinds: ["*"], match: THREE, notify: "soc" }] });
  const told = [publication({ attributes: [attributeOf("21")] }), tagAttached("tlp:amber")];
  expect(await truthsOf(planner, ...told)).toEqual([false, false]);
});

it("tells nobody who may not see the attribute, and at the end nobody who may not see it any more", async () => {
  const hidden = await plannerOf(THREE, T0 - 30 * DAY);
  await hidden.tell(tagAttached("tlp:red", { attribute: "21", receivedAt: T0 + SECOND }));
  await truthsOf(hidden, seen(1), seen(2));
  expect(verdictsOf(await hidden.tell(seen(3)))).not.toContain("soc owed");

  const later = await plannerOf(THREE);
  await truthsOf(later, seen(1), seen(2));
  expect(verdictsOf(await later.tell(seen(3)))).toEqual(["soc owed"]);
  await later.tell(tagAttached("tlp:red", { attribute: "21", receivedAt: T0 + MINUTE }));
  const opened = await later.open();
  expect(opened?.payload?.entries ?? []).toEqual([]);
});

it("does not count again what waited for MISP's answer, and was deleted meanwhile", async () => {
  const planner = await plannerOf(THREE);
  await truthsOf(planner, seen(1), unseen(1));
  const known = await planner.store.load(keysOf([seen(1)], planner.rules));
  const asked = { id: "a" as AlertId, destinations: ["soc"] };
  const { effects, traces } = plan([seen(1)], known, T0, planner.rules, [asked]);
  expect([effects.sighted, traces[0]?.subject?.sightings]).toEqual([undefined, expect.objectContaining({ times: {} })]);
});

it("says in the alert how often", async () => {
  const planner = await plannerOf(THREE);
  const { plan } = await planner.tell(seen(1), seen(2), seen(3));
  expect(plan.effects.alerts[0]?.sighted?.times.sighting).toHaveLength(3);
});

it("keeps and loads nothing where no rule asks", async () => {
  const planner = new Planner({ routes: [{ name: "all", kinds: ["*"], notify: "soc" }] });
  const { plan } = await planner.tell(publication(), seen(1));
  expect([plan.effects.sighted, plan.traces[0]?.subject?.sightings]).toEqual([undefined, undefined]);
});
