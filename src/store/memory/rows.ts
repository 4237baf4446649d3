import type { Alert } from "../../model/alert.ts";
import type { Batch, BatchId, Delivery, DeliveryId, Group } from "../../model/outbox.ts";
import type { Collects } from "../../model/pacing.ts";
import type { GroupState } from "../../pacing/place.ts";

export interface OwedDelivery {
  readonly delivery: Delivery;
  readonly alert: Alert;
  readonly groupKey: string;
  /** The order in which they became owed. */
  readonly seq: number;
  /** By the clock as it is set now; the delivery has what it said then. */
  readonly owedSince: number;
  batch?: BatchId;
}
export interface WaitingGroup extends GroupState {
  readonly destination: string;
  readonly group: Pick<Group, "key" | "show">;
  readonly collects?: Collects | undefined;
}
export interface FormedBatch extends Omit<Batch, "entries" | "firstAttemptAt"> {
  readonly high: boolean;
  readonly nextAt: number;
  readonly firstAttemptAt?: number;
  readonly reason?: string;
  readonly groupKey: string;
  /** It has a part of this delivery, which names the first part that is left as its batch. */
  readonly delivery?: DeliveryId;
  /** Taken and not settled yet, since when. */
  readonly takenAt?: number;
}

/** A row, and when it was written last. */
export type Touched<T> = T & { readonly touchedAt: number };
