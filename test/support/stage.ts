import { z } from "zod";
import { openNoted } from "../../src/delivery/flood-note.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Message } from "../../src/model/message.ts";
import type { BatchNote } from "../../src/model/pacing.ts";
import type { Payload } from "../../src/model/payload.ts";
import { recordOf } from "../../src/model/record.ts";
import { keysOf, plan } from "../../src/planning/plan.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { LinkOption } from "../../src/template/links.ts";
import { settleOne, takeOne } from "./one-batch.ts";

/** Readers who may be told nearly everything. */
export const INSIDER = {
  max_tlp: "red",
  audience: ["ACME-CERT"],
  sharing_groups: ["cert:1"],
  drafts: true,
  also: ["audit", "users", "organisations", "discussions", "warninglists", "workflows", "tags"],
};

/** What comes, and who reads it. */
export interface Stage {
  readonly messages: readonly Message[];
  readonly guard?: object;
  readonly repeats?: "always";
  /** So many leave before the rest comes: it is what the readers were told last. */
  readonly toldBefore?: number;
  /** What they were told is not remembered, only that they were. */
  readonly forgets?: boolean;
  readonly route?: object;
  readonly links?: readonly object[];
  /** Why it leaves together. */
  readonly note?: BatchNote;
}

const GROUP = { by: [], wait: "1s" };
const NOW = Date.UTC(2026, 10, 20, 18);
const HOUR = 3_600_000;

/**
 * What messages become, through planning, memory, guard and folding: all that is owed is one group, so that it leaves as one.
 * Undefined where nothing may leave.
 */
export async function stage(wanted: Stage): Promise<Payload | undefined> {
  const policy = Guard.parse(wanted.guard ?? { max_tlp: "amber+strict" });
  const routes = compileRoutes([
    RouteOptions.parse({ name: "golden", kinds: ["*"], notify: "golden", group: GROUP, ...wanted.route }),
  ]);
  await using store = openMemoryStore();
  const links = new Map([["cert", new URL("https://misp.example.org")]]);
  const actions = z.array(LinkOption).parse(wanted.links ?? []);
  const before = wanted.toldBefore ?? 0;
  for (const [index, message] of wanted.messages.slice(0, before).entries()) {
    const at = NOW + (index - before) * HOUR;
    await absorb(message, at);
    // An hour between them: what is told often is told less often.
    const left = await open(at + HOUR / 2);
    if (left) {
      const records = left.batch.entries.map(({ delivery }) => recordOf(delivery, at, { outcome: "sent" }));
      const told = wanted.forgets ? [] : left.opened.told;
      await settleOne(store, { batch: left.batch.id, records, attempted: true, told }, at + HOUR / 2);
    }
  }
  for (const message of wanted.messages.slice(before)) {
    await absorb(message, NOW);
  }
  return (await open(NOW + HOUR))?.opened.payload;

  async function open(at: number) {
    const taken = await takeOne(store, "golden", at);
    if (!taken || !("batch" in taken)) {
      return undefined;
    }
    const batch = { ...taken.batch, ...(wanted.note && { note: wanted.note }) };
    return { batch, opened: openNoted(batch, { guard: policy, routes, links, actions }, at) };
  }

  async function absorb(message: Message, at: number): Promise<void> {
    const rules = {
      routes,
      destinations: new Map([["golden", { guard: policy, repeats: wanted.repeats ?? "changed" } as const]]),
    };
    const { effects } = plan([message], await store.load(keysOf([message])), at, rules);
    await store.commit(effects, at);
  }
}
