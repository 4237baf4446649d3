import type { Item } from "../../model/alert.ts";
import type { Organisation } from "../../model/misp.ts";
import type { Entry } from "../../model/payload.ts";
import { TLP, type Tlp } from "../../model/vocabulary.ts";
import { idOf } from "./ids.ts";
import { markingId } from "./markings.ts";
import { type Detection, patternOf } from "./patterns.ts";
import { patternAmong } from "./siblings.ts";
import { confidenceOf, killChainOf, labelsOf } from "./tags.ts";

/** An object of STIX, and which label it refers to. */
export interface StixObject {
  readonly id: string;
  readonly modified: string;
  readonly tlp: Tlp | "untagged";
  readonly fields: Readonly<Record<string, unknown>>;
}

const MAX_NAME = 200;
const MAX_TEXT = 4000;

/** An instant as STIX writes it; undefined for what it cannot. */
function instant(at: number | undefined): string | undefined {
  // STIX has no years before 0 or after 9999.
  return at !== undefined && at >= -62_135_596_800_000 && at <= 253_402_300_799_999
    ? new Date(at).toISOString()
    : undefined;
}

/** What has created an event, as an identity; undefined: that is not known, or may not be told. */
export function identityOf({ guarded: { alert } }: Entry): StixObject | undefined {
  const org = alert.event?.org;
  const id = creatorOf(org);
  if (org === undefined || id === undefined) {
    return undefined;
  }
  const fields = {
    type: "identity",
    spec_version: "2.1",
    id,
    created: EPOCH,
    modified: EPOCH,
    name: text(org.name, MAX_NAME) ?? org.uuid,
    identity_class: "organization",
  };
  return { id, modified: EPOCH, tlp: "untagged", fields };
}

/** MISP does not tell when an organisation came about: every version of an identity says the same. */
const EPOCH = "1970-01-01T00:00:00.000Z";

function creatorOf(org: Organisation | undefined): string | undefined {
  return org?.uuid === undefined && org?.name === undefined ? undefined : idOf("identity", org.uuid, `org ${org.name}`);
}

function text(value: string | undefined, max: number): string | undefined {
  const whole = value?.toWellFormed().trim();
  return whole === undefined || whole === "" ? undefined : whole.slice(0, max).toWellFormed();
}

/** What an item stands among: its entry, and the other attributes of its object. */
export interface StixContext {
  readonly entry: Entry;
  readonly siblings: readonly Item[];
}

/**
 * What STIX has to say of one attribute: an indicator where it is for detection, one that is revoked where it was; and when
 * its creator saw it. Nothing of others.
 */
export function objectsOf(item: Item, { entry, siblings }: StixContext): readonly StixObject[] {
  const isRevoked = item.withdrawn !== undefined || entry.withdrawn !== undefined;
  // What is not for detection any more was.
  const isIndicator = isRevoked ? item.toIds === true || item.withdrawn === "not-for-detection" : item.toIds === true;
  const found = patternAmong(item, siblings);
  const isUnnamed = item.type === undefined || item.value === undefined;
  const pattern = found ?? (isRevoked && isUnnamed && item.uuid !== undefined ? withheld(item.uuid) : undefined);
  if (!isIndicator || !pattern) {
    return [];
  }
  const { alert } = entry.guarded;
  const event = alert.event;
  const id = idOf("indicator", item.uuid, `attribute ${alert.instance} ${item.id}`);
  const { created, modified } = timesOf(item, entry, isRevoked);
  const tlp = labelOf(item, entry);
  const tags = [...(event?.tags ?? []).map(({ name }) => name), ...item.tags];
  const creator = creatorOf(event?.org);
  const common = {
    ...(creator && { created_by_ref: creator }),
    ...(tlp !== "untagged" && { object_marking_refs: [markingId(tlp)] }),
  };
  const indicator = {
    type: "indicator",
    spec_version: "2.1",
    id,
    created,
    modified,
    ...(isRevoked && { revoked: true }),
    name: nameOf(item, pattern),
    ...wordsOf(item, entry),
    indicator_types: ["malicious-activity"],
    pattern: pattern.pattern,
    pattern_type: pattern.language,
    ...(pattern.language === "stix" && { pattern_version: "2.1" }),
    valid_from: instant(item.firstSeen) ?? instant(item.changedAt ?? event?.changedAt) ?? modified,
    ...known("kill_chain_phases", killChainOf(tags)),
    ...known("labels", [...mispLabels(item), ...labelsOf(tags)]),
    ...confidence(tags),
    ...common,
  };
  const seen = isRevoked ? undefined : sightingOf(item, { id, created, modified, common });
  return [{ id, modified, tlp, fields: indicator }, ...(seen ? [{ ...seen, tlp }] : [])];
}

/** Readers know it by its identifier; the pattern that it had is not theirs to know any more, or is not known. */
function withheld(uuid: string): Detection {
  return (
    patternOf({ type: "stix2-pattern", value: `[x-misp-attribute:uuid = '${uuid}']` }) ?? {
      pattern: "",
      language: "stix",
    }
  );
}

/**
 * A version is as new as the newest of attribute and event, by MISP's clock, which counts seconds: within one, what is taken
 * back comes after what was told, and what is told again after that.
 */
function timesOf(item: Item, { guarded: { alert }, withdrawn }: Entry, isRevoked: boolean) {
  const times = [item.changedAt, alert.event?.changedAt].filter((at) => instant(at) !== undefined) as number[];
  const base = times.length > 0 ? Math.max(...times) : alert.receivedAt;
  const took = 2 * Math.min(alert.withdrawals ?? 0, 400);
  const isOfEvent = withdrawn === "deleted" || withdrawn === "unpublished";
  const at = base + took + (isRevoked ? (isOfEvent && took > 0 ? -1 : 1) : 0);
  const modified = instant(at) ?? EPOCH;
  // The day that the author chose is the same in all versions.
  const day = instant(Date.parse(`${alert.event?.date}T00:00:00.000Z`));
  return { modified, created: day !== undefined && day < modified ? day : modified };
}

function labelOf({ marking }: Item, { guarded, eventMarking }: Entry): Tlp | "untagged" {
  const { tlp, floor } = eventMarking ?? {
    tlp: guarded.tlp,
    floor: guarded.tlp === "untagged" ? undefined : guarded.tlp,
  };
  const own = marking.tlp;
  if (own === "none" || own === "unknown") {
    return tlp;
  }
  return floor !== undefined && TLP.indexOf(floor) > TLP.indexOf(own) ? floor : own;
}

function nameOf({ type, value, relation }: Item, { language }: Detection): string {
  const what = language === "stix" && type !== "stix2-pattern" ? text(value, MAX_NAME) : undefined;
  return what ?? text(relation ?? type, MAX_NAME) ?? "withheld";
}

/** What the analyst wrote, and where it stands in MISP. */
function wordsOf({ comment }: Item, { guarded: { alert }, link }: Entry) {
  const { uuid, info } = alert.event ?? {};
  const description = text(comment, MAX_TEXT);
  const title = text(info, MAX_TEXT);
  const reference = {
    source_name: `misp ${alert.instance}`,
    ...(title !== undefined && { description: title }),
    ...(link && { url: link.href }),
    ...(uuid !== undefined && { external_id: uuid }),
  };
  const says = title !== undefined || link !== undefined || uuid !== undefined;
  return { ...(description !== undefined && { description }), ...(says && { external_references: [reference] }) };
}

function mispLabels({ type, category, relation }: Item): readonly string[] {
  const label = (name: string, value: string | undefined) =>
    value === undefined || value === "" ? [] : [`misp:${name}="${value.toWellFormed()}"`];
  return [...label("type", type), ...label("category", category), ...label("object-relation", relation)];
}

function known(name: string, list: readonly unknown[]) {
  return list.length > 0 ? { [name]: list } : {};
}

function confidence(tags: readonly string[]) {
  const found = confidenceOf(tags);
  return found === undefined ? {} : { confidence: found };
}

/** When MISP says that it was seen first and last. */
function sightingOf(
  { firstSeen, lastSeen, uuid }: Item,
  { id, created, modified, common }: { id: string; created: string; modified: string; common: object },
) {
  const [first, last] = [instant(firstSeen), instant(lastSeen)];
  if (last === undefined) {
    return undefined;
  }
  const own = idOf("sighting", undefined, `seen ${uuid ?? id}`);
  const isSpan = first !== undefined && first <= last;
  const fields = {
    type: "sighting",
    spec_version: "2.1",
    id: own,
    created,
    modified,
    ...(isSpan && { first_seen: first }),
    last_seen: last,
    sighting_of_ref: id,
    ...common,
  };
  return { id: own, modified, fields };
}
