import type { Alert } from "./alert.ts";
import type { Brand } from "./brand.ts";
import type { Sighting } from "./misp.ts";
import type { BatchId, DeliveryId, EventChanges, Group, PartNumber } from "./owed.ts";
import type { EventProgress, PostRef, WithdrawalReason } from "./progress.ts";
import type { Reminder } from "./remind.ts";
import type { Comparison } from "./told.ts";
import type { Kind, Pap, Tlp } from "./vocabulary.ts";

/** How much of an alert a destination may see. */
export type Form = "full" | "metadata" | "pointer";

/** An alert reduced to what one destination may see. Only the guard makes one; nothing else reaches a formatter. */
export type GuardedAlert = Brand<
  {
    readonly form: Form;
    /** Without what was withheld: fields are removed, not blanked. */
    readonly alert: Omit<Alert, "marking" | "everPublished" | "thread">;
    /** Every sighting that it stands for, newest first, also those of alerts that were merged into it. */
    readonly sightings: readonly Sighting[];
    /** The strictest label of what is in it; `untagged` when no level has one. */
    readonly tlp: Tlp | "untagged";
    readonly pap: Pap | "untagged";
    /** Where it comes from may not be told, and is not in it. */
    readonly chr?: true;
    /** How many attributes are not in it because of a marking. */
    readonly withheld: number;
    /** Of metadata: which labels keep its content back; absent: there is none. */
    readonly keptBack?: readonly ("tlp" | "pap")[];
  },
  "GuardedAlert"
>;

/** One thing a payload tells: the newest alert about it, with the parts of the older ones merged in. */
export interface Entry {
  readonly guarded: GuardedAlert;
  /**
   * The label of the event itself, and what it counts as beside a part that has one of its own; absent: as strict as all of
   * it.
   */
  readonly eventMarking?: { readonly tlp: Tlp | "untagged"; readonly floor?: Tlp };
  /** How many messages it stands for, by kind. */
  readonly kinds: readonly { readonly kind: Kind; readonly n: number }[];
  /** Which of them bring parts back, and which deletions are undone by that. */
  readonly restored?: Entry["kinds"];
  readonly routes: readonly string[];
  /** The version of the event that the destination was told last: what is newer has changed. */
  readonly since?: number;
  readonly changes?: EventChanges;
  /** How its attributes compare with those that were told last; absent beside `since`: that is not known. */
  readonly compared?: Comparison;
  /** Which conditions of its routes hold, in words; with text from MISP, of what these readers may see. */
  readonly because?: readonly string[];
  /** How many attributes are not in it that were taken back before these readers were told of them. */
  readonly neverTold?: number;
  /** It tells nothing new: it reminds of what was told before, or tells others who were not. */
  readonly reminder?: Reminder;
  /** What has become of it since its readers were told first, where this is the message that they were told with. */
  readonly progress?: EventProgress;
  /** When its readers were told of it first, in a message that this one does not stand below. */
  readonly firstToldAt?: number;
  /** All that was told of it is taken back, and why. */
  readonly withdrawn?: WithdrawalReason;
  /** The event's page in MISP, when the instance's URL is configured. */
  readonly link?: URL;
  /** The operator's own links, filled in with what these readers may see. */
  readonly links?: readonly { readonly label: string; readonly url: URL }[];
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
  /** For programs: all that is in it is listed, whatever `show` says. */
  readonly whole?: true;
  /** Which it is of the payloads that it was cut into. */
  readonly part?: PartNumber;
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
  /** `ref`: how the channel finds the message again. */
  | { readonly kind: "done" | "unproven"; readonly ref?: PostRef }
  | ({ readonly kind: "ambiguous" | "message_rejected" | "destination_rejected" } & Failure)
  /** `down`: whatever the message, nothing can be sent there for now. */
  | ({ readonly kind: "retry"; readonly down?: true } & Failure)
  | ({ readonly kind: "retry_after"; readonly afterMs: number } & Failure);

/** The channel does not know the message any more, or lets nobody change or follow it. */
export interface GoneMessage extends Failure {
  readonly kind: "gone";
}

/** What a channel can do with messages that it has shown. Like `send` none of it retries, or throws for what the other side does. */
export interface ChannelFollowing {
  /** Whether a message is where the destination tells now. */
  knows(ref: PostRef): boolean;
  /** Shows a payload below a message; `isAloud`: also where all others are. */
  reply(payload: Payload, to: PostRef, isAloud: boolean, signal: AbortSignal): Promise<Outcome | GoneMessage>;
  /** Shows a payload in the place of what a message shows. */
  edit(ref: PostRef, payload: Payload, signal: AbortSignal): Promise<Outcome | GoneMessage>;
  remove(ref: PostRef, signal: AbortSignal): Promise<Outcome | GoneMessage>;
}

/** How a destination is told of an event again: below the first message, in its place, or by a message of its own. */
export const UPDATES = ["thread", "edit", "new"] as const;
export type UpdatesMode = (typeof UPDATES)[number];

/** What becomes of what was told of an event that is taken back; `ignore`: nothing, and nobody is told. */
export const WITHDRAWS = ["mark", "delete", "ignore"] as const;
export type WithdrawMode = (typeof WITHDRAWS)[number];

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

/** How long a payload is, and what is in it, in bytes. */
export interface Weight {
  readonly total: number;
  /** In the order of the payload's. */
  readonly entries: readonly {
    /** All of it but its items and objects. */
    readonly base: number;
    /** In the order of the alert's items, withdrawn ones among them. */
    readonly items: readonly number[];
    /** By their keys. */
    readonly objects: ReadonlyMap<string, number>;
  }[];
}

/** What a destination whose readers are programs says of sizes: what one payload cannot hold leaves in several. */
export interface Program {
  readonly maxBytes: number;
  /** Whether all of it fits. */
  fits(payload: Payload): boolean;
  weigh(payload: Payload): Weight;
}

/** One configured place to tell. Sends once; never retries, never throws for what the other side does. */
export interface Destination extends AsyncDisposable {
  readonly name: string;
  /** Absent: its readers are people, who are shown as much as they can read. */
  readonly program?: Program;
  /** For people: whether a message shows all that it would like to of these; absent: it always does. */
  fits?(payload: Payload): boolean;
  /** Absent: what it has shown cannot be changed. */
  readonly following?: ChannelFollowing;
  /** Its readers see by themselves which messages belong together. */
  readonly threads?: true;
  /** Rejects only when `signal` aborts (with its reason) or by a bug. */
  send(payload: Payload, signal: AbortSignal): Promise<Outcome>;
  /** What `send` would send; does no I/O beyond reading its own files. */
  preview(payload: Payload): Promise<Preview>;
}
