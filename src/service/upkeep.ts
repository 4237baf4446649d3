import type { Notices } from "../absorbing/notices.ts";
import type { Observer } from "../absorbing/observer.ts";
import type { Clock } from "../base/clock.ts";
import { unheard, WORK_MS } from "../base/liveness.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "../model/outbox.ts";
import { refuse } from "../planning/undecided.ts";
import type { Size } from "../store/size.ts";

/** What keeping the state file in bounds works with. */
export interface Upkeep {
  readonly store: Store & { readonly size: Size };
  readonly bounds: () => { readonly retentionMs: number; readonly maxBytes: number };
  /** What else is looked after as often. */
  readonly others?: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly notices: Notices;
  readonly observer: Pick<Observer, "settled">;
}

const LOOK_EVERY_MS = 60_000;
const PRUNE_EVERY_MS = 3_600_000;
/** Between two transactions everything else goes on. */
const BREATH_MS = 10;

/** Keeps the state file within its retention and its size; ends when `signal` aborts. */
export async function keepInBounds(upkeep: Upkeep, signal: AbortSignal, beat = unheard): Promise<void> {
  const { store, bounds, clock, log } = upkeep;
  const breathe = () => {
    beat(WORK_MS);
    return clock.sleep(BREATH_MS, signal);
  };
  let prunedAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      const now = clock.now();
      const { retentionMs } = bounds();
      if (Math.abs(now - prunedAt) >= PRUNE_EVERY_MS) {
        while (!signal.aborted && (await store.prune(now - retentionMs, now))) {
          await breathe();
        }
        prunedAt = now;
      }
      await upkeep.others?.();
      await shrink(upkeep, signal, breathe);
      while (!signal.aborted && (await store.size.giveBack())) {
        await breathe();
      }
    } catch (error) {
      // Such as a full disk, which may have room again.
      log.error(
        { err: error, hint: "free space where the state file is, and see that it can be written" },
        "Cannot keep the state file in its bounds",
      );
    }
    beat(LOOK_EVERY_MS);
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

async function shrink(
  { store, bounds, clock, log, notices, observer }: Upkeep,
  signal: AbortSignal,
  breathe: () => Promise<void>,
) {
  const { maxBytes, retentionMs } = bounds();
  if ((await store.size.measure()).used <= maxBytes) {
    return;
  }
  const startedAt = clock.now();
  while (!signal.aborted && (await store.prune(startedAt - retentionMs, startedAt))) {
    await breathe();
  }
  const removed = { records: 0, memory: 0, undecided: 0, unconfirmed: 0 };
  const dead = new Map<string, number>();
  for (;;) {
    const now = clock.now();
    const shed = signal.aborted ? undefined : await store.size.shed(maxBytes, now);
    if (!shed) {
      break;
    }
    if (shed.what === "undecided") {
      const effects = refuse(shed.undecided, "unknown", now);
      await store.commit(effects, now);
      removed.undecided += shed.undecided.length;
      for (const line of effects.records) {
        observer.settled(line);
      }
    } else if (shed.what === "owed") {
      for (const line of shed.lines) {
        dead.set(line.destination, (dead.get(line.destination) ?? 0) + 1);
        observer.settled(line);
        notices.lost(line);
      }
    } else {
      removed[shed.what] += shed.rows;
    }
    await breathe();
  }
  const { used } = await store.size.measure();
  const about = { usedBytes: used, maxBytes, removed, dead: Object.fromEntries(dead) };
  if (used > maxBytes && !signal.aborted) {
    log.error(
      { ...about, hint: "raise state.max_size, or lower retention" },
      "The state file is larger than state.max_size, and nothing more can be removed",
    );
  } else if (dead.size > 0) {
    log.error(
      { ...about, hint: "see to the destinations that do not answer, or raise state.max_size" },
      "The state file was full: the oldest deliveries are dead",
    );
  } else {
    log.warn(
      { ...about, hint: "raise state.max_size to keep more" },
      "The state file was full: the oldest records and memory of events were removed",
    );
  }
}
