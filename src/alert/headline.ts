import type { Entry } from "../model.ts";
import { type Distribution, KINDS, type Kind, type Pap, type ThreatLevel, type Tlp } from "../vocabulary.ts";
import { defangText } from "./defang.ts";
import { countItems } from "./indicators.ts";
import { type CleanText, clean, formatCount, formatNumber, join, truncate } from "./text.ts";

/** Labels are ours, values are clean and defanged. */
export type FactLine = readonly [label: CleanText, value: CleanText];

/** What every channel says of one entry, in the order in which it says it; how it looks is the channel's. */
export interface Headline {
  /** `TLP:AMBER`, or `untagged`. */
  readonly tlp: CleanText;
  /** Absent where there is no label, and in a pointer. */
  readonly pap?: CleanText;
  readonly level?: ThreatLevel;
  /** What happened: `Updated · 20 attributes added`; absent where the title says it. */
  readonly state?: CleanText;
  readonly title: CleanText;
  readonly facts: readonly FactLine[];
  /** Clusters and tags for people, without markings: `Threat actor: APT28`. */
  readonly context: readonly CleanText[];
  /** `5 attributes withheld`. */
  readonly withheld?: CleanText;
  /** Where it comes from: instance, event and time. */
  readonly origin: CleanText;
  readonly link?: URL;
}

/** What one message says, and what several of a kind say, with `#` for their number. */
const PHRASES: Readonly<Record<Kind, readonly [one: string, many: string]>> = {
  "event.published": ["Published", "Published # times"],
  "event.created": ["Created", "# events created"],
  "event.edited": ["Edited", "Edited # times"],
  "event.deleted": ["Deleted", "# events deleted"],
  "event.unpublished": ["Unpublished", "Unpublished # times"],
  "attribute.added": ["Attribute added", "# attributes added"],
  "attribute.edited": ["Attribute edited", "# attributes edited"],
  "attribute.deleted": ["Attribute deleted", "# attributes deleted"],
  "object.added": ["Object added", "# objects added"],
  "object.edited": ["Object edited", "# objects edited"],
  "object.deleted": ["Object deleted", "# objects deleted"],
  "reference.added": ["Object reference added", "# object references added"],
  "reference.edited": ["Object reference edited", "# object references edited"],
  "reference.deleted": ["Object reference deleted", "# object references deleted"],
  "sighting.added": ["Sighting reported", "# sightings reported"],
  "sighting.deleted": ["Sighting deleted", "# sightings deleted"],
  "tag.attached": ["Tag attached", "# tags attached"],
  "tag.detached": ["Tag detached", "# tags detached"],
  "tag.created": ["Tag created", "# tags created"],
  "tag.edited": ["Tag edited", "# tags edited"],
  "tag.deleted": ["Tag deleted", "# tags deleted"],
  "organisation.changed": ["Organisation changed", "# organisations changed"],
  "user.created": ["User created", "# users created"],
  "user.changed": ["User changed", "# users changed"],
  "user.login": ["User logged in", "# logins"],
  "user.logout": ["User logged out", "# logouts"],
  "discussion.posted": ["Discussion post", "# discussion posts"],
  "audit.logged": ["Audit log entry", "# audit log entries"],
  "warninglist.changed": ["Warning list changed", "# warning lists changed"],
  "workflow.pushed": ["Message from a workflow", "# messages from workflows"],
  "herald.started": ["misp-herald started", "misp-herald started # times"],
};

const CHANGES = { new: "New", updated: "Updated", unchanged: "Published again" } as const;

const SIGHTINGS = {
  sighting: "Sighting reported",
  "false-positive": "False positive reported",
  expiration: "Expiration reported",
} as const;

const DISTRIBUTIONS: Readonly<Record<Distribution, string>> = {
  organisation: "Your organisation only",
  community: "This community only",
  connected: "Connected communities",
  all: "All communities",
  sharing_group: "Sharing group",
  inherit: "As the event",
};

const MAX_TITLE = 150;
const MAX_VALUE = 300;
const MAX_CONTEXT = 8;
const MAX_LINES = 12;

/** Free text from MISP for people: clean, inert, of a length that fits on a page. */
function prose(text: string, maxGraphemes: number = MAX_VALUE): CleanText {
  return truncate(defangText(clean(text, maxGraphemes * 4)), maxGraphemes);
}

/** The label as FIRST writes it: `TLP:AMBER+STRICT`; `untagged` where there is none. */
export function formatTlp(tlp: Tlp | "untagged"): CleanText {
  return clean(tlp === "untagged" ? "untagged" : `TLP:${tlp.toUpperCase()}`);
}

/** `PAP:AMBER`, or `untagged`. */
export function formatPap(pap: Pap | "untagged"): CleanText {
  return clean(pap === "untagged" ? "untagged" : `PAP:${pap.toUpperCase()}`);
}

/** `2026-11-20 14:02 UTC`; undefined for what is no instant, since MISP's numbers are not checked. */
export function formatInstant(at: number, timeZone: string): CleanText | undefined {
  if (!Number.isFinite(at) || Math.abs(at) > 8.64e15) {
    return undefined;
  }
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "short",
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((candidate) => candidate.type === type)?.value ?? "";
  return clean(
    `${part("year")}-${part("month")}-${part("day")} ${part("hour")}:${part("minute")} ${part("timeZoneName")}`,
  );
}

function phrase(entry: Entry, kind: Kind, n: number): CleanText {
  const { alert } = entry.guarded;
  const [one, many] = PHRASES[kind];
  if (kind === "event.published" && alert.kind === kind && alert.change !== undefined) {
    return clean(n === 1 ? CHANGES[alert.change] : `${CHANGES[alert.change]} (${formatNumber(n)} publications)`);
  }
  if (kind === "sighting.added" && n === 1 && alert.sighting?.type !== undefined) {
    return clean(SIGHTINGS[alert.sighting.type]);
  }
  return clean(n === 1 ? one : many.replace("#", formatNumber(n)));
}

/** What happened, publications first: `Updated · 20 attributes added · Sighting reported`. */
export function formatState(entry: Entry): CleanText {
  const told = KINDS.flatMap((kind) => {
    const n = entry.kinds.reduce((sum, count) => sum + (count.kind === kind ? count.n : 0), 0);
    return n > 0 ? [phrase(entry, kind, n)] : [];
  });
  return told.length > 0 ? join(told, " · ") : phrase(entry, entry.guarded.alert.kind, 1);
}

/** What the alert is called: the event's own title, or which event it is, or what happened. */
export function formatTitle(entry: Entry): CleanText {
  const { form, alert } = entry.guarded;
  if (form === "pointer") {
    return clean("A restricted event was published");
  }
  const info = prose(alert.event?.info ?? "", MAX_TITLE);
  if (info !== "") {
    return info;
  }
  const event = alert.event ?? (alert.subject.type === "event" ? alert.subject : undefined);
  if (event === undefined) {
    return formatState(entry);
  }
  const name = prose(event.id ?? event.uuid ?? "", 40);
  return name === "" ? clean("An event") : clean(`Event ${name}`);
}

/** `threat-actor` and `APT28` to `Threat actor: APT28`. */
function formatCluster(galaxy: string, value: string): CleanText {
  const words = galaxy === "mitre-attack-pattern" ? "ATT&CK" : galaxy.replace(/[-_]+/g, " ");
  return prose(`${words.charAt(0).toUpperCase()}${words.slice(1)}: ${value}`, 80);
}

function formatTag(name: string): CleanText {
  const cluster = /^misp-galaxy:([^="]{1,100})="([^"]{1,200})"$/.exec(name);
  return cluster?.[1] !== undefined && cluster[2] !== undefined
    ? formatCluster(cluster[1], cluster[2])
    : prose(name, 80);
}

function formatContext(entry: Entry): CleanText[] {
  const { event } = entry.guarded.alert;
  const tags = (event?.tags ?? []).map((tag) => tag.name).filter((name) => !/^\s*(?:tlp|pap)\s*[:=]/i.test(name));
  const isCluster = (name: string) => name.startsWith("misp-galaxy:");
  const all = [
    ...(event?.clusters ?? []).map((cluster) => formatCluster(cluster.galaxy, cluster.value)),
    ...tags.filter(isCluster).map(formatTag),
    ...tags.filter((name) => !isCluster(name)).map(formatTag),
  ];
  const unique = [...new Set(all)].filter((text) => text !== "");
  const rest = unique.length - MAX_CONTEXT;
  return rest > 0 ? [...unique.slice(0, MAX_CONTEXT), clean(`+${formatNumber(rest)} more`)] : unique;
}

/** `3 (file, domain-ip)`. */
function formatObjects(entry: Entry): string | undefined {
  const { objects } = entry.guarded.alert;
  const names = [...new Set(objects.map((object) => object.name ?? "object"))];
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
  return objects.length === 0 ? undefined : `${formatNumber(objects.length)} (${shown})`;
}

function formatAttributes(entry: Entry): string | undefined {
  const { alert } = entry.guarded;
  const { attributes, toIds } = countItems(entry);
  if (attributes > 0) {
    return `${formatNumber(attributes)}${toIds > 0 ? ` (${formatNumber(toIds)} for IDS)` : ""}`;
  }
  const told = alert.event?.attributeCount;
  // Withheld attributes are told apart: the two numbers together would say the same twice, and differently.
  return told !== undefined && told > 0 && entry.guarded.withheld === 0 ? formatNumber(told) : undefined;
}

function formatSighting(entry: Entry, timeZone: string): string | undefined {
  const { sighting } = entry.guarded.alert;
  const parts = [
    sighting?.source,
    sighting?.seenAt === undefined ? undefined : formatInstant(sighting.seenAt, timeZone),
  ];
  return sighting && parts.filter(Boolean).join(" · ");
}

function formatTagLine(entry: Entry): string | undefined {
  const { tag } = entry.guarded.alert;
  return tag && `${tag.name}${tag.on === "attribute" ? ` (on attribute ${tag.attributeId ?? ""})` : ""}`;
}

function formatFacts(entry: Entry, timeZone: string): FactLine[] {
  const { alert, form } = entry.guarded;
  const { event } = alert;
  const group = event?.sharingGroup?.name;
  const distribution = event?.distribution && DISTRIBUTIONS[event.distribution];
  const full = form === "full";
  const facts: readonly (readonly [label: string, value: string | undefined])[] = [
    ["Reported by", event?.org?.name],
    ["Event date", event?.date],
    ["Analysis", event?.analysis && `${event.analysis.charAt(0).toUpperCase()}${event.analysis.slice(1)}`],
    ["Distribution", distribution && group !== undefined ? `${distribution}: ${group}` : distribution],
    ["Attributes", formatAttributes(entry)],
    ["Objects", full ? formatObjects(entry) : undefined],
    ["Sighted", full ? formatSighting(entry, timeZone) : undefined],
    ["Tag", formatTagLine(entry)],
    ...(full ? alert.lines : []).slice(0, MAX_LINES).map((line) => [line.label, line.text] as const),
    ["More", full && alert.lines.length > MAX_LINES ? formatCount(alert.lines.length - MAX_LINES, "line") : undefined],
    [entry.routes.length > 1 ? "Routes" : "Route", entry.routes.join(", ")],
  ];
  return facts
    .flatMap(([label, value]) => (value ? [[prose(label, 40), prose(value)] as const] : []))
    .filter(([, value]) => value !== "");
}

function formatOrigin(entry: Entry, timeZone: string): CleanText {
  const { alert } = entry.guarded;
  const id = alert.event?.id;
  const parts = [
    clean(alert.instance, 100),
    id === undefined ? undefined : prose(`event ${id}`, 40),
    prose(alert.event?.uuid ?? "", 40),
    formatInstant(alert.event?.changedAt ?? alert.receivedAt, timeZone),
  ];
  return join(
    parts.flatMap((part) => (part ? [part] : [])),
    " · ",
  );
}

/** Words for one entry. A pointer says that there is something, and where; nothing else of it is read. */
export function headline(entry: Entry, timeZone: string = "UTC"): Headline {
  const { form, alert, tlp, pap, withheld } = entry.guarded;
  const title = formatTitle(entry);
  const link = entry.link === undefined ? {} : { link: entry.link };
  if (form === "pointer") {
    return { tlp: formatTlp(tlp), title, facts: [], context: [], origin: clean(alert.instance, 100), ...link };
  }
  const state = formatState(entry);
  return {
    tlp: formatTlp(tlp),
    ...(pap === "untagged" ? {} : { pap: formatPap(pap) }),
    ...(alert.event?.threatLevel === undefined ? {} : { level: alert.event.threatLevel }),
    ...(state === title ? {} : { state }),
    title,
    facts: formatFacts(entry, timeZone),
    context: formatContext(entry),
    ...(withheld > 0 ? { withheld: clean(`${formatCount(withheld, "attribute")} withheld`) } : {}),
    origin: formatOrigin(entry, timeZone),
    ...link,
  };
}
