import { z } from "zod";
import { openBatch } from "../../src/delivery/payload.ts";
import { Guard } from "../../src/guard/policy.ts";
import type { Message } from "../../src/model/message.ts";
import type { Payload } from "../../src/model/payload.ts";
import { recordOf } from "../../src/model/record.ts";
import { keysOf, plan } from "../../src/planning/plan.ts";
import { compileRoutes } from "../../src/routing/route.ts";
import { RouteOptions } from "../../src/routing/schema.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { LinkOption } from "../../src/template/links.ts";
import { decodeSample } from "../topics/frames.ts";
import { campaign, FIRST, LATER, SOFT_DELETED, TROUBLES } from "./scenes.ts";

const INSIDER = {
  max_tlp: "red",
  audience: ["ACME-CERT"],
  drafts: true,
  also: ["audit", "users", "organisations", "discussions", "tags"],
};

/** What recorded frames become, through decoding, planning, guard and folding: the messages of each, and who reads. */
const SAMPLES: Readonly<
  Record<
    string,
    {
      readonly frames: readonly string[] | (() => readonly Message[]);
      readonly guard?: object;
      readonly repeats?: "always";
      /** So many leave before the rest comes: it is what the readers were told last. */
      readonly toldBefore?: number;
      readonly route?: object;
      readonly links?: readonly object[];
    }
  >
> = {
  publication: { frames: ["misp_json--publish-first-time"] },
  "publication-full": {
    frames: ["misp_json--publish-full-event"],
    guard: { max_tlp: "red", sharing_groups: ["cert:1"] },
  },
  "publication-feed": { frames: ["misp_json--feed-import-misp-format"] },
  "publication-hostile-text": { frames: ["misp_json--publish-markup-in-values-and-extends-uuid"] },
  "publication-integers": { frames: ["misp_json--integer-typed-columns"] },
  "publication-attribute-group": {
    frames: ["misp_json--attribute-level-sharing-group"],
    guard: { max_tlp: "red", untagged: "amber", audience: ["ORGNAME"] },
  },
  "publication-references": {
    frames: ["misp_json--object-reference-to-attribute-and-galaxy-clusters"],
    guard: { max_tlp: "red" },
  },
  "publication-metadata": {
    frames: ["misp_json--publish-first-time"],
    guard: { max_tlp: "clear", metadata_up_to: "red" },
  },
  "publication-pointer": {
    frames: ["misp_json--publish-first-time"],
    guard: { max_tlp: "clear", pointer_up_to: "red" },
  },
  "publication-again": {
    frames: ["misp_json--publish-first-time", "misp_json--republish-unchanged"],
    repeats: "always",
  },
  "attribute-added": { frames: ["misp_json_event--add", "misp_json_attribute--add"], guard: INSIDER },
  "attributes-folded": {
    frames: [
      "misp_json_attribute--add",
      "misp_json_attribute--edit-tagged",
      "misp_json_attribute--edit-with-sightings",
      "misp_json_attribute--soft-delete",
    ],
    guard: INSIDER,
  },
  "event-edited": { frames: ["misp_json_event--edit-with-tags"], guard: INSIDER },
  "tag-attached": {
    frames: ["misp_json--publish-first-time", "misp_json_tag--attached-to-event-galaxy-cluster"],
    guard: INSIDER,
  },
  audit: { frames: ["misp_json_audit--auditlog-user-add-with-password-and-authkey-keys"], guard: INSIDER },
  digest: {
    frames: [
      "misp_json--publish-first-time",
      "misp_json--feed-import-misp-format",
      "misp_json--sync-pull-from-remote-instance",
      "misp_json--published-in-add-call",
    ],
  },
};

const MORE: typeof SAMPLES = {
  campaign: {
    frames: () => [campaign()],
    route: {
      match: { min_threat_level: "medium", any: [{ tag: "misp-galaxy:ransomware=*" }, { org: "nobody" }] },
      links: [{ label: "Search in SIEM", url: "https://siem.example.org/search?q={value}" }],
    },
    links: [{ label: "Runbook", url: "https://wiki.example.org/runbooks/{threat_level}" }],
  },
  "campaign-none-listed": { frames: () => [campaign()], route: { group: { by: [], wait: "1s", show: 0 } } },
  update: { frames: () => [FIRST(), LATER()], toldBefore: 1, guard: { max_tlp: "red", audience: ["ACME-CERT"] } },
  "update-metadata": {
    frames: () => [FIRST(), LATER()],
    toldBefore: 1,
    guard: { max_tlp: "clear", metadata_up_to: "red" },
  },
  "attribute-withdrawn": { frames: () => [FIRST(), SOFT_DELETED()], toldBefore: 1, guard: INSIDER },
  "event-deleted": {
    frames: ["misp_json--published-in-add-call", "misp_json_event--delete"],
    toldBefore: 1,
    guard: INSIDER,
  },
  troubles: { frames: TROUBLES, guard: INSIDER },
};

export const GOLDEN_NAMES = [...Object.keys(SAMPLES), ...Object.keys(MORE)];

/** The payload of one sample; all of it is one group, so that it leaves as one. */
export async function goldenPayload(name: string): Promise<Payload> {
  const sample = SAMPLES[name] ?? MORE[name];
  if (!sample) {
    throw new Error(`No sample ${name}`);
  }
  const policy = Guard.parse(sample.guard ?? { max_tlp: "amber+strict" });
  const routes = compileRoutes([
    RouteOptions.parse({ name: "golden", kinds: ["*"], notify: "golden", group: GROUP, ...sample.route }),
  ]);
  await using store = openMemoryStore();
  const messages = typeof sample.frames === "function" ? sample.frames() : sample.frames.map(decodeSample);
  const links = new Map([["cert", new URL("https://misp.example.org")]]);
  const actions = z.array(LinkOption).parse(sample.links ?? []);
  for (const message of messages.slice(0, sample.toldBefore ?? 0)) {
    await absorb(message);
    const before = await open(TOLD_AT);
    const records = before.batch.entries.map(({ delivery }) => recordOf(delivery, TOLD_AT, { outcome: "sent" }));
    const told = before.opened.told;
    await store.settle({ batch: before.batch.id, records, attempted: true, told }, TOLD_AT);
  }
  for (const message of messages.slice(sample.toldBefore ?? 0)) {
    await absorb(message);
  }
  const { payload } = (await open(NOW + 600_000)).opened;
  if (!payload) {
    throw new Error(`The guard refuses ${name}`);
  }
  return payload;

  async function open(at: number) {
    const taken = await store.take("golden", at);
    if (!taken || !("batch" in taken)) {
      throw new Error(`Nothing leaves of ${name}`);
    }
    return { batch: taken.batch, opened: openBatch(taken.batch, { guard: policy, routes, links, actions }, at) };
  }

  async function absorb(message: Message): Promise<void> {
    const rules = {
      routes,
      destinations: new Map([["golden", { guard: policy, repeats: sample?.repeats ?? "changed" } as const]]),
    };
    const { effects } = plan([message], await store.load(keysOf([message])), NOW, rules);
    await store.commit(effects, NOW);
  }
}

const GROUP = { by: [], wait: "1s" };
const NOW = Date.UTC(2026, 10, 20, 18);
const TOLD_AT = NOW + 1000;
