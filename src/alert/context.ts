import type { Entry } from "../model/payload.ts";
import { prose, type Style } from "./style.ts";
import { type CleanText, clean, formatNumber } from "./text.ts";

/** Galaxies by what they are about, the most telling first; those of one line are one thing to a reader. */
const GALAXIES: readonly (readonly [label: string, galaxies: readonly string[]])[] = [
  [
    "Threat actor",
    ["threat-actor", "mitre-intrusion-set", "mitre-enterprise-attack-intrusion-set", "microsoft-activity-group"],
  ],
  ["Ransomware", ["ransomware"]],
  [
    "Malware",
    [
      "malpedia",
      "mitre-malware",
      "mitre-enterprise-attack-malware",
      "backdoor",
      "banker",
      "botnet",
      "cryptominers",
      "exploit-kit",
      "rat",
      "stealer",
      "android",
    ],
  ],
  ["Tool", ["tool", "mitre-tool", "mitre-enterprise-attack-tool"]],
  [
    "Technique",
    ["mitre-attack-pattern", "mitre-enterprise-attack-attack-pattern", "mitre-mobile-attack-attack-pattern"],
  ],
  ["Sector", ["sector"]],
  ["Country", ["country"]],
  ["Region", ["region"]],
  ["Target", ["target-information"]],
];

/** Namespaces of tags that organise work or feeds: they say nothing of the threat. Markings have their badges. */
const NOISE = /^\s*(?:tlp|pap|misp|workflow|osint|type|collaborative-intelligence)\s*[:=]/i;

const MAX_CONTEXT = 8;
const CLUSTER_TAG = /^misp-galaxy:([^="]{1,100})="([^"]{1,200})"$/;

/** Clusters by name and tags for people: `Threat actor: TA542`, `Technique: T1566.001 Spearphishing Attachment`. */
export function formatContext(entry: Entry, style: Style): readonly CleanText[] {
  const { event } = entry.guarded.alert;
  const names = (event?.tags ?? []).map(({ name }) => name);
  const tagged = names.flatMap((name) => {
    const [, galaxy, value] = CLUSTER_TAG.exec(name) ?? [];
    return galaxy !== undefined && value !== undefined ? [{ galaxy, value }] : [];
  });
  const clusters = [...(event?.clusters ?? []), ...tagged]
    .map(({ galaxy, value }) => ({ ...labelOf(galaxy), value: nameOf(value) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ label, value }) => prose(`${label}: ${value}`, style, 80));
  const tags = names.filter((name) => !CLUSTER_TAG.test(name) && !NOISE.test(name));
  const all = unique([...clusters, ...tags.map((name) => prose(name, style, 80))]);
  const rest = all.length - MAX_CONTEXT;
  return rest > 0 ? [...all.slice(0, MAX_CONTEXT), clean(`+${formatNumber(rest)} more`)] : all;
}

function labelOf(galaxy: string): { readonly label: string; readonly rank: number } {
  const name = galaxy.toLowerCase();
  const rank = GALAXIES.findIndex(([, galaxies]) => galaxies.includes(name));
  const known = GALAXIES[rank];
  return known ? { label: known[0], rank } : { label: sentence(galaxy.replace(/[-_]+/g, " ")), rank: GALAXIES.length };
}

/** `Spearphishing Attachment - T1566.001` has the number first; ATT&CK's numbers of groups and software mean nothing to readers. */
function nameOf(value: string): string {
  const [, name = "", number = ""] = /^(.{1,200}?) - ([A-Z]{1,2}\d{4}(?:\.\d{3})?)$/.exec(value) ?? [];
  return name === "" ? value : number.startsWith("T") ? `${number} ${name}` : name;
}

function unique(texts: readonly CleanText[]): readonly CleanText[] {
  return [...new Map(texts.filter((text) => text !== "").map((text) => [text.toLowerCase(), text])).values()];
}

/** With a capital letter. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
