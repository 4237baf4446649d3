import type { Brand } from "./brand.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { Line, Message, SightingTimes } from "./message.ts";
import type { Attribute, EventView, MispObject, Reach, Sighting } from "./misp.ts";
import type { Change, Kind, Pap, Tlp } from "./vocabulary.ts";

export type AlertId = Brand<string, "AlertId">; // hash of instance, kind, subject and version

/** The marking of one level: `none` is known to have no label, `unknown` never passes a guard. */
export interface Marking {
  readonly tlp: Tlp | "none" | "unknown";
  readonly pap: Pap | "none" | "unknown";
  /** `tlp:ex:chr`: the source may not be disclosed. */
  readonly chr: boolean;
}

/** Why an attribute no longer counts: MISP deleted it, an update came without it, or it is no longer for detection. */
export type Withdrawal = "deleted" | "removed" | "not-for-detection";

/** An attribute in an alert, with all that a guard needs to judge it alone. */
export interface Item extends Omit<Attribute, "distribution" | "sharingGroup" | "tags" | "deleted"> {
  readonly tags: readonly string[];
  readonly tagsKnown: boolean;
  readonly marking: Marking;
  /** Object's and attribute's own, outermost first, without `inherit`: all must pass beside the event's. */
  readonly reach: readonly Reach[];
  /** A route matched on this very attribute. */
  readonly matched?: boolean;
  /** It is told as taken back, never among what holds; `toIds` is what it was. */
  readonly withdrawn?: Withdrawal;
  /** Compared with what the destination was told last; absent: not known, or nothing was told. */
  readonly news?: "added" | "changed" | "unchanged";
}

/** How many items share all that a guard looks at; adds up to the whole event also when `items` is cut. */
export interface Count {
  readonly type: string;
  readonly toIds: boolean;
  readonly marking: Marking;
  readonly reach: readonly Reach[];
  /** They are told as taken back. */
  readonly withdrawn?: Withdrawal;
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
  /** How often MISP had taken the event back when it was planned; absent: never. */
  readonly withdrawals?: number;
  /** Found by reconcile, not by the feed. */
  readonly late?: true;
  /** When it was published, by our clock, of what was found late. */
  readonly publishedAt?: number;
  /** First publication seen, a later one, or the same again; absent where the kind is not a publication. */
  readonly change?: Change;
  readonly event?: EventView;
  readonly thread?: Message["thread"];
  readonly marking: Marking;
  /** Tells whether the event was ever published, as far as is known. */
  readonly everPublished: boolean | "unknown";
  readonly items: readonly Item[];
  readonly counts: readonly Count[];
  /** Of a publication: which attributes the event has, whoever may see them. */
  readonly parts?: Fingerprint;
  /** The same of its objects. */
  readonly objectParts?: Fingerprint;
  readonly objects: readonly (MispObject & { readonly reach: readonly Reach[] })[];
  /** Of a publication: how many objects there are of each name, also of those that are not in `objects`. */
  readonly objectCounts?: readonly { readonly name: string; readonly reach: readonly Reach[]; readonly n: number }[];
  readonly sighting?: Sighting;
  /** How often its attribute was sighted, where a rule asks. */
  readonly sighted?: SightingTimes;
  readonly tag?: Message["tag"];
  /** Stored whole, for programs: so many further pages have its items and objects, or, where it is 0, the alert itself. */
  readonly pages?: number;
  /** The part that it is about had been deleted, and is there again. */
  readonly restored?: true;
  /** So many parts could not be read: the lists are not complete. */
  readonly skipped?: number;
  readonly lines: readonly Line[];
}

/** A page as it is written: in words of JSON, so that what is large is put together once, where it is planned. */
export interface WrittenPage {
  readonly alert: AlertId;
  /** The place of its first part. */
  readonly first: number;
  /** How many parts have a place in it: its items, and objects that no item is in. */
  readonly count: number;
  /** `items`, `loose` and `objects` of the page. */
  readonly body: string;
}

/** A part of what is in an alert that is too long for one row. */
export interface AlertPage {
  readonly alert: AlertId;
  /** The place of its first item among all items of the alert; the objects that no item is in have places behind them. */
  readonly first: number;
  readonly items: readonly Item[];
  readonly loose: Alert["objects"];
  /** Those that its items are in, each also in other pages where items are in it. */
  readonly objects: Alert["objects"];
}
