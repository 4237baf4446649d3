import type { Parts } from "../app.ts";
import { UsageError } from "../base/errors.ts";
import type { Config } from "../config/schema.ts";
import { divide } from "../delivery/divide.ts";
import { openNoted } from "../delivery/flood-note.ts";
import type { Message } from "../model/message.ts";
import type { Batch, Division, Store } from "../model/outbox.ts";
import type { Payload } from "../model/payload.ts";
import { recordOf } from "../model/record.ts";
import type { ToldParts } from "../model/told.ts";
import { keysOf, plan, type Trace } from "../planning/plan.ts";

/** A config with this destination only; throws UsageError with the names that there are. */
export function only(config: Config, names: readonly string[]): Config {
  const unknown = names.find((name) => !(name in config.destinations));
  if (unknown !== undefined) {
    throw new UsageError(
      `There is no destination "${unknown}"; there are ${Object.keys(config.destinations).join(", ")}`,
    );
  }
  const destinations = Object.entries(config.destinations).filter(([name]) => names.includes(name));
  return { ...config, destinations: Object.fromEntries(destinations) };
}

/** What would leave of some messages, and how that was decided; opens every batch as if its time had come, and sends none. */
export async function rehearse(
  messages: readonly Message[],
  { store, rules, workers, clock }: Parts,
): Promise<{ readonly payloads: readonly Payload[]; readonly traces: readonly Trace[] }> {
  const now = clock.now();
  const traces: Trace[] = [];
  for (const message of messages) {
    const { effects, traces: more } = plan([message], await store.load(keysOf([message])), now, rules);
    await store.commit(effects, now);
    traces.push(...more);
  }
  const payloads: Payload[] = [];
  for (const { destination, sending } of workers) {
    const { program } = destination;
    const cut = async (batch: Batch) => {
      const cutting = program && { program, sending, store, now, monotonic: clock.monotonic };
      return cutting && !batch.part ? divide(batch, openNoted(batch, sending, now), cutting) : undefined;
    };
    for await (const batch of leave(store, destination.name, now, (one) => openNoted(one, sending, now).told, cut)) {
      const { payload } = openNoted(batch, sending, now);
      if (payload) {
        payloads.push(payload);
      }
    }
  }
  return { payloads, traces };
}

/**
 * Every batch that a destination is owed, each settled as sent once the next is asked for, with what `toldBy` it is known; and
 * in the parts that `cut` makes of it.
 */
export async function* leave(
  store: Store,
  destination: string,
  now: number,
  toldBy: (batch: Batch) => readonly ToldParts[] = () => [],
  cut: (batch: Batch) => Promise<Division | undefined> = async () => undefined,
): AsyncGenerator<Batch> {
  for (;;) {
    // Far in the future every group is due.
    const taken = await store.take(destination, Number.MAX_SAFE_INTEGER);
    if (!taken || !("batch" in taken)) {
      return;
    }
    const division = await cut(taken.batch);
    if (division) {
      await store.divide(division, now);
      continue;
    }
    yield taken.batch;
    const records = taken.batch.entries.map(({ delivery }) => recordOf(delivery, now, { outcome: "sent" }));
    await store.settle({ batch: taken.batch.id, records, attempted: true, told: toldBy(taken.batch) }, now);
  }
}
