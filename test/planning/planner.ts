import { type OpenedBatch, openBatch } from "../../src/delivery/payload.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Ledger } from "../../src/model/ledger.ts";
import type { Message } from "../../src/model/message.ts";
import type { Batch, Delivery, RecordLine, Store } from "../../src/model/outbox.ts";
import { keysOf, type Plan, plan, type Rules, type Trace } from "../../src/planning/plan.ts";
import { asksSightings } from "../../src/routing/lists.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import type { StoreClock } from "../../src/store/clock-watch.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { T0 } from "../support/messages.ts";
import { settleOne, takeOne } from "../support/one-batch.ts";

interface Settings {
  /** `guard:` and `repeats:` by destination; by default one that may see up to tlp:amber. */
  readonly destinations?: Readonly<
    Record<string, { readonly guard?: object; readonly repeats?: "changed" | "never" | "always" }>
  >;
  /** By default one that tells `soc` everything. */
  readonly routes?: readonly object[];
  /** Where the store sees that the clock was set. */
  readonly clock?: StoreClock;
  /** Instances that can be asked. */
  readonly asks?: readonly string[];
  /** By default one in memory. */
  readonly store?: Store & { readonly ledger: Ledger };
}

/** A planning planner: rules, and a store that remembers. */
export class Planner {
  readonly store: Store & { readonly ledger: Ledger };
  readonly rules: Rules;

  constructor({
    destinations = { soc: {} },
    routes = [{ name: "all", kinds: ["*"], notify: "soc" }],
    clock,
    asks,
    store = openMemoryStore({ ...(clock && { clock }) }),
  }: Settings = {}) {
    this.store = store;
    const parsed = routes.map((route) => RouteOptions.parse(route));
    this.rules = {
      ...(asks && { asks: new Set(asks) }),
      routes: compileRoutes(parsed),
      counts: asksSightings(parsed.flatMap(({ match }) => match ?? [])),
      destinations: new Map(
        Object.entries(destinations).map(([name, { guard = {}, repeats = "changed" }]) => [
          name,
          { guard: Guard.parse({ max_tlp: "amber", ...guard }), repeats },
        ]),
      ),
    };
  }

  /** Plans these as one micro-batch, and commits. */
  async plan(...messages: readonly Message[]): Promise<Plan> {
    const planned = plan(messages, await this.store.load(keysOf(messages, this.rules)), T0, this.rules);
    if ((await this.store.commit(planned.effects, T0)) === "conflict") {
      throw new Error("Nobody else writes here");
    }
    return planned;
  }

  /** Plans these one after the other; gives what became of the last one. */
  async tell(...messages: readonly Message[]): Promise<Told> {
    let planned: Plan | undefined;
    for (const message of messages) {
      planned = await this.plan(message);
    }
    if (!planned) {
      throw new Error("Nothing was told");
    }
    const { effects, traces } = planned;
    return { trace: traces[0], deliveries: effects.deliveries, records: effects.records, plan: planned };
  }

  /** What leaves for a destination now, in one batch. */
  async open(destination = "soc"): Promise<OpenedBatch | undefined> {
    const batch = await this.take(destination);
    const settings = this.rules.destinations.get(destination);
    if (!settings) {
      throw new Error(`no destination ${destination}`);
    }
    return batch && openBatch(batch, { guard: settings.guard, routes: this.rules.routes, links: new Map() }, T0);
  }

  /** Everything that is owed leaves, and arrives. */
  async settle(destination = "soc", outcome: RecordLine["outcome"] = "sent"): Promise<number> {
    const batch = await this.take(destination);
    if (!batch) {
      return 0;
    }
    const records = batch.entries.map(({ delivery }): RecordLine => {
      const { id, evidence: _e, groups: _g, mentions: _m, priority: _p, createdAt: _a, alert: _l, ...rest } = delivery;
      return { ...rest, delivery: id, at: T0, outcome };
    });
    const settings = this.rules.destinations.get(destination);
    const told = settings
      ? openBatch(batch, { guard: settings.guard, routes: this.rules.routes, links: new Map() }, T0).told
      : [];
    await settleOne(this.store, { batch: batch.id, records, attempted: true, told }, T0);
    return records.length + (await this.settle(destination, outcome));
  }

  async take(destination: string): Promise<Batch | undefined> {
    const taken = await takeOne(this.store, destination, T0 + 365 * 86_400_000);
    return taken && "batch" in taken ? taken.batch : undefined;
  }
}

export interface Told {
  readonly trace: Trace | undefined;
  readonly deliveries: readonly Delivery[];
  readonly records: readonly RecordLine[];
  readonly plan: Plan;
}

/** What became of a message by destination: `soc owed`. */
export function verdictsOf({ trace }: Told): readonly string[] {
  return (trace?.destinations ?? []).map(({ name, verdict }) => `${name} ${verdict}`);
}
