import { markingOf, strictest } from "../guard/marking.ts";
import type { Alert, Item, Marking } from "../model/alert.ts";
import type { AttributeFacts, Fact, Facts, Matchable } from "../model/message.ts";
import type { Cluster, EventView, Tag } from "../model/misp.ts";
import type { GuardedAlert } from "../model/payload.ts";
import { FACTS, type FactName } from "../model/vocabulary.ts";
import { coreJsonOf } from "./core-json.ts";
import { measuresOf, NOTHING_MEASURED, sightingsOf, tallyOf } from "./measures.ts";

const GALAXY_TAG = /^misp-galaxy:([^=]+)="(.+)"$/i;

/** What of an alert rules ask about; each part is asked for only when a rule needs it. */
export type Askable = Pick<Alert, "kind" | "instance" | "subject" | "items" | "objects" | "counts"> & {
  readonly [K in "change" | "late" | "event" | "tag" | "sighting" | "sighted" | "skipped"]?: Alert[K] | undefined;
};

/** Everything that rules may ask about an alert, at the instant `at`; it is worked out when they do. */
export function matchableOf(alert: Askable & Pick<Alert, "marking">, at: number): Matchable {
  return build(alert, () => labelOf(alert, alert.marking), at);
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
    sightings: whole.sightings,
    // Of what is rare the type is not stored.
    ...(typeof whole.tally === "object" && { tally: { ...whole.tally, complete: false } }),
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
        ...(event?.id !== undefined && { event_id: fact(event.id) }),
        ...(event?.uuid !== undefined && { event_uuid: fact(event.uuid) }),
      },
      attributes: [],
      attributesComplete: false,
    };
  }
  const marking = () => {
    const tags = alert.event?.tags;
    return markingOf(
      (tags ?? []).map(({ name }) => name),
      tags !== undefined,
    );
  };
  return build(alert, () => (form === "full" ? labelOf(alert, marking()) : shownLabelOf(guarded, marking())), at);
}

/** An event is asked for its own label, whatever its parts have; a part for the strictest of both. */
function labelOf({ subject, items }: Askable, event: Marking): Marking {
  return subject.type === "event" ? event : strictest(event, ...items.map(({ marking }) => marking));
}

/** The parts are gone, and the label that is shown is what is left of theirs. */
function shownLabelOf({ alert, tlp, pap }: GuardedAlert, event: Marking): Marking {
  if (alert.subject.type === "event") {
    return event;
  }
  return { ...event, tlp: tlp === "untagged" ? "none" : tlp, pap: pap === "untagged" ? "none" : pap };
}

function build(alert: Askable, label: () => Marking, at: number): Matchable {
  const { event } = alert;
  if (!event) {
    const facts = new LazyFacts(FACTS_OF_NO_EVENT, { alert, event: {}, label }) as Facts;
    const nothing = { measures: NOTHING_MEASURED, tally: "none", sightings: "none", document: "none" } as const;
    return { at, ...nothing, facts, attributes: [], attributesComplete: true };
  }
  let attributes: readonly AttributeFacts[] | undefined;
  let document: Matchable["document"];
  return {
    at,
    measures: measuresOf(alert, event),
    sightings: sightingsOf(alert),
    get document() {
      document ??= coreJsonOf(alert, event, clustersOf(event.clusters, event.tags));
      return document;
    },
    get tally() {
      return tallyOf(alert);
    },
    facts: new LazyFacts(FACTS_OF_EVENT, { alert, event, label }) as Facts,
    // There may be a hundred thousand, and most rules ask nothing of them.
    get attributes() {
      if (!attributes) {
        const names = new Map(alert.objects.map(({ key, name }) => [key, name]));
        attributes = alert.items.map((item) => attributeFacts(item, names, at));
      }
      return attributes;
    },
    attributesComplete: alert.skipped === undefined,
  };
}

interface Asked {
  readonly alert: Askable;
  readonly event: EventView;
  readonly label: () => Marking;
}

type Maker = (asked: Asked) => Fact | undefined;

/** Facts that are made when they are asked for, once. */
class LazyFacts {
  readonly #makers: Readonly<Record<FactName, Maker>>;
  readonly #asked: Asked;
  readonly #made = new Map<FactName, Fact | undefined>();

  static {
    for (const name of FACTS) {
      Object.defineProperty(LazyFacts.prototype, name, {
        get(this: LazyFacts) {
          return this.#fact(name);
        },
      });
    }
  }

  constructor(makers: Readonly<Record<FactName, Maker>>, asked: Asked) {
    this.#makers = makers;
    this.#asked = asked;
  }

  #fact(name: FactName): Fact | undefined {
    let made = this.#made.get(name);
    if (made === undefined && !this.#made.has(name)) {
      made = this.#makers[name](this.#asked);
      this.#made.set(name, made);
    }
    return made;
  }
}

const NONE: Fact = { values: [], complete: true };

/** What a message has, whether it is about an event or not. */
const OWN_FACTS = {
  kind: ({ alert }) => fact(alert.kind),
  instance: ({ alert }) => fact(alert.instance),
  change: ({ alert }) => (alert.change ? fact(alert.change) : NONE),
  late: ({ alert }) => fact(String(alert.late ?? false)),
} satisfies Partial<Record<FactName, Maker>>;

const FACTS_OF_EVENT: Readonly<Record<FactName, Maker>> = {
  ...OWN_FACTS,
  origin: ({ event }) => optionalFact(event.origin),
  // Of a sighting it is who reported it; who made the event is `event_org`.
  org: ({ alert, event }) => optionalFact((alert.sighting ? alert.sighting.org : event.org)?.name),
  event_org: ({ event }) => optionalFact(event.org?.name),
  org_uuid: ({ alert, event }) => optionalFact((alert.sighting ? alert.sighting.org : event.org)?.uuid),
  owner_org: ({ event }) => optionalFact(event.owner?.name),
  threat_level: ({ event }) => optionalFact(event.threatLevel),
  analysis: ({ event }) => optionalFact(event.analysis),
  distribution: ({ event }) => optionalFact(event.distribution),
  sharing_group: ({ event: { sharingGroup, distribution } }) => {
    if (!sharingGroup) {
      return distribution === undefined ? undefined : NONE;
    }
    const { name, uuid, id } = sharingGroup;
    return { values: [name, uuid, id].filter((text) => text !== undefined), complete: true };
  },
  published: ({ event }) => optionalFact(event.published === undefined ? undefined : String(event.published)),
  info: ({ event }) => optionalFact(event.info),
  event_id: ({ event }) => optionalFact(event.id),
  event_uuid: ({ event }) => optionalFact(event.uuid),
  event_tag: ({ event }) => event.tags && tagFactOf(event.tags),
  galaxy: ({ event }) => distinct(clustersOf(event.clusters, event.tags)?.map(({ galaxy }) => galaxy)),
  cluster: ({ event }) => distinct(clustersOf(event.clusters, event.tags)?.map(({ value }) => value)),
  tag: ({ alert, event }) => {
    const complete = event.tags !== undefined && alert.items.every((item) => item.tagsKnown);
    const more = [...alert.items.flatMap((item) => item.tags), ...(alert.tag ? [alert.tag.name] : [])];
    const own = event.tags ? tagFactOf(event.tags) : NONE;
    if (more.length === 0) {
      return own.complete === complete ? own : { ...own, complete };
    }
    return { values: [...new Set([...own.values, ...more])], complete };
  },
  object: ({ alert }) => distinct(alert.objects.flatMap(({ name }) => name ?? [])),
  // What attributes hit is asked of the lists themselves.
  watch: () => undefined,
  sighting_type: ({ alert }) => (alert.sighting ? optionalFact(alert.sighting.type) : NONE),
  sighting_source: ({ alert }) => (alert.sighting ? optionalFact(alert.sighting.source) : NONE),
  tlp: ({ label }) => knownLabel(label().tlp),
  pap: ({ label }) => knownLabel(label().pap),
};

/** It is about no event: what events have, it is known not to have. */
const FACTS_OF_NO_EVENT: Readonly<Record<FactName, Maker>> = {
  ...(Object.fromEntries(FACTS.map((name) => [name, () => NONE])) as unknown as Record<FactName, Maker>),
  ...OWN_FACTS,
  tag: ({ alert }) => (alert.tag ? fact(alert.tag.name) : NONE),
};

/** Of tags, of which an event may have thousands, the fact is made once: memory gives the same list to every message about it. */
const tagFacts = new WeakMap<readonly Tag[], Fact>();

function tagFactOf(tags: readonly Tag[]): Fact {
  const made = tagFacts.get(tags) ?? { values: [...new Set(tags.map(({ name }) => name))], complete: true };
  tagFacts.set(tags, made);
  return made;
}

function knownLabel(label: string): Fact | undefined {
  return label === "unknown" ? undefined : fact(label);
}

function distinct(values: readonly string[] | undefined): Fact | undefined {
  return values && { values: [...new Set(values)], complete: true };
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

function attributeFacts(item: Item, objects: ReadonlyMap<string, string | undefined>, at: number): AttributeFacts {
  const object = item.objectKey === undefined ? [] : objects.get(item.objectKey);
  return defined<AttributeFacts>({
    age: item.changedAt === undefined ? undefined : at - item.changedAt,
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

function fact(value: string): Fact {
  return { values: [value], complete: true };
}

function optionalFact(value: string | undefined): Fact | undefined {
  return value === undefined ? undefined : fact(value);
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
