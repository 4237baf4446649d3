import type { CorePlace, PathDocument } from "./document.ts";
import type { Attribute, EventView, MispObject, Sighting, Tag, Thread } from "./misp.ts";
import type { AttributeFactName, FactName, Kind, MeasureName, SightingType } from "./vocabulary.ts";

export type SubjectType =
  | "event"
  | "attribute"
  | "object"
  | "reference"
  | "sighting"
  | "tag"
  | "organisation"
  | "user"
  | "discussion"
  | "audit"
  | "warninglist"
  | "workflow"
  | "herald";

/** A decoded frame: the wire's lies are corrected, and nothing behind it knows the wire. */
export interface Message {
  /** Absent: nothing that a rule may match, only something to remember. */
  readonly kind?: Kind;
  readonly instance: string;
  readonly topic: string;
  readonly receivedAt: number;
  readonly subject: { readonly type: SubjectType; readonly uuid?: string; readonly id?: string };
  /** MISP's id of the account whose doing it is, in the few frames that name one. */
  readonly actor?: string;
  /** With kind and subject what makes two messages the same one: MISP's timestamp and action where the frame has them. */
  readonly version: string;
  /** The event it is about, or part of; absent: it is about no event. */
  readonly event?: EventView;
  /** The discussion that it is part of; where it tells no reach, that is unknown. */
  readonly thread?: Thread;
  /** What it carries. For a publication these are all of the event. */
  readonly attributes: readonly Attribute[];
  readonly objects: readonly MispObject[];
  readonly sighting?: Sighting;
  /** The tag that was attached, detached or defined, and what carries it. */
  readonly tag?: Tag & { readonly on?: "event" | "attribute"; readonly attributeId?: string };
  /** What MISP says of this publication, where it was asked before anybody is told. */
  readonly confirmation?: Confirmation;
  /**
   * What was announced as published at that time, by MISP's clock, and is not told: it waits for MISP's word, or MISP says that
   * it was published and has been unpublished since.
   */
  readonly announcedAt?: number;
  /** When MISP's REST API was asked for what it says of the event itself, all of it, by our clock. */
  readonly askedAt?: number;
  /** It lists all parts of the event that MISP shows, with all that it says of them. */
  readonly whole?: true;
  /** It waits: until it is decided it replaces nothing of what is known. */
  readonly onlyTightens?: true;
  /** A publication that the feed did not tell: it was found by asking MISP. */
  readonly late?: Late;
  /**
   * It stands for one whose parts are too many for the main loop, and are kept elsewhere under this name. `markings`: what
   * MISP has said of them, by their UUID.
   */
  readonly giant?: { readonly name: string; readonly markings?: ReadonlyMap<string, readonly Tag[]> };
  /** So many parts of the frame could not be read, and are in none of the lists. */
  readonly skipped?: number;
  /** Labelled texts of kinds that have no content of their own above: audit, user, organisation, discussion … */
  readonly lines: readonly Line[];
}

/**
 * `confirmed`: the event is published. `unpublished`: it is not, such as a draft that was pushed by hand. `not-found`: it is
 * deleted, or hidden from the key. `unconfirmed`: MISP did not say so in time.
 */
export type Confirmation = "confirmed" | "unpublished" | "not-found" | "unconfirmed";

/** A publication that was found late; its event may have been edited since. */
export interface Late {
  /** Among so many that they are told together. */
  readonly together: boolean;
  /** By our clock. */
  readonly publishedAt: number;
  /** The event's `changedAt` when it was published; where it is forgotten, the time of the publication by MISP's clock. */
  readonly changedAt: number;
  /** The event is told as somebody has edited it since, which is not published: only its markings and reach count. */
  readonly edited?: true;
}

/** Label from our own vocabulary, text from MISP. */
export interface Line {
  readonly label: string;
  readonly text: string;
}

/** Values that are known; `complete`: there are no others. An absent fact is unknown. */
export interface Fact {
  readonly values: readonly string[];
  readonly complete: boolean;
}
export type Facts = Readonly<Partial<Record<FactName, Fact>>>;
export type AttributeFacts = Readonly<Partial<Record<AttributeFactName, Fact>>> & {
  /** How long ago it was changed, in milliseconds; absent: unknown. */
  readonly age?: number;
};

/** An instant or a number; `none`: what it is about has no such thing. An absent measure is unknown. */
export type Measure = "none" | { readonly atLeast: number; readonly complete: boolean };

/** How many attributes an event has, by what tells them apart; `none`: it is about no event. */
export type Tally =
  | "none"
  | {
      readonly cells: readonly { readonly type: string; readonly toIds: boolean; readonly n: number }[];
      /** There are no others. */
      readonly complete: boolean;
    };

/** How often an attribute was sighted, as the feed told it. */
export interface SightingTimes {
  /** Instants, by type; bounded, the latest. */
  readonly times: { readonly [K in SightingType]?: readonly number[] };
  /** Of what came since then none is missing. */
  readonly since: number;
}

/** What a rule is asked about. */
export interface Matchable {
  /** When it is asked, by our clock. */
  readonly at: number;
  readonly measures: { readonly [K in MeasureName]?: Measure | undefined };
  /** Absent: unknown. */
  readonly tally?: Tally | undefined;
  /** Of the one attribute that it is about; `none`: it is about no single one. Absent: unknown. */
  readonly sightings?: SightingTimes | "none" | undefined;
  /** Its event as MISP's core JSON; `none`: it is about no event. Absent: unknown. */
  readonly document?: PathDocument<CorePlace> | "none" | undefined;
  readonly facts: Facts;
  readonly attributes: readonly AttributeFacts[];
  /** The attributes are all that the message is about; false where some are hidden or not told. */
  readonly attributesComplete: boolean;
}

export type Truth = true | false | "unknown";
