import type { Wakeups } from "../absorbing/absorb.ts";
import { silenceEnding } from "../absorbing/herald.ts";
import type { Notices } from "../absorbing/notices.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Holds } from "../delivery/holds.ts";
import type { Silences } from "../delivery/silences.ts";
import type { Ledger } from "../model/ledger.ts";

/** What looking after silences and pauses works with. */
export interface SilencingContext {
  readonly store: { readonly ledger: Ledger };
  readonly holds: Holds;
  readonly silences: Silences;
  readonly wakeups: Wakeups;
  readonly clock: Clock;
  readonly log: Log;
  readonly notices: Notices;
}

/** So long before its end a silence is told of, or in its last quarter where it is shorter. */
const SOON_MS = 900_000;
/** So many alerts behind it are much: as many as make a flood. */
const MUCH = 20;

/** Ends pauses, also where nothing is sent any more, and tells of silences that end soon with much behind them. */
export class Silencing {
  /** By silence, the end that was told. */
  readonly #told = new Map<string, number>();

  async look({ store, holds, silences, wakeups, clock, log, notices }: SilencingContext): Promise<void> {
    const now = clock.now();
    // The store knows what of the time a clock only claimed.
    holds.follow(await store.ledger.holds());
    for (const destination of await holds.expire(now)) {
      log.info({ destination }, "A pause has ended");
      wakeups.destinations.get(destination)?.wake();
    }
    await silences.refresh(now, log);
    const inForce = await store.ledger.silences(now);
    for (const silence of inForce) {
      const { id, until, createdAt, muted } = silence;
      const held = silence.held.reduce((sum, { n }) => sum + n, 0);
      const isSoon = until - now <= Math.min(SOON_MS, (until - createdAt) / 4);
      if (!isSoon || muted + held < MUCH || this.#told.get(id) === until) {
        continue;
      }
      this.#told.set(id, until);
      log.warn({ silence: id, muted, held }, "A silence ends soon, and there is much behind it");
      notices.say(silenceEnding(silence, { muted, held }, now));
    }
    for (const id of this.#told.keys()) {
      if (!inForce.some((silence) => silence.id === id)) {
        this.#told.delete(id);
      }
    }
  }
}
