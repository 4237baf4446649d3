import type { Entry } from "../model/payload.ts";
import type { Distribution } from "../model/vocabulary.ts";
import { formatTypes } from "./change.ts";
import { sentence } from "./context.ts";
import { countItems, countObjects, countTypes } from "./counts.ts";
import { nameLine } from "./state.ts";
import { formatInstant, prose, type Style } from "./style.ts";
import { type CleanText, formatCount, formatNumber } from "./text.ts";

/** What a fact is about; channels choose by it which they have room for. */
export type FactId =
  | "org"
  | "date"
  | "analysis"
  | "distribution"
  | "attributes"
  | "types"
  | "objects"
  | "withdrawn"
  | "sightings"
  | "tag"
  | "line"
  | "more"
  | "routes";

/** Labels are ours, values are clean and as inert as the style wants them. */
export interface FactLine {
  readonly id: FactId;
  readonly label: CleanText;
  readonly value: CleanText;
}

const MAX_LINES = 12;
const MAX_TYPES = 5;

const DISTRIBUTIONS: Readonly<Record<Distribution, string>> = {
  organisation: "Your organisation only",
  community: "This community only",
  connected: "Connected communities",
  all: "All communities",
  sharing_group: "Sharing group",
  inherit: "As the event",
};

/** `3 (file, domain-ip)`; of a single one also what its comment says. */
function formatObjects(entry: Entry, withdrawn: boolean): string | undefined {
  const objects = entry.guarded.alert.objects.filter(({ deleted = false }) => deleted === withdrawn);
  const { n, names } = withdrawn
    ? { n: objects.length, names: [...new Set(objects.map((object) => object.name ?? "object"))] }
    : countObjects(entry);
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
  const comment = n === 1 && objects[0]?.comment ? `: ${objects[0].comment}` : "";
  const count = withdrawn ? formatCount(n, "object") : formatNumber(n);
  return n === 0 ? undefined : `${count} (${shown}${comment})`;
}

function formatAttributes(entry: Entry): string | undefined {
  const { alert } = entry.guarded;
  const { attributes, toIds } = countItems(entry);
  if (alert.subject.type !== "event") {
    return undefined; // what happened to which parts is said already; the event has others
  }
  if (attributes > 0) {
    return `${formatNumber(attributes)}${toIds > 0 ? ` (${formatNumber(toIds)} for IDS)` : ""}`;
  }
  const told = alert.event?.attributeCount;
  // Withheld attributes are told apart: the two numbers together would say the same twice, and differently.
  return told !== undefined && told > 0 && entry.guarded.withheld === 0 ? formatNumber(told) : undefined;
}

/** `8 ip-dst, 2 domain`, where there are more attributes than one sees at a glance. */
function formatAllTypes(entry: Entry, style: Style): string | undefined {
  const types = countTypes(entry);
  return types.length > 1 && countItems(entry).attributes > 5 && entry.guarded.alert.subject.type === "event"
    ? formatTypes(types, MAX_TYPES, style)
    : undefined;
}

const MAX_SOURCES = 3;

/** Who, when, and how often: `2 sightings, 1 false positive · SIEM, analyst:bob · last 2026-11-20 14:02 UTC`. */
function formatSightings(entry: Entry, style: Style): string | undefined {
  const { sightings } = entry.guarded;
  const [newest] = sightings;
  if (!newest) {
    return undefined;
  }
  const many = sightings.length > 1;
  const ofType = (["sighting", "false-positive", "expiration"] as const).flatMap((type) => {
    const n = sightings.filter((one) => one.type === type).length;
    return n > 0 && many ? [formatCount(n, type.replace("-", " "))] : [];
  });
  const sources = [...new Set(sightings.flatMap(({ source }) => (source ? [source] : [])))];
  const named =
    sources.slice(0, MAX_SOURCES).join(", ") +
    (sources.length > MAX_SOURCES ? ` +${sources.length - MAX_SOURCES}` : "");
  const at = newest.seenAt === undefined ? undefined : formatInstant(newest.seenAt, style);
  return [ofType.join(", "), named, at && many ? `last ${at}` : at].filter(Boolean).join(" · ");
}

function formatTag(entry: Entry): string | undefined {
  const { tag, event } = entry.guarded.alert;
  if (event === undefined && tag?.on === undefined) {
    return undefined; // it is the title
  }
  return tag && `${tag.name}${tag.on === "attribute" ? ` (on attribute ${tag.attributeId ?? ""})` : ""}`;
}

/** What is known of an entry, in one order for all channels. */
export function formatFacts(entry: Entry, style: Style): readonly FactLine[] {
  const { alert, form } = entry.guarded;
  const { event } = alert;
  const group = event?.sharingGroup?.name;
  const distribution = event?.distribution && DISTRIBUTIONS[event.distribution];
  const full = form === "full";
  const name = nameLine(entry);
  const lines = full ? alert.lines.filter((line) => line !== name) : [];
  const facts: readonly (readonly [id: FactId, label: string, value: string | undefined])[] = [
    ["org", "Reported by", event?.org?.name],
    ["date", "Event date", event?.date],
    ["analysis", "Analysis", event?.analysis && sentence(event.analysis)],
    ["distribution", "Distribution", distribution && group !== undefined ? `${distribution}: ${group}` : distribution],
    ["attributes", "Attributes", formatAttributes(entry)],
    ["types", "Types", formatAllTypes(entry, style)],
    ["objects", "Objects", full ? formatObjects(entry, false) : undefined],
    ["withdrawn", "Withdrawn", full ? formatObjects(entry, true) : undefined],
    ["sightings", "Sighted", full ? formatSightings(entry, style) : undefined],
    ["tag", "Tag", formatTag(entry)],
    ...lines.slice(0, MAX_LINES).map(({ label, text }) => ["line", sentence(label), text] as const),
    ["more", "More", lines.length > MAX_LINES ? formatCount(lines.length - MAX_LINES, "line") : undefined],
    ["routes", entry.routes.length > 1 ? "Routes" : "Route", entry.routes.join(", ")],
  ];
  return facts
    .flatMap(([id, label, value]) =>
      value ? [{ id, label: prose(label, style, 40), value: prose(value, style) }] : [],
    )
    .filter(({ value }) => value !== "");
}
