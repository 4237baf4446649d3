import { expect, test } from "vitest";
import { formatChange } from "../../src/alert/change.ts";
import { openBatch } from "../../src/delivery/payload.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Alert } from "../../src/model/alert.ts";
import type { Message } from "../../src/model/message.ts";
import { changesOf } from "../../src/planning/changes.ts";
import { keysOf, plan } from "../../src/planning/plan.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { attributeOf, MINUTE, publication, T0, tags } from "../support/messages.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";

const FAR = Number.MAX_SAFE_INTEGER;

/** The change line of the last alert, when each message is told before the next one comes. */
async function changeLine(
  messages: readonly Message[],
  guard: object = { max_tlp: "amber" },
): Promise<string | undefined> {
  const policy = Guard.parse(guard);
  const routes = compileRoutes([RouteOptions.parse({ name: "r", notify: "soc" })]);
  const rules = { routes, destinations: new Map([["soc", { guard: policy, repeats: "changed" as const }]]) };
  await using store = openMemoryStore();
  let line: string | undefined;
  for (const message of messages) {
    await store.commit(plan([message], await store.load(keysOf([message])), T0, rules).effects, T0);
    const taken = await takeOne(store, "soc", FAR);
    if (!taken || !("batch" in taken)) {
      continue;
    }
    const { payload, leaving, told } = openBatch(taken.batch, { guard: policy, routes, links: new Map() }, T0);
    const [entry] = payload?.entries ?? [];
    line = entry && formatChange(entry, { timeZone: "UTC", defang: true });
    const records = leaving.map(({ delivery }) => ({
      ...delivery,
      delivery: delivery.id,
      at: T0,
      outcome: "sent" as const,
    }));
    await settleOne(store, { batch: taken.batch.id, records, attempted: true, told }, T0);
  }
  return line;
}

const first = publication({ attributes: [attributeOf("1")] });
const again = (event: object, attributes = [attributeOf("1")]) =>
  publication({ event: { changedAt: T0 + MINUTE, ...event }, attributes });

test("the first alert has no change line", async () => {
  expect(await changeLine([first])).toBeUndefined();
});

test("an update says what is different in the event itself, and what is new in it", async () => {
  const added = attributeOf("2", { changedAt: T0 + MINUTE });
  const event = { info: "Phishing wave, again", threatLevel: "high", tags: tags("tlp:green", "type:OSINT") };
  expect(await changeLine([first, again(event, [attributeOf("1"), added])])).toBe(
    "1 new since 2026-11-20 12:00 UTC; 1 told before unchanged · Title changed, threat level now high, tags added: type:OSINT",
  );
});

test("what was removed is counted, not named", async () => {
  const before = publication({ event: { tags: tags("tlp:green", "secret:name") }, attributes: [attributeOf("1")] });
  expect(await changeLine([before, again({})])).toBe(
    "1 tag removed · No attribute is new, changed or withdrawn since 2026-11-20 12:00 UTC",
  );
});

test("metadata tells of the event, not of its parts", async () => {
  const guard = { max_tlp: "clear", metadata_up_to: "green" };
  expect(await changeLine([first, again({ info: "Another title" })], guard)).toBe("Title changed");
});

test("a version that memory does not have any more is compared by the times of its parts alone", async () => {
  const guard = { max_tlp: "green" };
  // The second version is too strict to be told: the third is compared with the first.
  const red = again({ tags: tags("tlp:red"), info: "Restricted title" });
  const third = publication({ event: { changedAt: T0 + 2 * MINUTE }, attributes: [attributeOf("1")] });
  expect(await changeLine([first, red, third], guard)).toBe(
    "No attribute is new, changed or withdrawn since 2026-11-20 12:00 UTC",
  );
});

test.each([
  [4_000, { title: false, threatLevel: false, tagsAdded: ["label:4000"], tagsRemoved: 1 }],
  // So many are not remembered a second time: what has come and gone is not told.
  [5_000, undefined],
])("changesOf() an event of %d labels", (n, changes) => {
  const names = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `label:${from + at}`);
  const { effects } = plan(
    [publication({ event: { tags: tags(...names(0, n)) } })],
    { events: [], aliases: [], parts: [], told: [], undecided: [] },
    T0,
    { routes: compileRoutes([RouteOptions.parse({ name: "r", notify: "soc" })]), destinations: new Map() },
  );
  const [memory] = effects.events;
  const { event } = publication({ event: { tags: tags(...names(1, n + 1)) } });

  expect(memory && changesOf(memory, { event } as Alert).changes).toEqual(changes);
});
