import type { Entry } from "../model/payload.ts";
import { formatTypes } from "./change.ts";
import { formatContext, readableTag } from "./context.ts";
import { countItems, countObjects, countTypes } from "./counts.ts";
import type { FactId, FactLine } from "./fact-line.ts";
import { quotesOf } from "./rows.ts";
import { isInTitle, nameLine } from "./state.ts";
import { formatInstant, inertValue, prose, type Style } from "./style.ts";
import { clean, formatCount, formatNumber, sentence } from "./text.ts";

const MAX_LINES = 12;
const MAX_TYPES = 5;
const MAX_QUOTE = 600;
const MAX_VALUE = 300;
/** What helps against a trouble of ours is told whole. */
const MAX_REMEDY = 600;

/** `3 objects (file, domain-ip)`. */
function formatObjects(entry: Entry, withdrawn: boolean): string | undefined {
  const gone = entry.guarded.alert.objects.filter(({ deleted = false }) => deleted);
  const { n, names } = withdrawn
    ? { n: gone.length, names: [...new Set(gone.map((object) => object.name ?? "object"))] }
    : countObjects(entry);
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
  return n === 0 ? undefined : `${formatCount(n, "object")} (${shown})`;
}

/** `37 (12 for IDS) · 2 objects (file)`. */
function formatAttributes(entry: Entry): string | undefined {
  const { alert, form } = entry.guarded;
  const objects = form === "full" ? formatObjects(entry, false) : undefined;
  if (alert.subject.type !== "event") {
    return undefined; // what happened to which parts is said already; the event has others
  }
  const { attributes, toIds, withdrawn } = countItems(entry);
  const told = alert.event?.attributeCount;
  const count =
    attributes > 0
      ? `${formatNumber(attributes)}${toIds > 0 ? ` (${formatNumber(toIds)} for IDS)` : ""}`
      : // Withheld and withdrawn attributes are told apart: the two numbers together would say the same twice, and differently.
        told !== undefined && told > 0 && entry.guarded.withheld + withdrawn === 0
        ? formatNumber(told)
        : undefined;
  // Objects alone are no attributes.
  return count === undefined ? undefined : [count, objects].filter((part) => part !== undefined).join(" · ");
}

/** Objects none of whose attributes are told; else they stand behind those. */
function formatBareObjects(entry: Entry): string | undefined {
  const isBare = entry.guarded.alert.subject.type === "event" && !formatAttributes(entry);
  return isBare && entry.guarded.form === "full" ? formatObjects(entry, false) : undefined;
}

/** `8 ip-dst, 2 domain`, where none of them is listed. */
function formatAllTypes(entry: Entry, style: Style): string | undefined {
  const types = countTypes(entry);
  return types.length > 0 && entry.guarded.form === "metadata" && entry.guarded.alert.subject.type === "event"
    ? formatTypes(types, MAX_TYPES, style)
    : undefined;
}

/** Which objects a message is about that brings none of their attributes: `domain-ip (resolved during campaign)`. */
function formatOwnObjects({ guarded: { alert, form } }: Entry): string | undefined {
  if (alert.subject.type === "event" || form !== "full") {
    return undefined;
  }
  const bare = alert.objects.filter(
    ({ key, deleted }) => !deleted && alert.items.every((item) => item.objectKey !== key),
  );
  const shown = bare
    .slice(0, 5)
    .map(({ name = "object", comment = "" }) => (comment === "" ? name : `${name} (${comment})`));
  return shown.length > 0 ? `${shown.join(", ")}${bare.length > 5 ? ` +${bare.length - 5}` : ""}` : undefined;
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
  const by = (names: readonly (string | undefined)[]) => [...new Set(names.flatMap((name) => name || []))];
  const sources = [...by(sightings.map(({ org }) => org?.name)), ...by(sightings.map(({ source }) => source))];
  const named =
    sources.slice(0, MAX_SOURCES).join(", ") +
    (sources.length > MAX_SOURCES ? ` +${sources.length - MAX_SOURCES}` : "");
  const at = newest.seenAt === undefined ? undefined : formatInstant(newest.seenAt, style);
  return [ofType.join(", "), named, at && many ? `last ${at}` : at].filter(Boolean).join(" · ");
}

/** A false positive is reported, and what was deleted is not seen any more. */
function sightingLabel({ guarded: { sightings, alert } }: Entry): string {
  const isSeen = sightings.every(({ type }) => type === undefined || type === "sighting");
  return alert.kind === "sighting.deleted" ? "Was reported" : isSeen ? "Sighted" : "Reported";
}

function formatTag(entry: Entry): string | undefined {
  const { tag, event } = entry.guarded.alert;
  if (event === undefined && tag?.on === undefined) {
    return undefined; // it is the title
  }
  return tag && `${readableTag(tag.name)}${tag.on === "attribute" ? " (on an attribute)" : ""}`;
}

/** Why the readers are told: the conditions that hold, in words. */
function formatBecause({ because }: Entry): string | undefined {
  return because && because.length > 0 ? because.join("; ") : undefined;
}

/** What the analyst wrote, and where there is more of it. */
function formatQuotes(entry: Entry, style: Style): readonly FactLine[] {
  return quotesOf(entry).map((item): FactLine => {
    const isLink = item.type === "link";
    const text = clean(item.value ?? "", MAX_QUOTE * 4);
    const value = isLink ? inertValue("link", text, style) : prose(text, style, MAX_QUOTE);
    return { id: "quote", label: clean(isLink ? "Reference" : "Comment"), value };
  });
}

/** What is known of an entry, in one order for all channels: about whom and what, why it is told, what the analyst says, the rest. */
export function formatFacts(entry: Entry, style: Style): readonly FactLine[] {
  const { alert, form } = entry.guarded;
  const full = form === "full";
  const name = nameLine(entry);
  const lines = full ? alert.lines.filter((line) => line !== name && !isInTitle(entry, line)) : [];
  const facts: readonly (readonly [id: FactId, label: string, value: string | undefined])[] = [
    ["sightings", sightingLabel(entry), full ? formatSightings(entry, style) : undefined],
    ["tag", "Tag", formatTag(entry)],
    ["withdrawn", "Withdrawn", full ? formatObjects(entry, true) : undefined],
    ...lines.slice(0, MAX_LINES).map(({ label, text }) => ["line", sentence(label), text] as const),
    ["more", "More", lines.length > MAX_LINES ? formatCount(lines.length - MAX_LINES, "line") : undefined],
    ["attributes", "Object", formatOwnObjects(entry)],
    ["attributes", "Attributes", formatAttributes(entry)],
    ["attributes", "Holds", formatBareObjects(entry)],
    ["types", "Types", formatAllTypes(entry, style)],
  ];
  const maxLength = alert.subject.type === "herald" ? MAX_REMEDY : MAX_VALUE;
  const because = prose(formatBecause(entry) ?? "", style);
  return [
    ...formatContext(entry, style),
    ...(because === "" ? [] : [{ id: "because", label: clean("Because"), value: because } as const]),
    ...(full ? formatQuotes(entry, style) : []),
    ...facts.flatMap(([id, label, value]) =>
      value ? [{ id, label: prose(label, style, 40), value: prose(value, style, maxLength) }] : [],
    ),
  ].filter(({ value }) => value !== "");
}
