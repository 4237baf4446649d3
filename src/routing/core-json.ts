import type { Alert, Item } from "../model/alert.ts";
import type { CorePlace, PathDocument } from "../model/document.ts";
import type { Cluster, EventView, MispObject, Organisation, Reach, SharingGroup } from "../model/misp.ts";
import { ANALYSES, DISTRIBUTIONS, SIGHTING_TYPES, THREAT_LEVELS } from "../model/vocabulary.ts";
import { UNKNOWN, UNKNOWN_TEXT } from "./path-evaluate.ts";

type Told = Pick<Alert, "items" | "objects"> & {
  readonly sighting?: Alert["sighting"] | undefined;
  readonly skipped?: number | undefined;
};
type Row = Readonly<Record<string, unknown>>;

/** All members that the document may have: a path that asks for another one is never true. */
export const CORE_NAMES: ReadonlySet<string> = new Set([
  ...["Event", "id", "uuid", "info", "date", "timestamp", "published", "threat_level_id", "analysis", "distribution"],
  ...["sharing_group_id", "SharingGroup", "attribute_count", "extends_uuid", "Org", "Orgc", "name", "Tag", "local"],
  ...[
    "exportable",
    "Galaxy",
    "GalaxyCluster",
    "type",
    "value",
    "Attribute",
    "category",
    "to_ids",
    "comment",
    "deleted",
  ],
  ...["object_relation", "Object", "meta-category", "Sighting", "source", "date_sighting", "Organisation"],
]);

/** What is asked of the event where a path names one of its members. */
const PLACES: Readonly<Record<string, CorePlace>> = {
  id: { fact: "event_id" },
  uuid: { fact: "event_uuid" },
  info: { fact: "info" },
  date: { measure: "date" },
  timestamp: { measure: "changed_at" },
  published: { fact: "published" },
  threat_level_id: { fact: "threat_level" },
  analysis: { fact: "analysis" },
  distribution: { fact: "distribution" },
  sharing_group_id: { fact: "sharing_group" },
  SharingGroup: { fact: "sharing_group" },
  attribute_count: { measure: "attribute_count" },
  Org: { fact: "owner_org" },
  Orgc: { fact: "event_org" },
  Tag: { fact: "event_tag" },
  Galaxy: { fact: "galaxy" },
};

/** What of the event a path is about that names these members, wherever they stand. */
export function placesNamed(names: readonly string[]): readonly CorePlace[] {
  return names.flatMap((name) => PLACES[name] ?? []);
}

/**
 * An event as MISP's core JSON has it, made of what the message and memory tell, or of what readers may see: numbers and times
 * are texts, as they are there. What is not known of it is unknown; members of sharing groups, related events, and whoever made
 * it by name of an account are never in it.
 */
export function coreJsonOf(
  { items, objects, sighting, skipped }: Told,
  event: EventView,
  clusters: readonly Cluster[] | undefined,
): PathDocument<CorePlace> {
  const placed = new Map<unknown, CorePlace>();
  const goesOn = skipped === undefined ? [] : [UNKNOWN];
  let size = 50;
  const inObjects = new Map<string, Row[]>();
  const alone: Row[] = [];
  const byKey = new Map(objects.map((object) => [object.key, object]));
  for (const [place, item] of items.entries()) {
    const row = attributeOf(item, byKey.get(item.objectKey ?? ""), sighting);
    placed.set(row, { attributes: [place] });
    size += 15 + 3 * item.tags.length + textSize(item.value) + textSize(item.comment);
    if (item.objectKey === undefined) {
      alone.push(row);
    } else {
      const rows = inObjects.get(item.objectKey);
      if (rows) {
        rows.push(row);
      } else {
        inObjects.set(item.objectKey, [row]);
      }
    }
  }
  const whole = objects.map((object) => {
    const row = objectOf(object, [...(inObjects.get(object.key) ?? []), ...goesOn]);
    placed.set(row, { objects: object.name === undefined ? [] : [object.name] });
    inObjects.delete(object.key);
    size += 12 + textSize(object.comment);
    return row;
  });
  // The frame tells of the attribute, and not of its object.
  const orphans = [...inObjects.values()].map((rows) => ({ ...unknownObject(), Attribute: rows }));
  size += 3 * (event.tags?.length ?? 0) + 5 * (clusters?.length ?? 0) + textSize(event.info);
  const Event = {
    ...headOf(event, clusters),
    Attribute: [...alone, ...goesOn],
    Object: [...whole, ...orphans, ...goesOn],
  };
  return {
    root: { Event },
    size,
    placeOf: (parent, key) => {
      if (parent === Event) {
        return Object.hasOwn(PLACES, key) ? PLACES[key] : undefined;
      }
      return Array.isArray(parent) ? placed.get(parent[Number(key)]) : undefined;
    },
  };
}

const TEXT_PER_NODE = 8;

function textSize(text: string | undefined): number {
  return (text?.length ?? 0) / TEXT_PER_NODE;
}

function headOf(event: EventView, clusters: readonly Cluster[] | undefined): Row {
  const { tags } = event;
  return {
    id: known(event.id),
    uuid: known(event.uuid),
    info: known(event.info),
    date: known(event.date),
    timestamp: secondsOf(event.changedAt),
    published: known(event.published),
    threat_level_id: numberOf(THREAT_LEVELS, event.threatLevel, 1),
    analysis: numberOf(ANALYSES, event.analysis),
    ...reachOf(event),
    attribute_count: known(event.attributeCount?.toString()),
    extends_uuid: known(event.extendsUuid),
    Org: organisationOf(event.owner),
    Orgc: organisationOf(event.org),
    Tag:
      tags?.map(({ name, local, exportable }) => ({ name, local: known(local), exportable: known(exportable) })) ??
      UNKNOWN,
    Galaxy: clusters ? galaxiesOf(clusters) : UNKNOWN,
  };
}

function attributeOf(item: Item, object: MispObject | undefined, sighting: Told["sighting"]): Row {
  const own = item.objectKey !== undefined && object?.distribution !== "inherit" ? item.reach[1] : item.reach[0];
  return {
    id: known(item.id),
    uuid: known(item.uuid),
    type: known(item.type),
    category: known(item.category),
    to_ids: known(item.toIds),
    value: known(item.value),
    comment: known(item.comment),
    timestamp: secondsOf(item.changedAt),
    ...reachOf(own ?? { distribution: "inherit" }),
    deleted: item.withdrawn === "deleted",
    ...(item.objectKey !== undefined && { object_relation: known(item.relation) }),
    Tag: [...item.tags.map((name) => ({ name })), ...(item.tagsKnown ? [] : [UNKNOWN])],
    ...(sighting && { Sighting: [sightingOf(sighting)] }),
  };
}

function objectOf(object: Alert["objects"][number], rows: readonly unknown[]): Row {
  return {
    uuid: known(object.uuid),
    name: known(object.name),
    "meta-category": known(object.metaCategory),
    comment: known(object.comment),
    timestamp: secondsOf(object.changedAt),
    ...reachOf(object),
    deleted: object.deleted ?? false,
    Attribute: rows,
  };
}

function unknownObject(): Row {
  const names = ["uuid", "name", "meta-category", "comment", "timestamp", "distribution", "deleted"];
  return Object.fromEntries(names.map((name) => [name, UNKNOWN_TEXT]));
}

function sightingOf({ type, source, seenAt, org }: NonNullable<Told["sighting"]>): Row {
  return {
    type: numberOf(SIGHTING_TYPES, type),
    source: known(source),
    date_sighting: secondsOf(seenAt),
    Organisation: organisationOf(org),
  };
}

function reachOf({ distribution, sharingGroup }: Reach): Row {
  return {
    distribution: numberOf(DISTRIBUTIONS, distribution),
    ...(distribution === undefined && { sharing_group_id: UNKNOWN_TEXT, SharingGroup: UNKNOWN }),
    ...(distribution === "sharing_group" && {
      sharing_group_id: known(sharingGroup?.id),
      SharingGroup: sharingGroup ? groupOf(sharingGroup) : UNKNOWN,
    }),
  };
}

function groupOf({ id, uuid, name }: SharingGroup): Row {
  return { id: known(id), uuid: known(uuid), name: known(name) };
}

function organisationOf(organisation: Organisation | undefined): unknown {
  if (!organisation) {
    return UNKNOWN;
  }
  const { id, name, uuid } = organisation;
  return { id: known(id), name: known(name), uuid: known(uuid) };
}

/** Clusters as they hang in their galaxies. */
function galaxiesOf(clusters: readonly Cluster[]): readonly Row[] {
  const byGalaxy = new Map<string, Row[]>();
  for (const { galaxy, value } of clusters) {
    const rows = byGalaxy.get(galaxy) ?? [];
    rows.push({ type: galaxy, value });
    byGalaxy.set(galaxy, rows);
  }
  return [...byGalaxy].map(([type, GalaxyCluster]) => ({ type, GalaxyCluster }));
}

function known(text: string | boolean | undefined): unknown {
  return text ?? UNKNOWN_TEXT;
}

/** MISP writes words as numbers, in their order. */
function numberOf<T>(words: readonly T[], word: T | undefined, first = 0): unknown {
  return word === undefined ? UNKNOWN_TEXT : String(words.indexOf(word) + first);
}

function secondsOf(at: number | undefined): unknown {
  return at === undefined ? UNKNOWN_TEXT : String(Math.floor(at / 1000));
}
