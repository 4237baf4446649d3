import { expect, it } from "vitest";
import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Post } from "../../src/model/post.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { EVENT_UUID, publication, T0, tagAttached } from "../support/messages.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

it("wakes who shows what is stricter now, though nothing more is owed, and nobody else", async () => {
  await using store = openMemoryStore();
  const wakeups = openWakeups(["soc", "mail"], ["cert"]);
  const route = RouteOptions.parse({ name: "all", kinds: ["event.published"], notify: ["soc", "mail"] });
  const readers = { guard: Guard.parse({ max_tlp: "green" }), repeats: "changed" as const };
  const planner: Planner = {
    ...{ store, wakeups, clock: new VirtualClock(), observer: { planned() {} } },
    rules: { routes: compileRoutes([route]), destinations: new Map(["soc", "mail"].map((name) => [name, readers])) },
  };
  const isWoken = (name: string) => wakeups.destinations.get(name)?.next().aborted;
  await absorb([publication()], planner);
  expect(isWoken("soc")).toBe(true);
  expect(isWoken("soc")).toBe(false);
  expect(isWoken("mail")).toBe(true);
  const taken = await takeOne(store, "soc", planner.clock.now());
  if (!taken || !("batch" in taken)) {
    throw new Error("nothing is due");
  }
  const { id } = taken.batch;
  const events = [{ instance: "cert", eventUuid: EVENT_UUID }];
  const post: Post = { id, destination: "soc", at: T0, ref: { channel: "C1", ts: "1" }, events };
  await settleOne(store, { batch: id, records: [], attempted: true, followUp: { told: [], post } }, T0);
  await absorb([tagAttached("tlp:red")], planner);
  expect(isWoken("soc")).toBe(true);
  expect(isWoken("mail")).toBe(false);
});
