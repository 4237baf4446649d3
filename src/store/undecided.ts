import type { Undecided } from "../model/memory.ts";

/** Less these destinations; undefined when none is left. */
export function without(undecided: Undecided, decided: readonly string[]): Undecided | undefined {
  const destinations = undecided.destinations.filter((name) => !decided.includes(name));
  return destinations.length === 0 ? undefined : { ...undecided, destinations };
}
