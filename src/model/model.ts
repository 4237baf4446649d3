import type { Attribute, EventView, MispObject, Reach, Sighting, Tag } from "./misp.ts";
import type { AttributeFactName, FactName, Kind, Pap, Tlp } from "./vocabulary.ts";

declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type AlertId = Brand<string, "AlertId">; // hash of instance, kind, subject and version
export type DeliveryId = Brand<string, "DeliveryId">; // hash of an alert's identity and a destination: adding it twice is harmless
export type BatchId = Brand<string, "BatchId">; // hash of the deliveries that leave together: the same at every attempt

// Instants are epoch milliseconds (`…At`), spans are milliseconds (`…Ms`): both are plain numbers in the store.

// ---------------------------------------------------------------- what comes in

/** Topic and bytes as a source received them, with the transport's envelope removed. */
export interface Frame {
  readonly instance: string;
  /** Empty when the envelope had none. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly receivedAt: number;
}

/** Yields what arrived since it was last asked, in order; ends when `signal` aborts, or when a finite source is read. */
export interface Source {
  readonly name: string;
  frames(signal: AbortSignal): AsyncIterable<readonly Frame[]>;
}

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
  /** What it carries. For a publication these are all of the event. */
  readonly attributes: readonly Attribute[];
  readonly objects: readonly MispObject[];
  readonly sighting?: Sighting;
  /** The tag that was attached, detached or defined, and what carries it. */
  readonly tag?: Tag & { readonly on?: "event" | "attribute"; readonly attributeId?: string };
  /** A publication that the feed did not tell: it was found by asking MISP. */
  readonly late?: Late;
  /** Labelled texts of kinds that have no content of their own above: audit, user, organisation, discussion … */
  readonly lines: readonly Line[];
}

/** A publication that was found late; its event may have been edited since. */
export interface Late {
  /** Among so many that they are told together. */
  readonly together: boolean;
  /** By our clock. */
  readonly publishedAt: number;
  /** The event's `changedAt` when it was published; where nobody knows it any more, the time of the publication by MISP's clock. */
  readonly changedAt: number;
}

/** Label from our own vocabulary, text from MISP. */
export interface Line {
  readonly label: string;
  readonly text: string;
}

// ---------------------------------------------------------------- what is known

/** Values that are known; `complete`: there are no others. An absent fact is unknown. */
export interface Fact {
  readonly values: readonly string[];
  readonly complete: boolean;
}
export type Facts = Readonly<Partial<Record<FactName, Fact>>>;
export type AttributeFacts = Readonly<Partial<Record<AttributeFactName, Fact>>>;

/** What a rule is asked about. */
export interface Matchable {
  readonly facts: Facts;
  readonly attributes: readonly AttributeFacts[];
  /** The attributes are all that the message is about; false where some are hidden or not told. */
  readonly attributesComplete: boolean;
}

export type Truth = true | false | "unknown";

/** What one event is known to be, from all frames so far. Only moves forward by `event.changedAt`. */
export interface EventMemory {
  readonly instance: string;
  /** MISP's event id, or the UUID where no frame told the id. */
  readonly key: string;
  /** Counts the commits of this row; 0 for a row that was never stored. */
  readonly revision: number;
  /** Sharing-group members are never in here. `tags` absent: the complete list was never seen. */
  readonly event: EventView;
  /** Marking tags seen attached since the complete list: they tighten at once, and only a newer list loosens. */
  readonly attached: readonly (Tag & { readonly seenAt: number })[];
  /** `changedAt` of the newest publication seen. */
  readonly publishedAt?: number;
  /** When, by our clock, the feed told of it, or it was published, if it was found late. */
  readonly publicationAt?: number;
  /** When that publication was received first, late or not; what says the same soon after is a copy of it. */
  readonly countedAt?: number;
  /** What that publication said of the event itself, to tell in words what the next one changes. */
  readonly published?: Pick<EventView, "info" | "threatLevel"> & { readonly tags: readonly string[] };
  readonly everPublished: boolean;
  readonly deleted: boolean;
}

/** The marking tags of one attribute; there is no row for an attribute that has none. */
export interface AttributeMemory {
  readonly instance: string;
  /** MISP's attribute id: the only name that tag frames give. */
  readonly id: string;
  readonly eventKey: string;
  readonly tags: readonly string[];
  /** By MISP's clock the newest change of the event, and of the attribute, when these were seen: only a newer list loosens. */
  readonly eventChangedAt: number;
  readonly changedAt: number;
}

/** What a micro-batch of messages needs to know before it can be planned. */
export interface Keys {
  readonly events: readonly {
    readonly instance: string;
    readonly id?: string;
    readonly uuid?: string;
    /** Also what is undecided about it, and all of its attributes that have a marking, of which there may be many. */
    readonly whole?: boolean;
  }[];
  readonly attributes: readonly { readonly instance: string; readonly id: string }[];
}

/** What the store knows of them. `told` includes what is owed. */
export interface Known {
  readonly events: readonly EventMemory[];
  readonly attributes: readonly AttributeMemory[];
  readonly told: readonly Told[];
  readonly undecided: readonly Pick<Undecided, "id" | "instance" | "eventKey" | "destinations">[];
}

/** A message that MISP's REST API can tell more about: until then nobody knows whether these destinations may be told. */
export interface Undecided {
  readonly id: AlertId;
  readonly instance: string;
  /** `EventMemory.key` of its event. */
  readonly eventKey: string;
  readonly destinations: readonly string[];
  /** Without sharing-group members. */
  readonly message: Message;
  readonly since: number;
}

/** The newest version of an event that a destination has been told, or is owed. */
export interface Told {
  readonly instance: string;
  readonly eventUuid: string;
  readonly destination: string;
  readonly changedAt: number;
}

// ---------------------------------------------------------------- what is owed

/** The marking of one level: `none` is known to have no label, `unknown` never passes a guard. */
export interface Marking {
  readonly tlp: Tlp | "none" | "unknown";
  readonly pap: Pap | "none" | "unknown";
  /** `tlp:ex:chr`: the source may not be disclosed. */
  readonly chr: boolean;
}

/** An attribute in an alert, with all that a guard needs to judge it alone. */
export interface Item extends Omit<Attribute, "distribution" | "sharingGroup" | "tags"> {
  readonly tags: readonly string[];
  readonly tagsKnown: boolean;
  readonly marking: Marking;
  /** Object's and attribute's own, outermost first, without `inherit`: all must pass beside the event's. */
  readonly reach: readonly Reach[];
  /** A route matched on this very attribute. */
  readonly matched?: boolean;
}

/** How many items share all that a guard looks at; adds up to the whole event also when `items` is cut. */
export interface Count {
  readonly type: string;
  readonly toIds: boolean;
  readonly marking: Marking;
  readonly reach: readonly Reach[];
  readonly n: number;
}

/** Channel-neutral content of one thing worth telling. Stored once; deliveries refer to it. */
export interface Alert {
  readonly id: AlertId;
  readonly kind: Kind;
  readonly instance: string;
  readonly receivedAt: number;
  readonly subject: Message["subject"];
  readonly version: string;
  /** Found by reconcile, not by the feed. */
  readonly late?: true;
  /** First publication seen, a later one, or the same again; absent where the kind is not a publication. */
  readonly change?: "new" | "updated" | "unchanged";
  readonly event?: EventView;
  readonly marking: Marking;
  /** Tells whether the event was ever published, as far as is known. */
  readonly everPublished: boolean | "unknown";
  readonly items: readonly Item[];
  readonly counts: readonly Count[];
  readonly objects: readonly (MispObject & { readonly reach: readonly Reach[] })[];
  readonly sighting?: Sighting;
  readonly tag?: Message["tag"];
  readonly lines: readonly Line[];
}

/** One alert owed to one destination. */
export interface Delivery {
  readonly id: DeliveryId;
  readonly alert: AlertId;
  readonly destination: string;
  readonly instance: string;
  readonly kind: Kind;
  /** Present where the event is known; `changedAt` orders versions of a publication. */
  readonly eventUuid?: string;
  readonly changedAt?: number;
  readonly createdAt: number;
  readonly priority: "normal" | "high";
  /** The routes whose match is visible to the destination. */
  readonly routes: readonly string[];
  readonly mentions: readonly string[];
  /** One per route; the store puts it where it leaves first. */
  readonly groups: readonly Group[];
  /** Of a publication: the version of the event that the destination was told last; absent: none. */
  readonly since?: number;
  /** What is different in the event itself since then, where that version is remembered. */
  readonly changes?: EventChanges;
  /** Keys of the sharing groups that passed because every reader is a member; members are not stored. */
  readonly cleared: readonly string[];
}

/** Says that something is different, not what it was: the readers may not have been shown that. */
export interface EventChanges {
  readonly title: boolean;
  readonly threatLevel: boolean;
  readonly tagsAdded: readonly string[];
  readonly tagsRemoved: number;
}

/** Deliveries with one key leave together: the first after `waitMs`, what follows `intervalMs` after the last one left. */
export interface Group {
  readonly key: string;
  readonly waitMs: number;
  readonly intervalMs: number;
  /** How many items one payload lists. */
  readonly show: number | "matched";
}

/** One content-free line per settled delivery. */
export interface RecordLine {
  readonly delivery: DeliveryId;
  readonly at: number;
  readonly destination: string;
  readonly instance: string;
  readonly kind: Kind;
  readonly eventUuid?: string;
  readonly changedAt?: number;
  readonly routes: readonly string[];
  readonly outcome: "sent" | "unproven" | "refused" | "muted" | "dead";
  /** From our own vocabulary, never from MISP or a server: `tlp-above-ceiling`, `http-410` … */
  readonly reason?: string;
  /** The strictest marking that left. */
  readonly tlp?: string;
  /** The operator who wanted it so, as they named themselves. */
  readonly by?: string;
}

/** All that planning wants done; committed as a whole or not at all. */
export interface Effects {
  /** Each is stored only if the row's revision is still the one it was derived from. */
  readonly events: readonly EventMemory[];
  readonly attributes: readonly AttributeMemory[];
  /** Attributes whose newer complete list has no marking any more. */
  readonly forget: readonly { readonly instance: string; readonly id: string }[];
  readonly alerts: readonly Alert[];
  readonly deliveries: readonly Delivery[];
  readonly records: readonly RecordLine[];
  /** Added if absent. */
  readonly undecided: readonly Undecided[];
  /** These destinations wait no longer: they are owed, refused, or told by a publication. */
  readonly decided: readonly { readonly id: AlertId; readonly destinations: readonly string[] }[];
  /** Where the next question what was published begins, in MISP's clock. */
  readonly cursors: readonly { readonly instance: string; readonly publishedAt: number }[];
  /** Keys of groups that nothing more will join: what waits in them is due. */
  readonly complete?: readonly string[];
}

/** Deliveries of one group on their way out; the same at every attempt. */
export interface Batch {
  readonly id: BatchId;
  readonly destination: string;
  /** Attempts before this one. */
  readonly attempts: number;
  readonly firstAttemptAt: number;
  readonly show: Group["show"];
  readonly entries: readonly { readonly delivery: Delivery; readonly alert: Alert; readonly memory: Memory }[];
}

/** What is known now about the event of an alert and about its attributes; it may be stricter than the alert is. */
export interface Memory {
  readonly event?: EventMemory;
  readonly attributes: readonly AttributeMemory[];
}

/** How a batch ended, or when it is tried again. Deliveries that are in neither list stay as they are. */
export interface Settlement {
  readonly batch: BatchId;
  readonly records: readonly RecordLine[];
  readonly retryAt?: number;
  /** Whether the failed attempt counts; an attempt cut by a stop does not. */
  readonly attempted: boolean;
  /** Why it is tried again, kept until the next attempt fails. */
  readonly reason?: string;
}

/** Durable and shared: what is committed is owed until it is settled, also across a crash. */
export interface Store extends AsyncDisposable {
  recall(keys: Keys): Promise<Known>;
  /** Adds are "if absent"; `conflict`: memory has moved since it was recalled, nothing was stored, recall and plan again. */
  commit(effects: Effects, now: number): Promise<"committed" | "conflict">;
  /** The batch of `destination` that is due, or when the next one will be; undefined: nothing is owed. */
  take(destination: string, now: number): Promise<{ readonly batch: Batch } | { readonly dueAt: number } | undefined>;
  settle(settlement: Settlement, now: number): Promise<void>;
  /**
   * What is undecided about one event of `instance`, the one that has been quiet for longest, unless a frame about it came
   * after `quietSince`; else when the earliest came; undefined: nothing is undecided. Events in `except` are left out.
   */
  undecided(
    instance: string,
    quietSince: number,
    except: readonly string[],
  ): Promise<
    { readonly eventKey: string; readonly undecided: readonly Undecided[] } | { readonly lastAt: number } | undefined
  >;
  /** Where the next question what was published begins; undefined: it was never asked. */
  cursor(instance: string): Promise<number | undefined>;
  /** For people: what is owed and what became of what was. */
  owed(): Promise<readonly { readonly destination: string; readonly owed: number; readonly oldestAt: number }[]>;
  history(limit: number): Promise<readonly RecordLine[]>;
  /** Removes at most a transaction's worth of records and memory older than `before`; true: there may be more. */
  prune(before: number): Promise<boolean>;
}

// ---------------------------------------------------------------- what people ask and decide

/** Where an owed delivery stands: in its group, in an attempt, or between two attempts. */
export type Standing = "waiting" | "sending" | "retrying";

/** A delivery that is owed, and when it leaves or is tried next. */
export interface OwedLine {
  readonly delivery: Delivery;
  readonly standing: Standing;
  readonly dueAt: number;
  readonly attempts: number;
  readonly firstAttemptAt?: number;
  /** Why the last attempt failed. */
  readonly reason?: string;
}

/** Which owed deliveries are meant: all of what is given holds. */
export interface OwedFilter {
  readonly ids?: readonly DeliveryId[];
  readonly destinations?: readonly string[];
  readonly standing?: Standing;
  readonly eventUuid?: string;
  /** Owed since before then. */
  readonly before?: number;
}

/** Which lines of the record are meant: all of what is given holds. */
export interface RecordFilter {
  readonly destination?: string;
  readonly eventUuid?: string;
  readonly outcome?: RecordLine["outcome"];
  /** At that time or later. */
  readonly since?: number;
}

/** Why nothing leaves to a destination for now: an operator holds it, it refuses us, or no configuration names it any more. */
export interface Hold {
  readonly destination: string;
  readonly kind: "paused" | "suspended" | "unnamed";
  readonly since: number;
  /** Paused: the operator, as they named themselves. Suspended: the reason. Else empty. */
  readonly note: string;
}

/** The side of a store that people use. What may be long comes in pages, and other work goes on between two of them. */
export interface Ledger {
  /** Oldest first. */
  owed(filter: OwedFilter): AsyncIterable<readonly OwedLine[]>;
  /** The owed deliveries whose id begins so, two at most. */
  find(prefix: string): Promise<readonly DeliveryId[]>;
  /** All that is stored of one owed delivery, as it would be taken. */
  open(id: DeliveryId): Promise<{ readonly line: OwedLine; readonly batch: Batch } | undefined>;
  /** Makes due at once what is not being sent, with all that leaves together with it. */
  hasten(filter: OwedFilter, now: number): AsyncIterable<readonly OwedLine[]>;
  /** Settles so what is not being sent: that may already have arrived. Gives the lines of the record. */
  drop(
    filter: OwedFilter,
    end: Pick<RecordLine, "outcome" | "reason" | "by">,
    now: number,
  ): AsyncIterable<readonly RecordLine[]>;
  /** Newest first. */
  records(filter: RecordFilter): AsyncIterable<readonly RecordLine[]>;
  /** How much of each instance nobody knows yet whether it may be told, and since when; none where there is nothing. */
  undecided(): Promise<readonly { readonly instance: string; readonly messages: number; readonly oldestAt: number }[]>;
  /** When a destination was told last. */
  toldAt(destination: string): Promise<number | undefined>;
  /** Writes what changes nothing; rejects where nothing can be written. */
  probe(): Promise<void>;
  holds(): Promise<readonly Hold[]>;
  /** A destination that is held in this way already stays as it is. */
  hold(hold: Hold): Promise<void>;
  /** What was held has not aged. */
  release(destination: string, kind: Hold["kind"], now: number): Promise<void>;
}

// ---------------------------------------------------------------- what goes out

/** How much of an alert a destination may see. */
export type Form = "full" | "metadata" | "pointer";

/** An alert reduced to what one destination may see. Only the guard makes one; nothing else reaches a formatter. */
export type GuardedAlert = Brand<
  {
    readonly form: Form;
    /** Without what was withheld: fields are removed, not blanked. */
    readonly alert: Omit<Alert, "marking" | "everPublished">;
    /** Every sighting that it stands for, newest first, also those of alerts that were merged into it. */
    readonly sightings: readonly Sighting[];
    /** The strictest label of what is in it; `untagged` when no level has one. */
    readonly tlp: Tlp | "untagged";
    readonly pap: Pap | "untagged";
    /** How many attributes are not in it because of a marking. */
    readonly withheld: number;
  },
  "GuardedAlert"
>;

/** One thing a payload tells: the newest alert about it, with the parts of the older ones merged in. */
export interface Entry {
  readonly guarded: GuardedAlert;
  /** How many messages it stands for, by kind. */
  readonly kinds: readonly { readonly kind: Kind; readonly n: number }[];
  readonly routes: readonly string[];
  /** The version of the event that the destination was told last: what is newer has changed. */
  readonly since?: number;
  readonly changes?: EventChanges;
  /** The event's page in MISP, when the instance's URL is configured. */
  readonly link?: URL;
  /** What a template of the operator made of it; hostile text like the rest. */
  readonly custom?: { readonly title?: string; readonly body?: string };
  /** The template failed: the alert is the built-in one, and says so. */
  readonly templateFailed?: boolean;
  readonly deliveries: readonly DeliveryId[];
}

/** What leaves at once. */
export interface Payload {
  readonly batch: BatchId;
  readonly destination: string;
  readonly createdAt: number;
  readonly tlp: Tlp | "untagged";
  readonly priority: "normal" | "high";
  readonly mentions: readonly string[];
  readonly entries: readonly Entry[];
  /** Bounds the items that are listed; the rest is counted. */
  readonly show: Group["show"];
  /** A second try after the other side refused the message: marking, title and link only. */
  readonly minimal: boolean;
}

/**
 * Why an attempt failed: `reason` from our own vocabulary, `detail` for the log, `hint` what the operator can do about it.
 * None of them holds text from MISP or a secret.
 */
export interface Failure {
  readonly reason: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** What became of one attempt. */
export type Outcome =
  | { readonly kind: "done" | "unproven" }
  | ({ readonly kind: "retry" | "ambiguous" | "message_rejected" | "destination_rejected" } & Failure)
  | ({ readonly kind: "retry_after"; readonly afterMs: number } & Failure);

/** A payload as it would be sent, for people who want to look at it first. */
export interface Preview {
  /** JSON, text or a mail. */
  readonly body: string;
  /** The sizes that the channel limits. */
  readonly sizes: readonly {
    readonly what: string;
    readonly used: number;
    readonly limit: number;
    readonly unit: "bytes" | "characters" | "blocks";
  }[];
  /** What was left out to stay within them, in words. */
  readonly trimmed: readonly string[];
  /** A page of its own, without anything remote, that draws it as the channel would. */
  readonly html: string;
}

/** One configured place to tell. Sends once; never retries, never throws for what the other side does. */
export interface Destination extends AsyncDisposable {
  readonly name: string;
  /** Rejects only when `signal` aborts (with its reason) or by a bug. */
  send(payload: Payload, signal: AbortSignal): Promise<Outcome>;
  /** What `send` would send; does no I/O beyond reading its own files. */
  preview(payload: Payload): Promise<Preview>;
}
