import type { Analysis, Distribution, Origin, SightingType, ThreatLevel } from "./vocabulary.ts";

// MISP's own nouns, as a frame or the REST API tells them, free of the wire's quirks. All text in here is hostile.

export interface Tag {
  readonly name: string;
  readonly local?: boolean;
  readonly exportable?: boolean;
}

export interface Organisation {
  readonly id?: string;
  readonly name?: string;
  readonly uuid?: string;
}

export interface SharingGroup {
  readonly id?: string;
  readonly uuid?: string;
  readonly name?: string;
  /** The member organisations, its owner among them; used while planning, never stored. */
  readonly members?: readonly Organisation[];
}

/** How far one level of the data (event, object or attribute) may travel; absent fields are unknown. */
export interface Reach {
  readonly distribution?: Distribution;
  readonly sharingGroup?: SharingGroup;
}

/** A galaxy cluster: galaxy `threat-actor`, value `APT28`. */
export interface Cluster {
  readonly galaxy: string;
  readonly value: string;
}

/** What is said about an event. A field that is absent is unknown; an empty list is known to be empty. */
export interface EventView extends Reach {
  readonly id?: string;
  readonly uuid?: string;
  readonly info?: string;
  /** Chosen by the author, YYYY-MM-DD. */
  readonly date?: string;
  /** Last change of content, by MISP's clock. */
  readonly changedAt?: number;
  readonly published?: boolean;
  /** It has been published at some time (`publish_timestamp` is set), whatever it is now. */
  readonly wasPublished?: true;
  readonly threatLevel?: ThreatLevel;
  readonly analysis?: Analysis;
  /** Creator (MISP's Orgc). */
  readonly org?: Organisation;
  /** Owner on this instance (MISP's Org). */
  readonly owner?: Organisation;
  readonly origin?: Origin;
  /** Tags and clusters; known only where the sender tells all of them (`misp_json`, `misp_json_event` edit). */
  readonly tags?: readonly Tag[];
  readonly clusters?: readonly Cluster[];
  readonly attributeCount?: number;
  readonly extendsUuid?: string;
}

/** An attribute. A field that is absent is unknown. */
export interface Attribute extends Reach {
  readonly id?: string;
  readonly uuid?: string;
  readonly type?: string;
  readonly category?: string;
  /** As MISP has it; composites joined by `|`. */
  readonly value?: string;
  readonly toIds?: boolean;
  readonly comment?: string;
  readonly changedAt?: number;
  /** When what it says was observed first and last, as its author has it. */
  readonly firstSeen?: number;
  readonly lastSeen?: number;
  readonly tags?: readonly Tag[];
  /** The object that it belongs to, by key into the message's `objects`; absent: none. */
  readonly objectKey?: string;
  readonly relation?: string;
  /** MISP has taken it back. */
  readonly deleted?: true;
}

export interface MispObject extends Reach {
  /** UUID, or MISP's id where there is none. */
  readonly key: string;
  readonly uuid?: string;
  readonly name?: string;
  readonly metaCategory?: string;
  readonly comment?: string;
  readonly changedAt?: number;
  /** MISP has taken it back. */
  readonly deleted?: true;
}

export interface Sighting {
  readonly type?: SightingType;
  readonly source?: string;
  readonly seenAt?: number;
  /** Who reported it. */
  readonly org?: Organisation;
}

/** A discussion, on an event or on none. */
export interface Thread extends Reach {
  readonly id?: string;
  readonly owner?: Organisation;
}
