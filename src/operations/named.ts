import type { Store } from "../model/outbox.ts";
import type { ActiveConfig, Vitals } from "./daemon.ts";

/** What every destination is owed that is owed something. */
export type OwedTotals = Awaited<ReturnType<Store["owed"]>>;

/** The destinations that are configured, or still owed something. */
export function knownDestinations(
  { destinations }: Pick<ActiveConfig, "destinations">,
  owed: OwedTotals,
): readonly string[] {
  return [...new Set([...destinations.keys(), ...owed.flatMap((line) => (line.owed > 0 ? line.destination : []))])];
}

/** Drops what was counted of names that the configuration does not have; of destinations, once they are owed nothing. */
export function forgetUnnamed(daemon: ActiveConfig & Pick<Vitals, "totals">, owed: OwedTotals): void {
  const { instances, routes, totals } = daemon;
  totals.keep({ instances, routes, destinations: knownDestinations(daemon, owed) });
}
