import type { Alert, AlertId, AlertPage, Item, WrittenPage } from "./alert.ts";
import type { Evidence } from "./evidence.ts";
import type { Listing } from "./listing.ts";
import type {
  Alias,
  AskingState,
  Cursor,
  EventMemory,
  Keys,
  Known,
  Memory,
  PartMemory,
  PartName,
  SightingMemory,
  Unconfirmed,
  Undecided,
} from "./memory.ts";
import type { BatchId, DeliveryId, EventChanges, Group, PartNumber } from "./owed.ts";
import type { BatchNote, Pacing } from "./pacing.ts";
import type { Follow, FollowUp, OpenPost, PostEnd } from "./post.ts";
import type { EventName, WithdrawalReason } from "./progress.ts";
import type { Reminder, RemindRules } from "./remind.ts";
import type { Comparison, ToldParts } from "./told.ts";
import type { Kind } from "./vocabulary.ts";

export type { BatchId, DeliveryId, EventChanges, Group, PartNumber } from "./owed.ts";

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
  /** Of a publication: which of those of that time. */
  readonly version?: string;
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
  /** Why it is owed. Absent: it was planned when no reason was kept. */
  readonly evidence?: Evidence;
  /** Of what was planned before memory told who is in a sharing group: the groups that passed by their members. */
  readonly cleared?: readonly string[];
  /** MISP did not say in time whether the event is published: it is told as the feed has it. */
  readonly unconfirmed?: true;
  /** Of a publication: short names of the attributes and objects that these readers may not see. */
  readonly hidden?: readonly string[];
  /** Nothing holds it back, or quiet hours let it pass. */
  readonly unheld?: "always" | "in-quiet";
  /** Who is behind it, where that may bring many at once: an organisation whose events are pulled. */
  readonly cause?: string;
  /** Absent: nobody is reminded of it. */
  readonly remind?: RemindRules;
  /** It reminds of what was told before. */
  readonly reminder?: Reminder;
  /**
   * It tells readers that what they were told is taken back: all of an event, or (`parts`) attributes of it. Whoever was not
   * told hears nothing.
   */
  readonly withdraws?: WithdrawalReason | "parts";
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
  readonly outcome: "sent" | "unproven" | "refused" | "withdrawn" | "muted" | "dead";
  /** From our own vocabulary, never from MISP or a server: `tlp-above-ceiling`, `http-410` … */
  readonly reason?: string;
  /** The strictest marking that left. */
  readonly tlp?: string;
  /** The operator who wanted it so, as they named themselves. */
  readonly by?: string;
  /** The silence that muted it. */
  readonly silence?: string;
  /** How many refusals of the same event for the same reason it stands for, the last of which it tells; absent: one. */
  readonly times?: number;
  /** It was told without MISP's word that the event is published. */
  readonly unconfirmed?: true;
  /** It is of a reminder, and of which. */
  readonly reminder?: Pick<Reminder, "n" | "escalatedFrom">;
}

/** All that planning wants done; committed as a whole or not at all. */
export interface Effects {
  /** Each is stored only if the row's revision is still the one it was derived from. */
  readonly events: readonly EventMemory[];
  /** Nothing is stored unless these still have their revisions, too. */
  readonly unmoved?: readonly Pick<EventMemory, "instance" | "key" | "revision">[];
  readonly aliases: readonly Alias[];
  /** What was kept under a number until an event was seen under it: the row goes, and what is undecided under it is the event's. */
  readonly adopted: readonly {
    readonly instance: string;
    readonly id: string;
    readonly key: string;
    readonly revision: number;
  }[];
  readonly parts: readonly PartMemory[];
  /** Parts that are not stricter than their event any more. */
  readonly forget: readonly ({ readonly instance: string; readonly eventKey: string } & PartName)[];
  /** Events that were made anew: nothing is remembered of the parts that they had, nor that readers were told them. */
  readonly reborn?: readonly { readonly instance: string; readonly eventKey: string }[];
  /** Each takes the place of the one before, unless that is newer. */
  readonly listings?: readonly Listing[];
  readonly alerts: readonly Alert[];
  /** Of those alerts that are too long for one row, in order. */
  readonly pages?: readonly WrittenPage[];
  readonly deliveries: readonly Delivery[];
  readonly records: readonly RecordLine[];
  /** Added if absent. */
  readonly undecided: readonly Undecided[];
  /** These destinations wait no longer: they are owed, refused, or told by a publication. */
  readonly decided: readonly { readonly id: AlertId; readonly destinations: readonly string[] }[];
  /** Where the next question what was published begins, in MISP's clock. */
  readonly cursors: readonly { readonly instance: string; readonly publishedAt: number }[];
  /** Added if absent. */
  readonly unconfirmed?: readonly Unconfirmed[];
  /** These wait no longer. */
  readonly confirmed?: readonly AlertId[];
  /** Instances whose feed tells of tags. */
  readonly tagged?: readonly string[];
  /** Sightings that count, each once, and those that MISP has deleted. */
  readonly sighted?: readonly SightingMemory[];
  readonly unsighted?: readonly Pick<SightingMemory, "instance" | "name">[];
  /** The instances whose sightings are counted from now on at the latest; of others all is forgotten. */
  readonly counted?: readonly string[];
  /** Each takes the place of the one before. */
  readonly asking?: readonly AskingState[];
  /**
   * These deliveries tell of what is in a publication that is owed to the same destination: they leave with it, and pass on
   * to it priority, mentions and the reasons for them, unless it leaves later than they would.
   */
  readonly within?: readonly { readonly delivery: DeliveryId; readonly publication: DeliveryId }[];
  /** Keys of groups that nothing more will join: what waits in them is due. */
  readonly complete?: readonly string[];
  /** How the destinations of these deliveries are paced; those that are not here are not. */
  readonly pacing?: ReadonlyMap<string, Pacing>;
  /** Something of these events may be seen by fewer than before: messages about them are looked at again. */
  readonly recheck?: readonly EventName[];
}

/** Deliveries of one group on their way out; the same at every attempt. */
export interface Batch {
  readonly id: BatchId;
  readonly destination: string;
  /** Which of how many payloads it is that were cut from what left together; absent: it was not looked at yet. */
  readonly part?: PartNumber;
  /** It is a part of one delivery, whose alert has no other items here. */
  readonly slice?: Slice & {
    /** No other part is left: what the destination knows once it has all of them, but for the items called `missing`. */
    readonly last?: { readonly told?: ToldParts; readonly missing: readonly string[] };
  };
  /** Attempts before this one. */
  readonly attempts: number;
  readonly firstAttemptAt: number;
  readonly show: Group["show"];
  /** Absent: it is what waited in an ordinary group. */
  readonly note?: BatchNote;
  readonly entries: readonly { readonly delivery: Delivery; readonly alert: Alert; readonly memory: Memory }[];
  /** What the destination was told of their events last, with what memory knows of the parts that are named there. */
  readonly told?: readonly { readonly parts: ToldParts; readonly rows: readonly PartMemory[] }[];
  /** Which of their events the destination was told of before, as far as that was asked, or something is withdrawn. */
  readonly follows?: readonly Follow[];
}

/** Which items of a delivery are in one payload, and how they compare with what the destination was told before. */
export interface Slice {
  /** Places among all items of the alert; `to` is not in it any more. */
  readonly from: number;
  readonly to: number;
  /** `added`, `changed` or `unchanged` by its first letter, one for each item; absent: that is not known. */
  readonly news?: string;
  /** What was told and is not in the event any more. */
  readonly removed: readonly Item[];
  /** How many of these are in other payloads, or cannot be named. */
  readonly removedElsewhere: number;
  readonly compared?: Comparison;
}

/** What one of several payloads has in it: whole deliveries, or a part of one. */
export type PartContent =
  | { readonly deliveries: readonly DeliveryId[] }
  | { readonly delivery: DeliveryId; readonly slice: Slice };

/** How a batch is cut into payloads. */
export interface Division {
  readonly batch: BatchId;
  readonly parts: readonly PartContent[];
  /** What the destination knows once it has all parts of a delivery that is cut. */
  readonly told: readonly { readonly delivery: DeliveryId; readonly parts: ToldParts }[];
}

/** What bounds one batch. */
export interface BatchBounds {
  readonly rows: number;
  readonly bytes: number;
}

/** Which batches are taken. */
export interface TakeOptions {
  /** How many at once; absent: one. */
  readonly most?: number;
  /** What was never tried comes first. */
  readonly newFirst?: boolean;
  readonly bounds?: BatchBounds;
  /**
   * Nothing of a group that is on its way is taken, nor what became owed after something else about the same event that has
   * not left yet.
   */
  readonly ordered?: boolean;
  /** Nothing but what goes first: quiet hours hold the rest, whenever it was due. */
  readonly urgentOnly?: boolean;
  /** How many more may be made ready at once, so that taking them later writes nothing; absent: none. */
  readonly ahead?: number;
  /** It matters which events the destination was told of before. */
  readonly follows?: boolean;
}

/** How a batch ended, or when it is tried again. Deliveries that are in no list stay as they are. */
export interface Settlement {
  readonly batch: BatchId;
  readonly records: readonly RecordLine[];
  /** These leave the batch and wait in another group. */
  readonly regrouped?: readonly { readonly delivery: DeliveryId; readonly group: Group }[];
  readonly retryAt?: number;
  /** Whether the failed attempt counts; an attempt cut by a stop does not. */
  readonly attempted: boolean;
  /** Why it is tried again, kept until the next attempt fails. */
  readonly reason?: string;
  /** What the destination knows of events from now on. */
  readonly told?: readonly ToldParts[];
  /** Short names of items of a slice that have not left. */
  readonly missing?: readonly string[];
  readonly followUp?: FollowUp;
}

/** Durable and shared: what is committed is owed until it is settled, also across a crash. */
export interface Store extends AsyncDisposable {
  load(keys: Keys): Promise<Known>;
  /**
   * Adds are "if absent"; `conflict`: memory has moved since it was loaded, nothing was stored, load and plan again. `recheck`:
   * all was stored, and these destinations have messages that are to be looked at again.
   */
  commit(effects: Effects, now: number): Promise<"committed" | { readonly recheck: readonly string[] } | "conflict">;
  /**
   * The batches of `destination` that are due, which are on their way from now on, at least one, or when the next one will be;
   * undefined: nothing is owed. What goes first comes first, then what was tried before, unless `newFirst`.
   */
  take(
    destination: string,
    now: number,
    options?: TakeOptions,
  ): Promise<{ readonly batches: readonly Batch[] } | { readonly dueAt: number } | undefined>;
  /**
   * For each the lines that were written; all of them or none. A delivery that leaves in several parts is settled with the
   * last of them, by the worst that became of one.
   */
  settle(settlements: readonly Settlement[], now: number): Promise<readonly (readonly RecordLine[])[]>;
  /** Puts parts, which are due at once, in the place of a batch that was taken; it is cut once. */
  divide(division: Division, now: number): Promise<void>;
  /**
   * The message of a destination that is to be looked at next, of those (`isUrgent`) in which something is withdrawn or of all,
   * or when that will be; undefined: none is.
   */
  takePost(
    destination: string,
    now: number,
    isUrgent: boolean,
  ): Promise<OpenPost | { readonly dueAt: number } | undefined>;
  /** A message that may still be changed. */
  post(id: BatchId): Promise<OpenPost | undefined>;
  /** Unless it has to be looked at again by then, a message is done with. */
  settlePost(end: PostEnd, now: number): Promise<void>;
  /** What a delivery of an alert in several pages has from place `from` on, with memory of it; undefined: no more. */
  page(delivery: Delivery, from: number): Promise<{ readonly page: AlertPage; readonly memory: Memory } | undefined>;
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
  cursor(instance: string): Promise<Cursor | undefined>;
  /**
   * What waits for MISP's word about the events of `instance` that have waited for longest, at most `limit` of them, without
   * those in `except`; of each event in the order in which it came.
   */
  unconfirmed(instance: string, limit: number, except: readonly string[]): Promise<readonly Unconfirmed[]>;
  /** How asking goes; undefined: it was never stored. */
  asking(instance: string): Promise<AskingState | undefined>;
  /** What each destination is owed that is owed something. */
  owed(): Promise<readonly { readonly destination: string; readonly owed: number; readonly oldestAt: number }[]>;
  /**
   * Removes at most a transaction's worth of records and memory older than `before`, and of what readers were shown that is
   * older than it may be at `now`, whatever `before` is; true: there may be more.
   */
  prune(before: number, now: number): Promise<boolean>;
}
