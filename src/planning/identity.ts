import { createHash } from "node:crypto";
import type { AlertId } from "../model/alert.ts";
import type { Message } from "../model/message.ts";
import type { DeliveryId } from "../model/outbox.ts";
import type { Kind } from "../model/vocabulary.ts";

/** What makes two messages the same one, whichever endpoint, replay or reconcile they come by. */
export interface Identity {
  readonly instance: string;
  readonly kind: Kind;
  readonly subject: Message["subject"];
  readonly version: string;
}

/** `decided`: the alert as it is once MISP has been asked, which tells more than the first one under this identity. */
export function alertId(identity: Identity, decided = false): AlertId {
  return hash(identity, decided ? DECIDED : "") as AlertId;
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
