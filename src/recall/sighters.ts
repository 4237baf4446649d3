import type { Planner } from "../absorbing/absorb.ts";
import type { Heartbeat } from "../base/liveness.ts";
import type { Undecided } from "../model/memory.ts";
import type { Organisation } from "../model/misp.ts";
import type { Budget } from "./budget.ts";
import { ASK_MS } from "./question.ts";

/** Who has reported sightings, by UUID and by number of the sighting. */
export type SightersByName = ReadonlyMap<string, Organisation>;

/** Whom to ask who has reported sightings. */
export interface SighterLookup {
  readonly budget: Budget;
  /** Asks about an event by its number; absent: that cannot be asked. Rejects only when `signal` aborts, or by a bug. */
  sighters?(
    eventId: string,
    signal: AbortSignal,
  ): Promise<{ readonly kind: "sighters"; readonly organisations: SightersByName } | { readonly kind: string }>;
}

/** Who has reported the sightings that wait. Where MISP does not say, they are told without: that is no reason to wait. */
export async function askSighters(
  { budget, sighters }: SighterLookup,
  undecided: readonly Undecided[],
  eventId: string | undefined,
  store: Planner["store"],
  stop: AbortSignal,
  beat: Heartbeat,
): Promise<SightersByName> {
  const isAsked = undecided.some(({ message }) => message.sighting !== undefined);
  if (!isAsked || !sighters || eventId === undefined || !(await budget.turn("recall", stop, beat))) {
    return NOBODY;
  }
  beat(ASK_MS);
  const answer = await sighters(eventId, stop).catch((error: unknown) => {
    if (!stop.aborted) {
      throw error;
    }
    return { kind: "stopped" };
  });
  if (!("organisations" in answer)) {
    return NOBODY;
  }
  await budget.note(answer, store);
  return answer.organisations;
}

const NOBODY: SightersByName = new Map();
