import { absorb, openWakeups } from "../absorbing/absorb.ts";
import { UNOBSERVED } from "../absorbing/observer.ts";
import { formatCount } from "../alert/text.ts";
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
import type { Trace } from "../planning/plan.ts";

/** Far in the future every group is due. */
const END_OF_TIME = Number.MAX_SAFE_INTEGER;

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

/** When what is owed leaves: once all is read, before the next message is, or when its time has come by the recorded times. */
export type Leave = "end" | "each" | "due";

/** How many messages and events a payload stands for: `3 messages about 1 event, merged`. */
export function describeMerge({ entries }: Payload): string {
  const messages = entries.reduce((sum, { kinds }) => sum + kinds.reduce((n, kind) => n + kind.n, 0), 0);
  const merged = messages > entries.length ? `, ${formatCount(messages, "message")} merged` : "";
  const updates = entries.filter(({ since }) => since !== undefined).length;
  return `${formatCount(entries.length, "alert")}${updates > 0 ? ` (${formatCount(updates, "update")})` : ""}${merged}`;
}

/** A payload as it would leave, and when. */
export interface Rehearsed {
  readonly payload: Payload;
  readonly at: number;
}

/** What would leave of some messages, and how that was decided; sends none of it. */
export async function rehearse(
  messages: readonly Message[],
  { store, rules, workers, clock }: Parts,
  when: Leave = "end",
): Promise<{ readonly left: readonly Rehearsed[]; readonly traces: readonly Trace[] }> {
  const planner = { store, rules, wakeups: openWakeups(), observer: UNOBSERVED };
  const left: Rehearsed[] = [];
  const traces: Trace[] = [];
  const tell = async (now: number, until?: number) => {
    for (const { destination, sending } of workers) {
      const { program } = destination;
      const how: Leaving = {
        toldBy: (batch, at) => openNoted(batch, sending, at).told,
        cut: async (batch, at) => {
          const cutting = program && { program, sending, store, now: at, monotonic: clock.monotonic };
          return cutting && !batch.part ? divide(batch, openNoted(batch, sending, at), cutting) : undefined;
        },
        ...(until !== undefined && { until }),
      };
      for await (const { batch, at } of leave(store, destination.name, now, how)) {
        const { payload } = openNoted(batch, sending, at);
        if (payload) {
          left.push({ payload, at });
        }
      }
    }
  };
  let now = clock.now();
  for (const message of messages) {
    if (when === "due") {
      await tell(Math.min(now, message.receivedAt), message.receivedAt);
      now = message.receivedAt;
    } else if (when === "each") {
      await tell(now);
    }
    const at = now;
    traces.push(...(await absorb([message], { ...planner, clock: { ...clock, now: () => at } })));
  }
  await tell(now, when === "due" ? END_OF_TIME : undefined);
  return { left, traces };
}

/** How batches leave: what is known to be told by one, the parts that it is cut into, and up to when, each at its own time. */
interface Leaving {
  readonly toldBy?: (batch: Batch, at: number) => readonly ToldParts[];
  readonly cut?: (batch: Batch, at: number) => Promise<Division | undefined>;
  /** Absent: all of them at once, whenever they are due. */
  readonly until?: number;
}

/** Every batch that a destination is owed, each settled as sent once the next is asked for. */
export async function* leave(
  store: Store,
  destination: string,
  now: number,
  { toldBy = () => [], cut, until }: Leaving = {},
): AsyncGenerator<{ readonly batch: Batch; readonly at: number }> {
  let at = now;
  for (;;) {
    const taken = await store.take(destination, until === undefined ? END_OF_TIME : at);
    if (!taken) {
      return;
    }
    if ("dueAt" in taken) {
      if (until === undefined || taken.dueAt > until) {
        return;
      }
      at = Math.max(at, taken.dueAt);
      continue;
    }
    for (const batch of taken.batches) {
      if (batch.note?.collects === "reminder") {
        // Here nobody acknowledges anything, and time is only played: what reminds has nothing to say.
        const end = { outcome: "muted", reason: "rehearsed" } as const;
        const records = batch.entries.map(({ delivery }) => recordOf(delivery, at, end));
        await store.settle([{ batch: batch.id, records, attempted: false }], at);
        continue;
      }
      const division = await cut?.(batch, at);
      if (division) {
        await store.divide(division, at);
        continue;
      }
      yield { batch, at };
      const records = batch.entries.map(({ delivery }) => recordOf(delivery, at, { outcome: "sent" }));
      await store.settle([{ batch: batch.id, records, attempted: true, told: toldBy(batch, at) }], at);
    }
  }
}
