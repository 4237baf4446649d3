import type { Payload } from "../model/payload.ts";
import { THREAT_LEVELS, type ThreatLevel } from "../model/vocabulary.ts";
import { LEVELS } from "./palette.ts";
import { type CleanText, clean, formatCount, formatNumber, join } from "./text.ts";

/** How many entries of a digest are told in some words; of the others there is a line at most. */
export const MAX_DIGEST = 30;

/** How many entries there are of each threat level, the gravest first; entries that have none are in no count. */
export function countLevels({ entries }: Payload): readonly { readonly level: ThreatLevel; readonly n: number }[] {
  return THREAT_LEVELS.map((level) => ({
    level,
    n: entries.filter(({ guarded }) => guarded.alert.event?.threatLevel === level).length,
  })).filter(({ n }) => n > 0);
}

/** `12 alerts · 1 high · 4 low`. */
export function formatDigestTitle(payload: Payload): CleanText {
  const levels = countLevels(payload).map(({ level, n }) =>
    clean(`${formatNumber(n)} ${LEVELS[level].word.toLowerCase()}`),
  );
  return join([formatCount(payload.entries.length, "alert"), ...levels], " · ");
}
