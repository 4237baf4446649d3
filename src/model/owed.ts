import type { Brand } from "./brand.ts";

export type BatchId = Brand<string, "BatchId">; // hash of the deliveries that leave together: the same at every attempt

export type DeliveryId = Brand<string, "DeliveryId">; // hash of an alert's identity and a destination: adding it twice is harmless

/** Says that something is different, not what it was: the readers may not have been shown that. */
export interface EventChanges {
  readonly title: boolean;
  readonly threatLevel: boolean;
  readonly tagsAdded: readonly string[];
  readonly tagsRemoved: number;
}

/** Deliveries with one key leave together: the first after `waitMs`, what follows `intervalMs` after the last one left. */
export interface Group {
  readonly key: string;
  readonly waitMs: number;
  readonly intervalMs: number;
  /** How many items one payload lists. */
  readonly show: number | "matched";
  /** All of it leaves at these times, by the clocks of a time zone; the first one, too. */
  readonly digest?: { readonly cron: string; readonly timezone: string };
}

/** One of the payloads that were cut from one batch, from 1. */
export interface PartNumber {
  readonly n: number;
  readonly of: number;
}
