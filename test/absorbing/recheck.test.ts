import { expect, it } from "vitest";
import { absorb, openWakeups, type Planner } from "../../src/absorbing/absorb.ts";
import { Guard } from "../../src/guard/policy.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { publication, tagAttached } from "../support/messages.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

it("wakes who may show what is stricter now, though nothing more is owed", async () => {
  await using store = openMemoryStore();
  const wakeups = openWakeups(["soc"], ["cert"]);
  const route = RouteOptions.parse({ name: "all", kinds: ["event.published"], notify: "soc" });
  const soc = { guard: Guard.parse({ max_tlp: "green" }), repeats: "changed" as const };
  const planner: Planner = {
    ...{ store, wakeups, clock: new VirtualClock(), observer: { planned() {} } },
    rules: { routes: compileRoutes([route]), destinations: new Map([["soc", soc]]) },
  };
  const isWoken = () => wakeups.destinations.get("soc")?.next().aborted;
  await absorb([publication()], planner);
  expect(isWoken()).toBe(true);
  expect(isWoken()).toBe(false);
  await absorb([tagAttached("tlp:red")], planner);
  expect(isWoken()).toBe(true);
});
