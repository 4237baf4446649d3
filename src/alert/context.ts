import type { Entry } from "../model/payload.ts";
import type { FactLine } from "./fact-line.ts";
import { prose, type Style } from "./style.ts";
import { type CleanText, clean, formatNumber, sentence } from "./text.ts";

interface Group {
  readonly one: string;
  readonly many: string;
  readonly galaxies: readonly string[];
}

/** Galaxies by what they are about, the most telling first; those of one line are one thing to a reader. */
const GROUPS: readonly Group[] = [
  {
    one: "Threat actor",
    many: "Threat actors",
    galaxies: [
      "threat-actor",
      "mitre-intrusion-set",
      "mitre-enterprise-attack-intrusion-set",
      "microsoft-activity-group",
    ],
  },
  { one: "Ransomware", many: "Ransomware", galaxies: ["ransomware"] },
  {
    one: "Malware",
    many: "Malware",
    galaxies: [
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
  },
  { one: "Tool", many: "Tools", galaxies: ["tool", "mitre-tool", "mitre-enterprise-attack-tool"] },
  {
    one: "Technique",
    many: "Techniques",
    galaxies: ["mitre-attack-pattern", "mitre-enterprise-attack-attack-pattern", "mitre-mobile-attack-attack-pattern"],
  },
  { one: "Sector", many: "Sectors", galaxies: ["sector"] },
  { one: "Country", many: "Countries", galaxies: ["country"] },
  { one: "Region", many: "Regions", galaxies: ["region"] },
  { one: "Target", many: "Targets", galaxies: ["target-information"] },
];
const TAGS: Group = { one: "Tag", many: "Tags", galaxies: [] };

/** Namespaces of tags that organise work or feeds: they say nothing of the threat. Markings have their badges. */
const NOISE = /^\s*(?:tlp|pap|misp|workflow|osint|type|collaborative-intelligence)\s*[:=]/i;

const SMALL: ReadonlySet<string> = new Set(["Country", "Region"]);

const MAX_LINES = 8;
const MAX_NAMES = 3;
const MAX_NAME = 80;
const CLUSTER_TAG = /^misp-galaxy:([^="]{1,100})="([^"]{1,200})"$/;
const MACHINE_TAG = /^[^:="]{1,100}:([^="]{1,100})="([^"]{1,200})"$/;

/** Who and what it is about, a line for each: `Threat actor: TA542`, `Techniques: T1000, T1001, T1002 … +36`. */
export function formatContext(entry: Entry, style: Style): readonly FactLine[] {
  const { event } = entry.guarded.alert;
  const names = (event?.tags ?? []).map(({ name }) => name);
  const tagged = names.flatMap((name) => {
    const [, galaxy, value] = CLUSTER_TAG.exec(name) ?? [];
    return galaxy !== undefined && value !== undefined ? [{ galaxy, value }] : [];
  });
  const lines = new Map<string, { readonly group: Group; readonly names: Map<string, CleanText> }>();
  const add = (group: Group, name: CleanText) => {
    const line = lines.get(group.one) ?? { group, names: new Map<string, CleanText>() };
    lines.set(group.one, line);
    if (name !== "") {
      line.names.set(name.toLowerCase(), name);
    }
  };
  for (const { galaxy, value } of [...(event?.clusters ?? []), ...tagged]) {
    const group = groupOf(galaxy);
    // Countries and regions are written small in MISP's galaxy.
    const name = SMALL.has(group.one) ? sentence(nameOf(value)) : nameOf(value);
    add(group, prose(name, style, MAX_NAME));
  }
  for (const name of names) {
    if (!CLUSTER_TAG.test(name) && !NOISE.test(name)) {
      add(TAGS, prose(readable(name), style, MAX_NAME));
    }
  }
  const all = [...lines.values()]
    .filter((line) => line.names.size > 0)
    .sort((a, b) => rankOf(a.group) - rankOf(b.group));
  const rest = all.slice(MAX_LINES).reduce((sum, line) => sum + line.names.size, 0);
  return [
    ...all.slice(0, MAX_LINES).map(
      ({ group, names: of }): FactLine => ({
        id: "about",
        label: labelOf(of.size > 1 ? group.many : group.one, style),
        value: formatNames([...of.values()]),
      }),
    ),
    ...(rest > 0 ? [{ id: "about", label: clean("Also"), value: clean(`+${formatNumber(rest)} more`) } as const] : []),
  ];
}

/** A galaxy may be called by what nobody can see. */
function labelOf(name: string, style: Style): CleanText {
  const label = prose(name, style, 40);
  return label === "" ? clean("Other") : label;
}

/** Many techniques by their numbers, since their names are long. */
function formatNames(names: readonly CleanText[]): CleanText {
  const short = names.length > 1 ? names.map((name) => /^T\d{4}(?:\.\d{3})?(?= )/.exec(name)?.[0] ?? name) : names;
  const rest = short.length - MAX_NAMES;
  return clean(`${short.slice(0, MAX_NAMES).join(", ")}${rest > 0 ? ` … +${formatNumber(rest)}` : ""}`);
}

function groupOf(galaxy: string): Group {
  const name = galaxy.toLowerCase();
  const label = sentence(galaxy.replace(/[-_]+/g, " "));
  return GROUPS.find(({ galaxies }) => galaxies.includes(name)) ?? { one: label, many: label, galaxies: [name] };
}

/** What no line is for stands behind those that have one, and plain tags are last. */
function rankOf(group: Group): number {
  const rank = GROUPS.indexOf(group);
  return rank >= 0 ? rank : group === TAGS ? GROUPS.length + 1 : GROUPS.length;
}

/** `Spearphishing Attachment - T1566.001` has the number first; ATT&CK's numbers of groups and software mean nothing to readers. */
function nameOf(value: string): string {
  const [, name = "", number = ""] = /^(.{1,200}?) - ([A-Z]{1,2}\d{4}(?:\.\d{3})?)$/.exec(value) ?? [];
  return name === "" ? value : number.startsWith("T") ? `${number} ${name}` : name;
}

/** A tag as people say it: `Ransomware: LockBit` of `misp-galaxy:ransomware="LockBit"`. */
export function readableTag(tag: string): string {
  const [, galaxy, value] = CLUSTER_TAG.exec(tag) ?? [];
  return galaxy === undefined || value === undefined ? readable(tag) : `${groupOf(galaxy).one}: ${nameOf(value)}`;
}

/** `source reliability: b` of `admiralty-scale:source-reliability="b"`. */
function readable(tag: string): string {
  const [, predicate, value] = MACHINE_TAG.exec(tag) ?? [];
  return predicate === undefined ? tag : `${predicate.replace(/[-_]+/g, " ")}: ${value}`;
}
