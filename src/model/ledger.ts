import type { Batch, Delivery, DeliveryId, RecordLine } from "./outbox.ts";
import type { Collects } from "./pacing.ts";
import type { EventName } from "./progress.ts";
import type { Acknowledgement } from "./remind.ts";
import type { Silence, SilenceState } from "./silence.ts";

/** Where an owed delivery stands: in its group, in an attempt, or between two attempts. */
export type Standing = "waiting" | "sending" | "retrying";

/** A delivery that is owed, and when it leaves or is tried next. */
export interface OwedLine {
  readonly delivery: Delivery;
  readonly standing: Standing;
  /** The key of what it waits in, or was taken from. */
  readonly group: string;
  readonly dueAt: number;
  readonly attempts: number;
  readonly firstAttemptAt?: number;
  /** Why the last attempt failed. */
  readonly reason?: string;
  /** The silence whose end it waits for. */
  readonly silence?: string;
  /** What it waits in beside an ordinary group. */
  readonly collects?: Collects;
}

/** What a destination's digests, quiet hours, floods and reminders, not its silences, wait for, and when the first of it leaves. */
export interface Collected {
  readonly destination: string;
  readonly collects: Collects;
  readonly n: number;
  readonly dueAt: number;
}

/** Messages that a destination was sent, and that are to be changed. */
export interface PendingChanges {
  readonly destination: string;
  readonly n: number;
  /** How many of them may show what their readers are not to see any more. */
  readonly urgent: number;
  /** Since when the first of them is. */
  readonly oldestAt: number;
  /** Why the last attempt to change one of them failed; absent: none has. */
  readonly reason?: string;
}

/** A message about an event that may still be changed, and what of that is to come. */
export interface ChangeableMessage {
  readonly destination: string;
  readonly at: number;
  readonly isReply: boolean;
  /** Absent: it is as it should be. */
  readonly pending?: {
    readonly since: number;
    readonly dueAt: number;
    readonly isUrgent: boolean;
    readonly attempts: number;
    readonly reason?: string;
  };
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
  /** Paused: when that ends by itself; absent: it does not. */
  readonly until?: number;
}

/** The side of a store that people use. What may be long comes in pages, and other work goes on between two of them. */
export interface Ledger {
  /** Oldest first. */
  owed(filter: OwedFilter): AsyncIterable<readonly OwedLine[]>;
  /** The owed deliveries whose id begins so, two at most. */
  find(prefix: string): Promise<readonly DeliveryId[]>;
  /** All that is stored of one owed delivery, as it would be taken. */
  open(id: DeliveryId): Promise<{ readonly line: OwedLine; readonly batch: Batch } | undefined>;
  /** Makes due at once what is not being sent, with all that leaves together with it; of reminders only those that are named. */
  hasten(filter: OwedFilter, now: number): AsyncIterable<readonly OwedLine[]>;
  /** Settles so what is not being sent: that may already have arrived. Gives the lines of the record. */
  drop(
    filter: OwedFilter,
    end: Pick<RecordLine, "outcome" | "reason" | "by">,
    now: number,
  ): AsyncIterable<readonly RecordLine[]>;
  /** Newest first. */
  records(filter: RecordFilter): AsyncIterable<readonly RecordLine[]>;
  /** How many messages of each instance are undecided, and since when; none where there is nothing. */
  undecided(): Promise<readonly { readonly instance: string; readonly messages: number; readonly oldestAt: number }[]>;
  /** The same of publications that MISP is to confirm, and what waits behind them. */
  unconfirmed(): Promise<
    readonly { readonly instance: string; readonly messages: number; readonly oldestAt: number }[]
  >;
  /** When a destination was told last. */
  toldAt(destination: string): Promise<number | undefined>;
  /** Writes what changes nothing; rejects where nothing can be written. */
  probe(): Promise<void>;
  holds(): Promise<readonly Hold[]>;
  /** A destination that is held in this way already stays as it is. */
  hold(hold: Hold): Promise<void>;
  /** One that stands takes this end, or none, and this note. */
  limit(hold: Hold): Promise<void>;
  /** What was held has not aged. */
  release(destination: string, kind: Hold["kind"], now: number): Promise<void>;
  /** When something that is not being sent is due next; undefined: nothing is. */
  nextDue(destination: string): Promise<number | undefined>;
  /** By destination; a flood that is on is there also while nothing waits in it. */
  collected(): Promise<readonly Collected[]>;
  /** By destination; none where all messages are as they should be. */
  pendingChanges(): Promise<readonly PendingChanges[]>;
  /** Those about an event that may still be changed, by destination, the oldest first. */
  messages(event: EventName): Promise<readonly ChangeableMessage[]>;
  /** Silences that end after `since`, those that end first before others, with what is behind them. */
  silences(since: number): Promise<readonly SilenceState[]>;
  /** Settles the reminders of an event that are not being sent, and keeps others from following. Gives the lines of the record. */
  acknowledge(acknowledgement: Acknowledgement): Promise<readonly RecordLine[]>;
  /** Who looks after an event, in each instance that knows one by this UUID. */
  acknowledged(eventUuid: string): Promise<readonly Acknowledgement[]>;
  /** Adds a silence, or takes the place of the one that has its id; what it holds is due when it ends. */
  silence(silence: Silence): Promise<void>;
}
