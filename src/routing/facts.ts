import { markingOf, strictest } from "../guard/marking.ts";
import type { Alert, Item, Marking } from "../model/alert.ts";
import type { AttributeFacts, Fact, Facts, Matchable } from "../model/message.ts";
import type { Cluster, EventView, Tag } from "../model/misp.ts";
import type { GuardedAlert } from "../model/payload.ts";
import { FACTS } from "../model/vocabulary.ts";
import { measuresOf, NOTHING_MEASURED } from "./measures.ts";

const GALAXY_TAG = /^misp-galaxy:([^=]+)="(.+)"$/i;

/** Everything that rules may ask about an alert, at the instant `at`. */
export function matchableOf(alert: Alert, at: number): Matchable {
  return build(alert, labelOf(alert, alert.marking), at);
}

/**
 * Everything that rules may still ask about an alert as it is stored: what was trimmed from it is unknown.
 */
export function matchableOfStored(alert: Alert, at: number): Matchable {
  const whole = matchableOf(alert, at);
  if (alert.counts.reduce((sum, { n }) => sum + n, 0) <= alert.items.length) {
    return whole;
  }
  const { tag, object } = whole.facts;
  return {
    ...{ at, measures: whole.measures, attributes: whole.attributes, attributesComplete: false },
    facts: {
      ...whole.facts,
      ...(tag && { tag: { ...tag, complete: false } }),
      ...(object && { object: { ...object, complete: false } }),
    },
  };
}

/**
 * What rules may still ask once the guard has taken away what a destination may not see. A part that is withheld counts as
 * absent: whether it has what a rule forbids was asked of the whole. A fact that is withheld is unknown.
 */
export function matchableOfGuarded(guarded: GuardedAlert, at: number): Matchable {
  const { alert, form } = guarded;
  if (form === "pointer") {
    const { kind, instance, event } = alert;
    return {
      at,
      measures: {},
      facts: {
        kind: fact(kind),
        instance: fact(instance),
        ...optional({ event_id: event?.id, event_uuid: event?.uuid }),
      },
      attributes: [],
      attributesComplete: false,
    };
  }
  const tags = alert.event?.tags;
  const marking = markingOf(
    (tags ?? []).map(({ name }) => name),
    tags !== undefined,
  );
  return build(alert, form === "full" ? labelOf(alert, marking) : shownLabelOf(guarded, marking), at);
}

type Visible = GuardedAlert["alert"];

/** An event is asked for its own label, whatever its parts have; a part for the strictest of both. */
function labelOf({ subject, items }: Visible, event: Marking): Marking {
  return subject.type === "event" ? event : strictest(event, ...items.map(({ marking }) => marking));
}

/** The parts are gone, and the label that is shown is what is left of theirs. */
function shownLabelOf({ alert, tlp, pap }: GuardedAlert, event: Marking): Marking {
  if (alert.subject.type === "event") {
    return event;
  }
  return { ...event, tlp: tlp === "untagged" ? "none" : tlp, pap: pap === "untagged" ? "none" : pap };
}

function build(alert: Visible, { tlp, pap }: Marking, at: number): Matchable {
  const { event, items, objects } = alert;
  const ours = {
    kind: fact(alert.kind),
    instance: fact(alert.instance),
    change: alert.change ? fact(alert.change) : NONE,
    late: fact(String(alert.late ?? false)),
  };
  if (!event) {
    // It is about no event: what events have, it is known not to have.
    const facts = Object.fromEntries(EVENT_FACTS.map((name) => [name, NONE])) as Facts;
    return {
      ...{ at, measures: NOTHING_MEASURED },
      facts: { ...facts, ...ours, ...tagOf(alert.tag) },
      ...{ attributes: [], attributesComplete: true },
    };
  }
  const eventTags = event.tags?.map(({ name }) => name);
  const partTags = items.flatMap((item) => item.tags);
  const tagsComplete = eventTags !== undefined && items.every((item) => item.tagsKnown);
  const facts: Facts = {
    ...ours,
    ...eventFacts(event, eventTags),
    tag: {
      values: [...new Set([...(eventTags ?? []), ...partTags, ...(alert.tag ? [alert.tag.name] : [])])],
      complete: tagsComplete,
    },
    object: { values: [...new Set(objects.flatMap(({ name }) => name ?? []))], complete: true },
    sighting_type: alert.sighting ? optionalFact(alert.sighting.type) : NONE,
    sighting_source: alert.sighting ? optionalFact(alert.sighting.source) : NONE,
    tlp: tlp === "unknown" ? undefined : fact(tlp),
    pap: pap === "unknown" ? undefined : fact(pap),
  } as Facts;
  const names = new Map(objects.map(({ key, name }) => [key, name]));
  let attributes: readonly AttributeFacts[] | undefined;
  return {
    at,
    measures: measuresOf(alert, event),
    facts: defined(facts),
    // There may be a hundred thousand, and most rules ask nothing of them.
    get attributes() {
      attributes ??= items.map((item) => attributeFacts(item, names));
      return attributes;
    },
    attributesComplete: alert.skipped === undefined,
  };
}

function eventFacts(event: EventView, tags: readonly string[] | undefined): Facts {
  const clusters = clustersOf(event.clusters, event.tags);
  const group = event.sharingGroup;
  return optional({
    origin: event.origin,
    org: event.org?.name,
    event_org: event.org?.name,
    org_uuid: event.org?.uuid,
    owner_org: event.owner?.name,
    threat_level: event.threatLevel,
    analysis: event.analysis,
    distribution: event.distribution,
    sharing_group: group
      ? [group.name, group.uuid, group.id].filter((name) => name !== undefined)
      : event.distribution !== undefined
        ? []
        : undefined,
    info: event.info,
    event_id: event.id,
    event_uuid: event.uuid,
    event_tag: tags,
    galaxy: clusters && [...new Set(clusters.map(({ galaxy }) => galaxy))],
    cluster: clusters && [...new Set(clusters.map(({ value }) => value))],
  });
}

/** Clusters by their own list and by their tags, which are what frames other than a publication have. */
export function clustersOf(
  clusters: readonly Cluster[] | undefined,
  tags: readonly Tag[] | undefined,
): readonly Cluster[] | undefined {
  if (!clusters && !tags) {
    return undefined;
  }
  const tagged = (tags ?? []).flatMap(({ name }) => {
    const [, galaxy, value] = GALAXY_TAG.exec(name) ?? [];
    return galaxy !== undefined && value !== undefined ? [{ galaxy, value }] : [];
  });
  const all = [...(clusters ?? []), ...tagged];
  return [...new Map(all.map((cluster) => [`${cluster.galaxy}\n${cluster.value}`.toLowerCase(), cluster])).values()];
}

function attributeFacts(item: Item, objects: ReadonlyMap<string, string | undefined>): AttributeFacts {
  const object = item.objectKey === undefined ? [] : objects.get(item.objectKey);
  return defined({
    type: optionalFact(item.type),
    category: optionalFact(item.category),
    to_ids: optionalFact(item.toIds === undefined ? undefined : String(item.toIds)),
    value: item.value === undefined ? undefined : { values: halves(item.type, item.value), complete: true },
    tag: { values: item.tags, complete: item.tagsKnown },
    comment: optionalFact(item.comment),
    object: object === undefined ? undefined : { values: [object].flat(), complete: true },
    relation: item.objectKey === undefined ? NONE : optionalFact(item.relation),
  });
}

/** A composite, and its two halves; only types with `|` (and malware samples) are split, plain values may hold a `|`. */
function halves(type: string | undefined, value: string): readonly string[] {
  const at = value.indexOf("|");
  if (at < 0 || (!type?.includes("|") && type !== "malware-sample")) {
    return [value];
  }
  return [value, value.slice(0, at), value.slice(at + 1)];
}

function tagOf(tag: Visible["tag"]): Facts {
  return tag ? { tag: fact(tag.name) } : {};
}

const NONE: Fact = { values: [], complete: true };
/** What an event has, and what is about no event is known not to have. */
const EVENT_FACTS = FACTS.filter((name) => !["kind", "instance", "change", "late"].includes(name));

function fact(value: string): Fact {
  return { values: [value], complete: true };
}

function optionalFact(value: string | undefined): Fact | undefined {
  return value === undefined ? undefined : fact(value);
}

function optional(values: { readonly [K in keyof Facts]?: string | readonly string[] | undefined }): Facts {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === "string" ? fact(value) : { values: value, complete: true }]],
    ),
  );
}

function defined<T extends object>(facts: { readonly [K in keyof T]: T[K] | undefined }): T {
  const known: Partial<T> = {};
  for (const name in facts) {
    const value = facts[name];
    if (value !== undefined) {
      known[name] = value;
    }
  }
  return known as T;
}
