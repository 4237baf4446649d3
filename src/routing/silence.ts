import { z } from "zod";
import type { Matchable, Truth } from "../model/message.ts";
import type { Silence } from "../model/silence.ts";
import { type FactName, type Kind, takesBack } from "../model/vocabulary.ts";
import { asksLists, asksSightings } from "./lists.ts";
import { compileMatch } from "./match.ts";
import { MatchMap } from "./schema.ts";

/** A silence whose conditions are compiled. */
export interface CompiledSilence {
  readonly silence: Silence;
  /** Whether its conditions hold; it mutes only where they are known to. */
  readonly matches: (subject: Matchable) => Truth;
}

/** The conditions of a silence, in the language of a route's `match`. */
export const SilenceMatch = z
  .array(MatchMap)
  .refine((match) => !asksSightings(match), "sightings are counted for routes: name the route")
  .refine((match) => !asksLists(match), "watch lists are for routes: name the route, or the values themselves");

/** Compiles a silence; throws for conditions that are none, or a bad regular expression. */
export function compileSilence(silence: Silence): CompiledSilence {
  const all = SilenceMatch.parse(silence.match);
  const { matches } = compileMatch(all.length === 0 ? undefined : [{ all }]);
  return { silence, matches };
}

/** Those of these silences whose conditions are true of a subject, wherever it is told. */
export function silencesOn(silences: readonly CompiledSilence[], subject: Matchable): readonly Silence[] {
  return silences
    .filter(({ silence, matches }) => isAbout(silence, subject) && matches(subject) === true)
    .map(({ silence }) => silence);
}

/** What silences leave of one delivery. */
export interface Muted {
  /** All of it is muted, by this one. */
  readonly silence?: Silence;
  /** The routes that still tell it. */
  readonly routes: readonly string[];
}

/** Which of the routes that tell a destination something are muted; `silences` are those that are true of it. */
export function mute(
  silences: readonly Silence[],
  {
    kind,
    destination,
    routes,
  }: { readonly kind: Kind; readonly destination: string; readonly routes: readonly string[] },
): Muted {
  const here = silences.filter((silence) => mayMute(silence, kind) && names(silence.destinations, destination));
  const left = routes.filter((route) => !here.some((silence) => names(silence.routes, route)));
  if (left.length > 0 || routes.length === 0) {
    return { routes: left };
  }
  const muting = here.filter((silence) => routes.some((route) => names(silence.routes, route)));
  // Whoever wants to be told afterwards is; of equals the one that lasts longest.
  const [silence] = muting.toSorted(
    (a, b) => Number(b.afterwards === "digest") - Number(a.afterwards === "digest") || b.until - a.until,
  );
  return { ...(silence && { silence }), routes: left };
}

/** What MISP has taken back is told to whom it was told, and our own troubles to all but those who name where they come. */
function mayMute({ routes, destinations }: Silence, kind: Kind): boolean {
  if (takesBack(kind)) {
    return false;
  }
  return !kind.startsWith("herald.") || routes.length + destinations.length > 0;
}

function names(list: readonly string[], name: string): boolean {
  return list.length === 0 || list.includes(name);
}

function isAbout({ events }: Silence, { facts }: Matchable): boolean {
  const has = (fact: FactName, value: string | undefined) =>
    value === undefined || (facts[fact]?.values.some((one) => one.toLowerCase() === value.toLowerCase()) ?? false);
  return (
    events.length === 0 ||
    events.some(({ instance, uuid, id }) => has("instance", instance) && has("event_uuid", uuid) && has("event_id", id))
  );
}
