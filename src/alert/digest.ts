import type { Entry, Payload } from "../model/payload.ts";
import { THREAT_LEVELS, type ThreatLevel } from "../model/vocabulary.ts";
import type { FactId } from "./fact-line.ts";
import { formatTitle } from "./headline.ts";
import { LEVELS } from "./palette.ts";
import type { Style } from "./style.ts";
import { type CleanText, clean, formatCount, formatNumber, join } from "./text.ts";

/** How many entries of a digest are told in some words; of the others there is a line at most. */
export const MAX_DIGEST = 30;

/** How many rows an entry of a digest lists at most. */
export const DIGEST_ROWS = 3;
/** And how many withdrawn attributes. */
export const DIGEST_REMOVED = 3;

/**
 * How many rows an entry of a digest lists: of an event among many the numbers must do, unless the readers ask for what
 * matched; what is about a part of an event names it.
 */
export function digestRows({ entries, show }: Payload, { guarded }: Entry): number {
  const isFew = entries.length <= 5 || show === "matched";
  return isFew ? DIGEST_ROWS : guarded.alert.subject.type === "event" ? 0 : 1;
}

const DIGEST_FACTS: ReadonlySet<FactId> = new Set<FactId>(["about", "attributes", "sightings", "tag", "withdrawn"]);

/** What a digest says of an entry, beside its title; of our own troubles all, since reason and remedy are what they are about. */
export function isNamedInDigest(id: FactId, { guarded }: Entry): boolean {
  return DIGEST_FACTS.has(id) || (id === "line" && guarded.alert.subject.type === "herald");
}

/** The title of the gravest entry, for where there is room for one. */
export function gravest(payload: Payload, style: Style): CleanText {
  const [first] = payload.entries;
  return first ? formatTitle(first, style) : clean("");
}

/** How many entries there are of each threat level, the gravest first; entries that have none are in no count. */
export function countLevels({ entries }: Payload): readonly { readonly level: ThreatLevel; readonly n: number }[] {
  return THREAT_LEVELS.filter((level) => level !== "undefined")
    .map((level) => ({
      level,
      n: entries.filter(({ guarded }) => guarded.alert.event?.threatLevel === level).length,
    }))
    .filter(({ n }) => n > 0);
}

/** How many alerts a digest tells, without the words about itself that stand before them. */
export function countAlerts({ entries }: Payload): number {
  return entries.filter(({ guarded }) => guarded.alert.kind !== "herald.flood").length;
}

/** `part 2 of 3`, where it is one of several. */
export function formatPart({ part }: Payload): readonly CleanText[] {
  return part && part.of > 1 ? [clean(`part ${formatNumber(part.n)} of ${formatNumber(part.of)}`)] : [];
}

/** `3 missed by the feed`, where some are late. */
export function formatMissed({ entries }: Payload): readonly CleanText[] {
  const late = entries.filter(({ guarded }) => guarded.alert.late).length;
  return late > 0 ? [clean(`${formatNumber(late)} missed by the feed`)] : [];
}

/** `12 alerts · 1 high · 4 low`. */
export function formatDigestTitle(payload: Payload): CleanText {
  const levels = countLevels(payload).map(({ level, n }) =>
    clean(`${formatNumber(n)} ${LEVELS[level].word.toLowerCase()}`),
  );
  const parts = [...levels, ...formatMissed(payload), ...formatPart(payload)];
  const noun = payload.entries.every(({ reminder }) => reminder) ? "reminder" : "alert";
  return join([formatCount(countAlerts(payload), noun), ...parts], " · ");
}
