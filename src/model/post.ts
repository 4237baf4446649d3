import type { Alert } from "./alert.ts";
import type { Memory } from "./memory.ts";
import type { BatchId } from "./owed.ts";
import type { Entry, Form, GuardedAlert, Payload } from "./payload.ts";
import type { EventName, EventProgress, PostRef, WithdrawalReason } from "./progress.ts";

export type { EventName, EventProgress, PostRef, WithdrawalReason } from "./progress.ts";

/** How long a message may still change. */
export const POST_MS = 30 * 86_400_000;

/** What a message tells of one thing, with all that a guard needs to judge it again: nothing of it is shown before that. */
export interface KeptEntry
  extends Pick<Entry, "kinds" | "restored" | "routes" | "since" | "changes" | "compared" | "neverTold" | "reminder">,
    Pick<GuardedAlert, "withheld" | "sightings" | "chr"> {
  /** What its readers were let see, no more. */
  readonly alert: Alert;
  readonly form: Form;
  readonly cleared?: readonly string[];
  /** Of what is about no event: words of our own. */
  readonly custom?: NonNullable<Entry["custom"]>;
  /** It stands for what is taken back. */
  readonly withdrawn?: WithdrawalReason;
}

/** What a message shows. */
export interface PostContent extends Pick<Payload, "createdAt" | "priority" | "mentions" | "show" | "part"> {
  readonly entries: readonly KeptEntry[];
}

/** A message in a channel that may still be changed. */
export interface Post {
  /** Of the batch that it was sent for. */
  readonly id: BatchId;
  readonly destination: string;
  readonly at: number;
  readonly ref: PostRef;
  /** It stands below another one. */
  readonly isReply?: true;
  readonly events: readonly EventName[];
  /** Absent: there is no room for it; such a message is only replied to, until it is withdrawn. */
  readonly content?: PostContent;
  /** A digest of what it shows. */
  readonly shown?: string;
}

/** A message with what is known now of what it shows, in the order of its entries. */
export interface OpenPost {
  readonly post: Post;
  readonly memories: readonly Memory[];
  readonly progresses: readonly (EventProgress | undefined)[];
  /** Counts how often something has changed that it shows. */
  readonly revision: number;
  /** Attempts to change it since that last succeeded. */
  readonly attempts: number;
}

/** What a destination was told of an event. */
export interface Follow extends EventName {
  readonly progress: EventProgress;
  /** The message that others follow: the newest about this event alone, else the newest digest; absent: none can be found again. */
  readonly root?: Pick<Post, "id" | "ref" | "events" | "at">;
}

/** What is told of events from now on, written down with what was sent. */
export interface FollowUp {
  /** Without a progress it is only noted that the destination was told. */
  readonly told: readonly (EventName & { readonly progress?: EventProgress })[];
  /** The message that was sent, or changed. */
  readonly post?: Post;
  /** All other messages about these events are looked at again. */
  readonly refresh?: true;
  /** Each stands from now on for all that messages show of its event, which the destination counts as never told of. */
  readonly withdrawn?: readonly (EventName & { readonly entry: KeptEntry })[];
  /** The channel does not know this message any more. */
  readonly gone?: BatchId;
}

/** What came of an attempt to change a message. */
export type PostEnd = {
  readonly id: BatchId;
  readonly revision: number;
} /** Without content it is left as it is. */ & (
  | { readonly kind: "shown"; readonly content?: PostContent; readonly shown?: string }
  /** It is there no more, or will not change any more. */
  | { readonly kind: "over" }
  | { readonly kind: "again"; readonly at: number; readonly attempted: boolean; readonly reason: string }
);
