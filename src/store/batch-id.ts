import { createHash } from "node:crypto";
import type { BatchId, DeliveryId } from "../model/outbox.ts";

/** The name of the batch that these deliveries form, whatever their order: 32 hex digits. */
export function batchIdOf(deliveries: readonly DeliveryId[]): BatchId {
  const hash = createHash("sha256");
  for (const id of [...deliveries].sort()) {
    hash.update(id).update("\n");
  }
  return hash.digest("hex").slice(0, 32) as BatchId;
}
