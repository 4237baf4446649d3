import type { Message } from "../../src/model/message.ts";
import type { Payload } from "../../src/model/payload.ts";
import { decodeSample } from "../topics/frames.ts";
import { campaign, FIRST, LATER, SOFT_DELETED, TROUBLES } from "./scenes.ts";
import { INSIDER, type Stage, stage } from "./stage.ts";

/** What recorded frames become, through decoding, planning, guard and folding: the messages of each, and who reads. */
const SAMPLES: Readonly<
  Record<string, Omit<Stage, "messages"> & { readonly frames: readonly string[] | (() => readonly Message[]) }>
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

/** The payload of one sample. */
export async function goldenPayload(name: string): Promise<Payload> {
  const sample = SAMPLES[name] ?? MORE[name];
  if (!sample) {
    throw new Error(`No sample ${name}`);
  }
  const { frames, ...rest } = sample;
  const messages = typeof frames === "function" ? frames() : frames.map(decodeSample);
  const payload = await stage({ ...rest, messages });
  if (!payload) {
    throw new Error(`The guard refuses ${name}`);
  }
  return payload;
}
