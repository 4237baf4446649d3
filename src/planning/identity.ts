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

export function alertId(identity: Identity): AlertId {
  return hash(identity, "") as AlertId;
}

export function deliveryId(identity: Identity, destination: string): DeliveryId {
  return hash(identity, destination) as DeliveryId;
}

function hash({ instance, kind, subject, version }: Identity, destination: string): string {
  const parts = [instance, kind, subject.type, subject.uuid ?? subject.id ?? "", version, destination];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
