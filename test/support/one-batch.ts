import type { Batch, RecordLine, Settlement, Store, TakeOptions } from "../../src/model/outbox.ts";

/** The batch that is due first, or when it will be. */
export async function takeOne(
  store: Pick<Store, "take">,
  destination: string,
  now: number,
  options?: TakeOptions,
): Promise<{ readonly batch: Batch } | { readonly dueAt: number } | undefined> {
  const taken = await store.take(destination, now, options);
  const [batch] = taken && "batches" in taken ? taken.batches : [];
  return batch ? { batch } : taken && "dueAt" in taken ? taken : undefined;
}

/** The lines that were written of one batch. */
export async function settleOne(
  store: Pick<Store, "settle">,
  settlement: Settlement,
  now: number,
): Promise<readonly RecordLine[]> {
  const [lines = []] = await store.settle([settlement], now);
  return lines;
}
