import type { Entry } from "../model.ts";
import { type Distribution, KINDS, type Kind, type Pap, type ThreatLevel, type Tlp } from "../vocabulary.ts";
import { countItems } from "./indicators.ts";
import { inert, type Style } from "./style.ts";
import { type CleanText, clean, formatCount, formatNumber, join, truncate } from "./text.ts";

/** Labels are ours, values are clean and as inert as the style wants them. */
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
  /** What is different from the version that was told last: `3 attributes new or changed since the last alert`. */
  readonly changed?: CleanText;
  /** Something that the reader should know of the alert itself, such as that its template failed. */
  readonly notice?: CleanText;
  /** Lines of a custom template, the empty ones being paragraphs; they stand in place of facts, context and indicators. */
  readonly body?: readonly CleanText[];
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
function prose(text: string, style: Style, maxGraphemes: number = MAX_VALUE): CleanText {
  return truncate(inert(clean(text, maxGraphemes * 4), style), maxGraphemes);
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
export function formatTitle(entry: Entry, style: Style): CleanText {
  const { form, alert } = entry.guarded;
  const custom = prose(entry.custom?.title ?? "", style, MAX_TITLE);
  if (custom !== "") {
    return custom;
  }
  if (form === "pointer") {
    return clean("A restricted event was published");
  }
  const info = prose(alert.event?.info ?? "", style, MAX_TITLE);
  if (info !== "") {
    return info;
  }
  const event = alert.event ?? (alert.subject.type === "event" ? alert.subject : undefined);
  if (event === undefined) {
    return formatState(entry);
  }
  const name = prose(event.id ?? event.uuid ?? "", style, 40);
  return name === "" ? clean("An event") : clean(`Event ${name}`);
}

/** `threat-actor` and `APT28` to `Threat actor: APT28`. */
function formatCluster(galaxy: string, value: string, style: Style): CleanText {
  const words = galaxy === "mitre-attack-pattern" ? "ATT&CK" : galaxy.replace(/[-_]+/g, " ");
  return prose(`${words.charAt(0).toUpperCase()}${words.slice(1)}: ${value}`, style, 80);
}

function formatTag(name: string, style: Style): CleanText {
  const cluster = /^misp-galaxy:([^="]{1,100})="([^"]{1,200})"$/.exec(name);
  return cluster?.[1] !== undefined && cluster[2] !== undefined
    ? formatCluster(cluster[1], cluster[2], style)
    : prose(name, style, 80);
}

function formatContext(entry: Entry, style: Style): CleanText[] {
  const { event } = entry.guarded.alert;
  const tags = (event?.tags ?? []).map((tag) => tag.name).filter((name) => !/^\s*(?:tlp|pap)\s*[:=]/i.test(name));
  const isCluster = (name: string) => name.startsWith("misp-galaxy:");
  const all = [
    ...(event?.clusters ?? []).map((cluster) => formatCluster(cluster.galaxy, cluster.value, style)),
    ...tags.filter(isCluster).map((name) => formatTag(name, style)),
    ...tags.filter((name) => !isCluster(name)).map((name) => formatTag(name, style)),
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

function formatSighting(entry: Entry, { timeZone }: Style): string | undefined {
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

function formatFacts(entry: Entry, style: Style): FactLine[] {
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
    ["Sighted", full ? formatSighting(entry, style) : undefined],
    ["Tag", formatTagLine(entry)],
    ...(full ? alert.lines : []).slice(0, MAX_LINES).map((line) => [line.label, line.text] as const),
    ["More", full && alert.lines.length > MAX_LINES ? formatCount(alert.lines.length - MAX_LINES, "line") : undefined],
    [entry.routes.length > 1 ? "Routes" : "Route", entry.routes.join(", ")],
  ];
  return facts
    .flatMap(([label, value]) => (value ? [[prose(label, style, 40), prose(value, style)] as const] : []))
    .filter(([, value]) => value !== "");
}

function formatOrigin(entry: Entry, style: Style): CleanText {
  const { alert } = entry.guarded;
  const id = alert.event?.id;
  const parts = [
    clean(alert.instance, 100),
    id === undefined ? undefined : prose(`event ${id}`, style, 40),
    prose(alert.event?.uuid ?? "", style, 40),
    formatInstant(alert.event?.changedAt ?? alert.receivedAt, style.timeZone),
  ];
  return join(
    parts.flatMap((part) => (part ? [part] : [])),
    " · ",
  );
}

const MAX_BODY_LINES = 200;
const MAX_BODY_LINE = 1000;

/** Lines of a template's output, without the blank ones at both ends and with at most one between paragraphs. */
function formatCustom(text: string, style: Style): readonly CleanText[] {
  const all = text.split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/).map((line) => prose(line, style, MAX_BODY_LINE));
  const lines = all.filter((line, index) => line !== "" || (index > 0 && all[index - 1] !== ""));
  if (lines.at(-1) === "") {
    lines.pop();
  }
  const rest = lines.length - MAX_BODY_LINES;
  return rest > 0 ? [...lines.slice(0, MAX_BODY_LINES), clean(`+${formatCount(rest, "more line")}`)] : lines;
}

/** What a template made of an entry, or that it failed. */
function formatTemplate(entry: Entry, style: Style): Pick<Headline, "body" | "notice"> {
  const body = formatCustom(entry.custom?.body ?? "", style);
  return {
    ...(body.length > 0 ? { body } : {}),
    ...(entry.templateFailed ? { notice: clean("The template failed; this is the built-in alert.") } : {}),
  };
}

/** Words for one entry. A pointer says that there is something, and where; nothing else of it is read. */
export function headline(entry: Entry, style: Style): Headline {
  const { form, alert, tlp, pap, withheld } = entry.guarded;
  const title = formatTitle(entry, style);
  const template = formatTemplate(entry, style);
  const link = entry.link === undefined ? {} : { link: entry.link };
  if (form === "pointer") {
    return {
      tlp: formatTlp(tlp),
      title,
      ...template,
      facts: [],
      context: [],
      origin: clean(alert.instance, 100),
      ...link,
    };
  }
  const state = formatState(entry);
  return {
    tlp: formatTlp(tlp),
    ...(pap === "untagged" ? {} : { pap: formatPap(pap) }),
    ...(alert.event?.threatLevel === undefined ? {} : { level: alert.event.threatLevel }),
    ...(state === title ? {} : { state }),
    title,
    ...template,
    facts: formatFacts(entry, style),
    context: formatContext(entry, style),
    ...(withheld > 0 ? { withheld: clean(`${formatCount(withheld, "attribute")} withheld`) } : {}),
    origin: formatOrigin(entry, style),
    ...link,
  };
}
