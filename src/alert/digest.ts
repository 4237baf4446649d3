import type { Entry, Payload } from "../model/payload.ts";
import { THREAT_LEVELS, type ThreatLevel } from "../model/vocabulary.ts";
import type { FactId } from "./fact-line.ts";
import { formatTitle } from "./headline.ts";
import { LEVELS } from "./palette.ts";
import type { Style } from "./style.ts";
import { type CleanText, clean, formatCount, formatNumber, join } from "./text.ts";

/** How many entries of a digest are told in some words; of the others there is a line at most. */
export const MAX_DIGEST = 30;

/** How many rows each entry of a digest lists: among many the numbers must do, unless the readers ask for what matched. */
export function digestRows({ entries, show }: Payload): number {
  return entries.length <= 5 || show === "matched" ? 3 : 0;
}

const DIGEST_FACTS: ReadonlySet<FactId> = new Set<FactId>(["about", "attributes", "sightings", "tag"]);

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
