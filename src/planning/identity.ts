import { createHash } from "node:crypto";
import type { Alert, AlertId } from "../model/alert.ts";
import type { Message } from "../model/message.ts";
import type { DeliveryId } from "../model/outbox.ts";
import type { Kind } from "../model/vocabulary.ts";

/**
 * What makes two messages the same one, whichever endpoint, replay or reconcile they come by. `version` is what MISP gives where
 * it gives anything: a time of change with the action, and of a publication a digest of what it says, so that a copy is one
 * however late it comes. Where it gives nothing it is the content, and which of equal ones it is by the transport: the
 * place among equal frames of an endpoint, which a second endpoint repeats (sources/occurrences.ts). An arrival alone would
 * make one of four equal lines within a second, and two of a copy that comes in the next one.
 */
export interface Identity {
  readonly instance: string;
  readonly kind: Kind;
  readonly subject: Message["subject"];
  readonly version: string;
}

/**
 * `decided`: the alert as it is once MISP has been asked, which tells more than the first one under this identity. What is
 * published again as it was has a name of its own, too: what is known of its parts may have changed since.
 */
export function alertId(
  { change, receivedAt, ...identity }: Identity & Partial<Pick<Alert, "change" | "receivedAt">>,
  decided = false,
): AlertId {
  const { version } = identity;
  const again = change === "unchanged" ? `${version}@${receivedAt ?? ""}` : version;
  return hash({ ...identity, version: again }, decided ? DECIDED : "") as AlertId;
}

/** No destination is called so. */
const DECIDED = "\u0000decided";

/** The same alert as programs get it, which has more in it than people are told. */
export function wholeId(id: AlertId): AlertId {
  return createHash("sha256")
    .update(JSON.stringify(["whole", id]))
    .digest("hex")
    .slice(0, 32) as AlertId;
}

export function deliveryId(identity: Identity, destination: string): DeliveryId {
  return hash(identity, destination) as DeliveryId;
}

function hash({ instance, kind, subject, version }: Identity, destination: string): string {
  const parts = [instance, kind, subject.type, subject.uuid ?? subject.id ?? "", version, destination];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
