import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { absorb, openWakeups } from "../../src/absorbing/absorb.ts";
import { withMemoryCache } from "../../src/absorbing/memory-cache.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Ledger } from "../../src/model/ledger.ts";
import type { Message } from "../../src/model/message.ts";
import type { Delivery, Store } from "../../src/model/outbox.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { SteppedClock } from "../delivery/worker.ts";
import { settledAs, takeBatch } from "../store/samples.ts";
import {
  attributeAdded,
  attributeEdited,
  attributeOf,
  EVENT_UUID,
  objectAdded,
  publication,
  sightingAdded,
  T0,
  tagAttached,
  tags,
} from "../support/messages.ts";
import { settleOne } from "../support/one-batch.ts";

const EVENT = { instance: "cert", eventUuid: EVENT_UUID };
const RULES = {
  routes: compileRoutes([RouteOptions.parse({ name: "all", notify: "soc" })]),
  destinations: new Map([
    ["soc", { guard: Guard.parse({ max_tlp: "amber" }), repeats: "changed" as const, withdraw: "mark" as const }],
  ]),
};
const only = { distribution: "organisation" as const };

type Opened = Store & { readonly ledger: Ledger };

const STORES: readonly (readonly [name: string, open: () => Promise<Opened>])[] = [
  ["memory", async () => openMemoryStore()],
  [
    "sqlite",
    async () => {
      const directory = mkdtempSync(join(tmpdir(), "narrowed-"));
      const store = await openSqliteStore({ path: join(directory, "state.db") });
      onTestFinished(async () => {
        await store[Symbol.asyncDispose]();
        rmSync(directory, { recursive: true });
      });
      return store;
    },
  ],
];

/** What makes the event narrower than it was told, whatever it is about. */
const FRAMES: readonly (readonly [name: string, message: Message])[] = [
  ["an attribute that is added", attributeAdded({ id: "30", event: only, attribute: { tags: [] } })],
  ["an attribute that is edited", attributeEdited({ id: "20", event: only, attribute: { tags: [] } })],
  ["an object", withEvent(objectAdded())],
  ["a sighting", withEvent(sightingAdded("20"))],
  ["a tag of an attribute", withEvent(tagAttached("n:1", { attribute: "20", eventId: "7" }))],
  ["a tag of the event", tagAttached("tlp:red")],
];

function withEvent(message: Message): Message {
  return { ...message, event: { ...message.event, ...only } };
}

async function owed(store: Opened): Promise<readonly Delivery[]> {
  const all: Delivery[] = [];
  for await (const lines of store.ledger.owed({})) {
    all.push(...lines.map(({ delivery }) => delivery));
  }
  return all;
}

const CASES = STORES.flatMap(([name, open]) => FRAMES.map(([what, message]) => ({ name, open, what, message })));

test.each(CASES)(
  "$name: whoever was told of an event hears that $what takes it from them, once",
  async ({ open, message }) => {
    const store = await open();
    const clock = new SteppedClock(Number.POSITIVE_INFINITY, () => {});
    const planner = {
      ...{ store: withMemoryCache(store), rules: RULES, clock },
      ...{ wakeups: openWakeups(), observer: UNOBSERVED },
    };
    const event = { tags: tags("tlp:green"), distribution: "community" as const };
    await absorb([publication({ event, attributes: [attributeOf("20", { tags: [] })] })], planner);
    await settleOne(store, { ...settledAs(await takeBatch(store, T0), "sent", T0), followUp: { told: [EVENT] } }, T0);
    await absorb([message], planner);
    await absorb([message], planner);
    expect(await owed(store)).toMatchObject([
      { kind: "event.withdrawn", withdraws: "restricted", destination: "soc", routes: [] },
    ]);
  },
);
