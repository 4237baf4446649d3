import type { Notices } from "../absorbing/notices.ts";
import type { Observer } from "../absorbing/observer.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Holds } from "../delivery/holds.ts";
import type { Ledger } from "../model/ledger.ts";
import type { Store } from "../model/outbox.ts";

/** How long what is owed to a destination is kept after no configuration names it any more. */
const KEPT_MS = 86_400_000;

/** What looking after them works with. */
export interface UnnamedContext {
  readonly store: Store & { readonly ledger: Ledger };
  readonly holds: Holds;
  readonly clock: Clock;
  readonly log: Log;
  readonly notices: Notices;
  readonly observer: Pick<Observer, "settled">;
}

/** Notes who is owed something and not named any more, and who is named again or owed nothing: nothing of it has aged. */
export async function noteUnnamed(
  { store, holds, clock, log }: UnnamedContext,
  named: ReadonlySet<string>,
): Promise<void> {
  const now = clock.now();
  const collected = await store.ledger.collected();
  const reminders = collected.flatMap(({ destination, collects, n }) =>
    collects === "reminder" && n > 0 ? { destination, owed: n } : [],
  );
  const lines = [...(await store.owed()), ...reminders].filter(({ destination }) => !named.has(destination));
  const owed: Record<string, number> = {};
  for (const line of lines) {
    const { destination } = line;
    if (await holds.add({ destination, kind: "unnamed", since: now, note: "" })) {
      owed[destination] = line.owed;
    }
  }
  for (const { destination, kind } of [...holds.all]) {
    const isOwed = lines.some((line) => line.destination === destination);
    // Of what is gone for good it does not matter any more that it refused us.
    const isOver = kind === "unnamed" || (kind === "suspended" && !named.has(destination));
    if (isOver && !isOwed) {
      await holds.release(destination, kind, now);
    }
  }
  if (Object.keys(owed).length === 0) {
    return;
  }
  const hint = "name them again, or drop what they are owed: misp-herald outbox drop --destination NAME";
  log.warn({ owed, hint }, "The configuration does not name destinations that are owed something; it is kept for 24 h");
}

/** What has waited for too long for its destination to be named again is dead. */
export async function dropUnnamed({ store, holds, clock, log, notices, observer }: UnnamedContext): Promise<void> {
  const now = clock.now();
  // The store knows what of that time a clock only claimed.
  for (const { destination, kind, since } of await store.ledger.holds()) {
    if (kind !== "unnamed" || now - since < KEPT_MS) {
      continue;
    }
    let dead = 0;
    const end = { outcome: "dead", reason: "destination-removed" } as const;
    for await (const lines of store.ledger.drop({ destinations: [destination] }, end, now)) {
      dead += lines.length;
      for (const line of lines) {
        observer.settled(line);
        notices.lost(line);
      }
    }
    await holds.release(destination, kind, now);
    if (dead === 0) {
      continue;
    }
    const hint = "misp-herald history --outcome dead lists what was lost";
    log.error(
      { destination, dead, hint },
      "No configuration has named the destination for 24 h: what it was owed is dead",
    );
  }
}
