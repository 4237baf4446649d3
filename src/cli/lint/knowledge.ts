import { FACTS, type FactName, isAboutAttribute, type Kind, type MeasureName } from "../../model/vocabulary.ts";
import type { AttributeMatch, Match } from "../../routing/schema.ts";

/**
 * Whether a kind's messages tell something: each of them (`always`), or only once the feed has told of the event before
 * (`sometimes`); only MISP can tell it (`never`); or they have no such thing, which is known (`absent`).
 */
export type Knowledge = "always" | "sometimes" | "never" | "absent";

/** What a condition asks about. */
export type AskedFact = FactName | MeasureName | "tally" | "sightings" | `attribute.${keyof AttributeMatch & string}`;

const OF_ATTRIBUTE = [
  "type",
  "category",
  "to_ids",
  "value",
  "tag",
  "comment",
  "object",
  "relation",
  "max_age",
] as const;
const ATTRIBUTE: readonly AskedFact[] = OF_ATTRIBUTE.map((name) => `attribute.${name}` as const);
const ALL: readonly AskedFact[] = [...FACTS, "changed_at", "date", "attribute_count", "tally", ...ATTRIBUTE];

const OWN: readonly AskedFact[] = ["kind", "instance", "late"];
const ROW: readonly AskedFact[] = [
  ...(["event_id", "event_uuid", "info", "date", "threat_level", "analysis", "distribution", "sharing_group"] as const),
  "published",
];
const CREATOR: readonly AskedFact[] = ["org", "org_uuid", "event_org"];
const LISTED: readonly AskedFact[] = ["tag", "event_tag", "tlp", "pap", "galaxy", "cluster"];
const PARTS: readonly AskedFact[] = [...ATTRIBUTE, "watch"];
const SIGHTING: readonly AskedFact[] = ["sighting_type", "sighting_source"];

type Row = { readonly [K in Exclude<Knowledge, "sometimes">]?: readonly AskedFact[] };

/** A row for an event of which it says nothing itself. */
const BARE: Row = { always: ["event_id"], never: ["tally"], absent: ["change", "object", ...PARTS, ...SIGHTING] };
const ATTRIBUTE_TOLD: Row = {
  always: [...ROW, ...CREATOR, "owner_org", "object", ...PARTS.filter((name) => name !== "attribute.tag")],
  never: ["tally"],
  absent: ["change", ...SIGHTING],
};
const EDITED: Row = {
  always: [...ROW, ...CREATOR, "owner_org", ...LISTED, "changed_at", "attribute_count"],
  never: ["tally"],
  absent: ["change", "object", ...PARTS, ...SIGHTING],
};
const DELETED: Row = {
  always: [...ROW, "changed_at", "attribute_count"],
  never: ["tally"],
  absent: ["change", "object", ...PARTS, ...SIGHTING],
};
const OBJECT: Row = { ...BARE, always: ["event_id", "object"], absent: ["change", ...PARTS, ...SIGHTING] };
const SIGHTED: Row = {
  always: [
    ...(["event_id", "event_uuid", "event_org", "owner_org", "info", "object", "watch", ...SIGHTING] as const),
    ...(["type", "category", "to_ids", "value", "object", "relation"] as const).map(
      (name) => `attribute.${name}` as const,
    ),
  ],
  never: ["org", "org_uuid", "tlp", "pap", "tally", "attribute.comment", "attribute.max_age"],
  absent: ["change"],
};
const TAGGED: Row = {
  always: ["event_id", "object", "attribute.object", "attribute.relation"],
  never: [
    "tally",
    ...PARTS.filter((name) => !["attribute.tag", "attribute.object", "attribute.relation"].includes(name)),
  ],
  absent: ["change", ...SIGHTING],
};

const ROWS: Readonly<Partial<Record<Kind, Row>>> = {
  "event.published": { always: ALL.filter((name) => !SIGHTING.includes(name)), absent: SIGHTING },
  "event.created": {
    always: [...ROW, ...CREATOR, "changed_at"],
    never: ["tally"],
    absent: ["change", "object", ...PARTS, ...SIGHTING],
  },
  "event.edited": EDITED,
  "event.unpublished": EDITED,
  "event.deleted": DELETED,
  "event.withdrawn": DELETED,
  "attribute.added": ATTRIBUTE_TOLD,
  "attribute.edited": ATTRIBUTE_TOLD,
  "attribute.deleted": {
    ...ATTRIBUTE_TOLD,
    always: ["event_id", "object", ...PARTS.filter((name) => name !== "attribute.tag")],
  },
  ...Object.fromEntries(["object.added", "object.edited", "object.deleted"].map((kind) => [kind, OBJECT])),
  ...Object.fromEntries(["reference.added", "reference.edited", "reference.deleted"].map((kind) => [kind, BARE])),
  "sighting.added": SIGHTED,
  "sighting.deleted": SIGHTED,
  "tag.attached": TAGGED,
  "tag.detached": TAGGED,
  "discussion.posted": BARE,
  "audit.logged": { ...BARE, always: [] },
};

/** About no event: what events have it is known not to have. */
const OF_NO_EVENT: Row = { absent: ALL.filter((name) => !OWN.includes(name)) };
const OF_A_TAG: Row = { always: ["tag"], absent: ALL.filter((name) => !OWN.includes(name) && name !== "tag") };

function rowOf(kind: Kind): Row {
  return ROWS[kind] ?? (kind.startsWith("tag.") ? OF_A_TAG : OF_NO_EVENT);
}

/** How far messages of a kind tell what a condition asks about. */
export function knowledgeOf(kind: Kind, asked: AskedFact): Knowledge {
  if (asked === "sightings") {
    return isAboutAttribute(kind) ? "always" : "absent";
  }
  const row = rowOf(kind);
  if (OWN.includes(asked) || row.always?.includes(asked)) {
    return "always";
  }
  return row.never?.includes(asked) ? "never" : row.absent?.includes(asked) ? "absent" : "sometimes";
}

/** What a map of conditions asks about, without what is nested in it. */
export function askedBy(map: Match): readonly AskedFact[] {
  const { min_threat_level, max_age, max_event_age, date, attributes, sightings, attribute = [] } = map;
  const facts: readonly AskedFact[] = FACTS.filter((name) => map[name] !== undefined);
  const [only, ...others] = attribute;
  return [
    ...facts,
    ...(min_threat_level === undefined ? [] : (["threat_level"] as const)),
    ...(max_age === undefined ? [] : (["changed_at"] as const)),
    ...(max_event_age === undefined && date === undefined ? [] : (["date"] as const)),
    ...(attributes === undefined
      ? []
      : ([attributes.type === undefined && attributes.to_ids === undefined ? "attribute_count" : "tally"] as const)),
    ...(sightings === undefined ? [] : (["sightings"] as const)),
    // Of several blocks any one is enough.
    ...(only && others.length === 0
      ? OF_ATTRIBUTE.filter((name) => only[name] !== undefined).map((name) => `attribute.${name}` as const)
      : []),
  ];
}
