import type { Alert } from "../../model/alert.ts";
import type { Told, Unconfirmed, Undecided } from "../../model/memory.ts";
import type { Batch, BatchId, Delivery, DeliveryId, Group, RecordLine } from "../../model/outbox.ts";
import type { Collects, Floods } from "../../model/pacing.ts";
import type { Acknowledgement } from "../../model/remind.ts";
import type { Silence } from "../../model/silence.ts";
import type { ToldParts } from "../../model/told.ts";
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

/** What was told, and when it was planned, by the order of planning. */
export interface Versioned {
  readonly told: Told;
  readonly seq: number;
}

/** What is owed, what waits and what was told, by id or name; the parts of the store share it. */
export class Tables {
  readonly owed = new Map<string, OwedDelivery>();
  readonly groups = new Map<string, WaitingGroup>();
  readonly batches = new Map<string, FormedBatch>();
  readonly floods = new Map<string, Floods>();
  readonly undecided = new Map<string, Undecided>();
  readonly unconfirmed = new Map<string, Unconfirmed>();
  readonly silences = new Map<string, Silence & { muted: number }>();
  /** By instance and UUID of the event. */
  readonly acknowledged = new Map<string, Acknowledgement>();
  /** By instance, event and destination. */
  readonly told = new Map<string, Touched<Versioned>>();
  readonly toldParts = new Map<string, Touched<{ parts: ToldParts }>>();
  records: RecordLine[] = [];
}
