import { createHash } from "node:crypto";
import { isForDetection, shortName, unpackParts } from "../guard/fingerprint.ts";
import { guard, type Refusal } from "../guard/guard.ts";
import { markingOf } from "../guard/marking.ts";
import type { Guard } from "../guard/policy.ts";
import type { Alert } from "../model/alert.ts";
import type { EventMemory, ReachedDestination } from "../model/memory.ts";
import type { Message } from "../model/message.ts";
import type { Delivery } from "../model/outbox.ts";
import type { WithdrawalReason } from "../model/post.ts";
import type { Kind } from "../model/vocabulary.ts";
import { withdrawalGroup } from "./groups.ts";
import { alertId, deliveryId } from "./identity.ts";
import type { DestinationRules } from "./share.ts";
import { versionAfter } from "./version.ts";

/** What a message takes back of an event, and from whom. */
export interface EventWithdrawal {
  /** It says which event it is, and nothing that is in it. */
  readonly alert: Alert;
  readonly reason: WithdrawalReason;
  /** All that were told something of the event, or may be while this is planned. */
  readonly destinations: readonly string[];
}

/** An event as it was before a message and is after it. */
export interface MovedEvent {
  readonly message: Message;
  readonly before: EventMemory | undefined;
  readonly after: EventMemory | undefined;
}

/** What a message takes back: an event that is deleted or unpublished, or may not be seen any more by those who were told. */
export function withdrawalBy(
  moved: MovedEvent,
  told: readonly string[],
  rules: ReadonlyMap<string, DestinationRules>,
): EventWithdrawal | undefined {
  const { message, before, after } = moved;
  const uuid = after?.event.uuid;
  if (!after || uuid === undefined || told.length === 0) {
    return undefined;
  }
  const wanting = told.filter((name) => withdraws(rules.get(name)));
  if (wanting.length === 0) {
    return undefined;
  }
  if (isTakenBack(moved)) {
    const isUnpublished = after.unpublished === true && !before?.unpublished;
    const version = versionAfter(message.version, after.withdrawals ?? 0);
    // One that was made anew has words of its own, which are not published.
    const last =
      !isUnpublished && !after.deleted && before ? { ...before, withdrawals: after.withdrawals ?? 0 } : after;
    return {
      alert: alertOf(message, last, isUnpublished ? "event.unpublished" : "event.deleted", version),
      reason: isUnpublished ? "unpublished" : "deleted",
      destinations: wanting,
    };
  }
  const lost = wanting.filter((name) => {
    const policy = rules.get(name)?.guard;
    const [now, then] = policy ? [seen(after, policy), before ? seen(before, policy) : undefined] : [];
    // What had hidden it already may be waiting to be said, or was not noticed. Whoever was told that is not among these.
    return now !== undefined && (now === HIDDEN || now > (then ?? 0));
  });
  const version = `${after.publishedAt ?? after.event.changedAt ?? 0}.${secrecyOf(after)}`;
  return { alert: alertOf(message, after, "event.withdrawn", version), reason: "restricted", destinations: lost };
}

/** Whether a message takes back the event from those who were told of it before. */
export function isTakenBack({ before, after }: MovedEvent): boolean {
  // That it was deleted was told, when it is made anew.
  return !before?.deleted && (after?.withdrawals ?? 0) > (before?.withdrawals ?? 0);
}

/** Whether the labels and the reach of an event are others than before: who may see it must be looked at again. */
export function isNarrowed({ before, after }: MovedEvent): boolean {
  return before !== undefined && after !== undefined && before !== after && secretsOf(before) !== secretsOf(after);
}

function secrecyOf(event: EventMemory): string {
  return createHash("sha256").update(secretsOf(event)).digest("base64url").slice(0, 12);
}

function secretsOf({ event, attached, narrowed, partsNarrowed }: EventMemory): string {
  const tags = [...(event.tags ?? []), ...attached].map(({ name }) => name).sort();
  const about = [tags, event.distribution, event.sharingGroup?.id, event.sharingGroup?.uuid, narrowed, partsNarrowed];
  return JSON.stringify(about);
}

const FORMS = ["full", "metadata", "pointer"] as const;
const HIDDEN = FORMS.length;
const ABOVE: readonly Refusal[] = ["tlp-above-ceiling", "distribution", "untagged"];

/** How little of an event readers may see: nothing at all is the most; undefined: that is not known. */
function seen(event: EventMemory, policy: Guard): number | undefined {
  const verdict = guard(bare(event, event.instance), policy, { event, parts: [] });
  if ("guarded" in verdict) {
    return FORMS.indexOf(verdict.guarded.form);
  }
  return ABOVE.includes(verdict.refused) ? HIDDEN : undefined;
}

function alertOf(message: Message, event: EventMemory, kind: Kind, version: string): Alert {
  const { instance, receivedAt } = message;
  const { uuid, id } = event.event;
  const subject = { type: "event" as const, ...(uuid !== undefined && { uuid }), ...(id !== undefined && { id }) };
  return {
    ...bare(event, instance),
    id: alertId({ instance, kind, subject, version }),
    kind,
    subject,
    version,
    receivedAt,
  };
}

/** What is known of an event itself, as it was published. */
function bare(memory: EventMemory, instance: string): Alert {
  const { tags, clusters: _, attributeCount: __, ...event } = memory.event;
  const { published } = memory;
  const names = [...(tags ?? []), ...memory.attached].map(({ name }) => name);
  return {
    id: "" as Alert["id"],
    kind: "event.published",
    instance,
    receivedAt: 0,
    subject: { type: "event" },
    version: "",
    event: {
      ...event,
      ...(published?.info !== undefined && { info: published.info }),
      ...(published?.threatLevel !== undefined && { threatLevel: published.threatLevel }),
    },
    marking: markingOf(names, tags !== undefined),
    everPublished: memory.everPublished,
    ...(memory.withdrawals !== undefined && { withdrawals: memory.withdrawals }),
    ...{ items: [], counts: [], objects: [], lines: [] },
  };
}

/** What a destination is owed of a withdrawal: nothing holds it. */
export function withdrawalTo({ alert, reason }: EventWithdrawal, destination: string, now: number): Delivery {
  const { id, instance, kind, event } = alert;
  return {
    ...{ id: deliveryId(alert, destination), alert: id, destination, instance, kind, createdAt: now },
    ...(event?.uuid !== undefined && { eventUuid: event.uuid }),
    ...{ priority: "normal", routes: [], mentions: [], groups: [withdrawalGroup(event?.uuid, "withdrawal")] },
    ...{ unheld: "always", withdraws: reason },
  };
}

/** Whether a destination wants to hear of what is taken back. */
export function withdraws(rules: DestinationRules | undefined): boolean {
  return rules?.withdraw !== undefined && rules.withdraw !== "ignore";
}

/** Whether a message may take back attributes: they are deleted, or are not for detection any more. */
export function mayTakeBackParts({ kind, attributes }: Pick<Message, "kind" | "attributes">): boolean {
  return (
    kind === "attribute.deleted" || (kind === "attribute.edited" && attributes.some(({ toIds }) => toIds === false))
  );
}

/** Which destinations were told what a message takes back of an event: the attribute itself, or that it was for detection. */
export function toldOfParts(
  { kind, items }: Pick<Alert, "kind" | "items">,
  reached: readonly ReachedDestination[],
): readonly string[] {
  return reached
    .filter(({ parts }) => {
      const known = parts && unpackParts(parts);
      return items.some((item) => {
        const state = known?.get(shortName(item) ?? "");
        return state !== undefined && (kind === "attribute.deleted" || isForDetection(state));
      });
    })
    .map(({ destination }) => destination);
}
