import type { AlertId } from "./alert.ts";
import type { Brand } from "./brand.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { Listing } from "./listing.ts";
import type { Message, SightingTimes } from "./message.ts";
import type { EventView, Reach, Tag } from "./misp.ts";
import type { SightingType } from "./vocabulary.ts";

/** What one event is known to be, from all frames so far. Only moves forward by `event.changedAt`. */
export interface EventMemory {
  readonly instance: string;
  /** The UUID, which is the event; MISP's number only until a frame tells whose it is. */
  readonly key: string;
  /** Counts the commits of this row; 0 for a row that was never stored. */
  readonly revision: number;
  /** Sharing-group members are never in here. `tags` absent: the complete list was never seen. */
  readonly event: EventView;
  /** Marking tags seen attached since the complete list, or in one that is older: they tighten at once, and only a newer list loosens. */
  readonly attached: readonly (Tag & {
    readonly seenAt: number;
    /** In a list that is older than the complete one: it counts where it is stricter than what that makes of the event. */
    readonly old?: true;
  })[];
  /** The time of the newest frame about the event itself, by MISP's clock where that is plausible: nothing older loosens. */
  readonly heldAt?: number;
  /** Up to when what was said of the event itself last was so, by our clock: only what MISP is asked later loosens it. */
  readonly heardAt?: number;
  /** When something stricter came last that was no newer than what was known, by our clock. */
  readonly strictAt?: number;
  /** How far it may travel by what says less far than `event` does: all of it counts, until a newer frame tells. */
  readonly narrowed?: readonly Reach[];
  /** How far its parts may travel at most, since it was made to travel farther by what lists no parts. */
  readonly partsNarrowed?: Reach;
  /** The latest time of a part that was listed, by MISP's clock. */
  readonly partsAt?: number;
  /** `changedAt` of the newest publication seen. */
  readonly publishedAt?: number;
  /** What makes it another than one of the same time. */
  readonly publicationVersion?: string;
  /** How often MISP has taken the event back: what was planned before that does not leave any more. */
  readonly withdrawals?: number;
  /** `changedAt` of the publication that the feed announced last and nobody was told of: it waits for MISP's word, or was taken back. */
  readonly announcedAt?: number;
  /** MISP has unpublished it since that publication. */
  readonly unpublished?: true;
  /** When the feed or MISP's answer said so last, by our clock. */
  readonly unpublishedAt?: number;
  /** When, by our clock, the feed told of it, or it was published, if it was found late. */
  readonly publicationAt?: number;
  /** When that publication was received first, late or not; what says the same soon after is a copy of it. */
  readonly countedAt?: number;
  /** What that publication said of the event itself, to tell in words what the next one changes. */
  readonly published?: Pick<EventView, "info" | "threatLevel"> & { readonly tags: readonly string[] };
  /** By the id of a sharing group digests of its members, the owner among them: enough to know a member, and no list. */
  readonly circles?: Readonly<Record<string, string>>;
  readonly everPublished: boolean;
  readonly deleted: boolean;
  /** When the feed told that it is deleted, by our clock. */
  readonly deletedAt?: number;
}

/** Which event an instance means by a number: restored or installed anew, it gives a number to another event. */
export interface Alias {
  readonly instance: string;
  readonly id: string;
  /** `EventMemory.key` of the event that was last seen under this number. */
  readonly key: string;
  /** Events have been seen under it in turn: what gives nothing but the number may be about either. */
  readonly unsure?: true;
}

/** One part of an event, by what tag frames and objects call it. */
export interface PartName {
  readonly part: "attribute" | "object";
  /** MISP's id of an attribute; the key of an object. */
  readonly id: string;
}

/** What of a part is stricter than what it has from its event, or that it was deleted; no other part has a row. */
export interface PartMemory extends PartName {
  readonly instance: string;
  readonly eventKey: string;
  /** Its marking tags. */
  readonly tags: readonly string[];
  /** How far it may travel, where that is less far than its event: all of it counts. */
  readonly reach?: readonly Reach[];
  readonly deleted?: true;
  /** By MISP's clock the newest change of the event, and of the part, when these were seen: only a newer list loosens. */
  readonly eventChangedAt: number;
  readonly changedAt: number;
  /** When all this was seen last, by our clock. */
  readonly seenAt?: number;
}

/** What a micro-batch of messages needs to know before it can be planned. */
export interface Keys {
  readonly events: readonly {
    readonly instance: string;
    readonly id?: string;
    readonly uuid?: string;
    /** Also what is undecided about it, and all of its parts that are remembered, of which there may be many. */
    readonly whole?: boolean;
    /** Also what destinations were told by publications of that time, by MISP's clock, and later. */
    readonly shownSince?: number;
    /** Also who was told anything of it, `parts`: with what they know of its attributes. */
    readonly reached?: "event" | "parts";
  }[];
  readonly parts: readonly ({ readonly instance: string } & PartName)[];
  /** Attributes of which rules ask how often they were sighted. */
  readonly sighted?: readonly SightedAttribute[];
}

/** An attribute by its UUID, or by MISP's id where that is all that frames tell. */
export interface SightedAttribute {
  readonly instance: string;
  readonly attribute: string;
}

/** So many sightings of each type are counted of one attribute, the latest. */
export const MAX_SIGHTINGS = 100;
/** And so many of all: those that came first go. */
export const MAX_ALL_SIGHTINGS = 50_000;

/** One sighting of an attribute, without who saw it. */
export interface SightingMemory extends SightedAttribute {
  /** What makes it the same one when it comes again. */
  readonly name: string;
  readonly type: SightingType;
  readonly at: number;
}

/** What the store knows of them. `told` includes what is owed. */
export interface Known {
  readonly events: readonly EventMemory[];
  readonly aliases: readonly Alias[];
  readonly parts: readonly PartMemory[];
  readonly told: readonly Told[];
  readonly undecided: readonly Omit<Undecided, "since">[];
  /** Events, asked for as a whole, of which alerts are owed. */
  readonly owed?: readonly { readonly instance: string; readonly eventKey: string }[];
  readonly shown?: readonly Shown[];
  readonly reached?: readonly ReachedDestination[];
  /** Events of which a publication waits for MISP's word. */
  readonly unconfirmed?: readonly Pick<Unconfirmed, "instance" | "eventKey" | "eventId">[];
  /** Instances whose feed has told of a tag that was attached or detached. */
  readonly tagged?: readonly string[];
  /** One for each attribute that was asked for, where sightings of its instance are counted. */
  readonly sighted?: readonly (SightedAttribute & { readonly sightings: readonly SightingMemory[] } & Pick<
      SightingTimes,
      "since"
    >)[];
}

/** A message that MISP's REST API can tell more about: until it does, it is unknown whether these destinations may be told. */
export interface Undecided {
  readonly id: AlertId;
  readonly instance: string;
  /** `EventMemory.key` of its event. */
  readonly eventKey: string;
  readonly destinations: readonly string[];
  /** Without sharing-group members. */
  readonly message: Message;
  readonly since: number;
  /** How often MISP had taken the event back when it came; absent: never. */
  readonly withdrawals?: number;
}

/** A publication that waits until MISP has confirmed it, or what has come about its event since. */
export interface Unconfirmed {
  readonly id: AlertId;
  readonly instance: string;
  /** Of the event, its UUID where that is known. */
  readonly eventKey: string;
  readonly eventId?: string;
  /** Members of sharing groups only as far as some destination is read by them. */
  readonly message: Message;
  readonly since: number;
}

/** How far an instance was asked what it published, by MISP's clock. */
export interface Cursor {
  /** Where the next question begins. */
  readonly publishedAt: number;
  /** Where the first one began; absent: it was not noted. */
  readonly firstAt?: number;
}

/** How asking the MISP of one instance goes, kept so that a restart does not begin anew. */
export interface AskingState {
  readonly instance: string;
  /** Since when MISP refuses the key, and why; absent: it accepts it, or was never asked. */
  readonly refused?: { readonly since: number; readonly reason: string };
  /** For how long what waits for an answer has not aged because of that; counts only while somebody asks. */
  readonly refusedMs: number;
  /** For how long MISP has answered nothing at all, though it may accept the key. */
  readonly silentMs: number;
}

/** The newest version of an event that a destination has been told, or is owed. */
export interface Told {
  readonly instance: string;
  readonly eventUuid: string;
  readonly destination: string;
  readonly changedAt: number;
  /** Of that publication; absent: it was told by its time alone. */
  readonly version?: string;
}

/** A publication that a destination was told, or is owed, as far as parts of its event ask what is in it. */
export interface Shown {
  readonly instance: string;
  readonly eventUuid: string;
  readonly destination: string;
  readonly changedAt: number;
  /** It is owed: a part may still be told with it. Absent: it was told. */
  readonly delivery?: Brand<string, "DeliveryId">;
  readonly parts?: Fingerprint;
  readonly objects?: Fingerprint;
  /** Short names of what is in them, and hidden from these readers. */
  readonly hidden?: readonly string[];
  /** It is on its way. */
  readonly isLeaving?: true;
  /** How it is told. */
  readonly urgent?: true;
  readonly mentions?: readonly string[];
}

/** A destination that was told something of an event; what is owed is not in here. */
export interface ReachedDestination {
  readonly instance: string;
  readonly eventUuid: string;
  readonly destination: string;
  /** What it knows of its attributes. */
  readonly parts?: Fingerprint;
}

/** What is known now about the event of an alert and about its parts; it may be stricter than the alert is. */
export interface Memory {
  readonly event?: EventMemory;
  readonly parts: readonly PartMemory[];
  readonly listing?: Listing;
}
