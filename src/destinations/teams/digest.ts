import { countLevels } from "../../alert/digest.ts";
import type { FactId } from "../../alert/facts.ts";
import { formatTlp } from "../../alert/headline.ts";
import { LEVELS } from "../../alert/palette.ts";
import { clean, formatCount, formatNumber, join } from "../../alert/text.ts";
import type { Payload } from "../../model/payload.ts";
import { line, openUrl, type RichTextBlock, run } from "./card.ts";
import {
  type CardContent,
  type EntryText,
  formatHead,
  formatIndicators,
  formatLevel,
  formatMore,
  formatRemoved,
} from "./entry.ts";
import { cardText } from "./text.ts";

/** Facts that have no place where many things are told at once. */
const UNIMPORTANT: ReadonlySet<FactId> = new Set<FactId>([
  "date",
  "analysis",
  "distribution",
  "objects",
  "routes",
  "more",
]);

const FINE = { size: "Small", isSubtle: true } as const;

/**
 * A card about several entries, of which `told` are shown: the gravest, as they come. `minimal`: only marking, title and link
 * of each.
 */
export function formatDigest(payload: Payload, told: readonly EntryText[], minimal: boolean): CardContent {
  const levels = countLevels(payload);
  // Counted by glyph and word, as they stand below.
  const counts = levels.map(({ level, n }) => clean(`${LEVELS[level].glyph} ${formatNumber(n)} ${LEVELS[level].word}`));
  const left = payload.entries.length - told.length;
  const title = formatCount(payload.entries.length, "alert");
  return {
    body: [
      formatHead(levels[0]?.level, formatTlp(payload.tlp), minimal ? [] : counts, title),
      ...told.flatMap((entry, index) => formatEntry(entry, index === 0, minimal)),
      ...(left > 0
        ? [line([run(cardText(clean(`+${formatCount(left, "more alert")} in MISP`)), FINE)], { spacing: "Medium" })]
        : []),
    ],
    actions: [],
  };
}

function formatEntry(
  { words, indicators, more, removed, moreRemoved }: EntryText,
  isFirst: boolean,
  minimal: boolean,
): RichTextBlock[] {
  const { level, tlp, pap, state, title, changed, notice, body, facts, context, withheld, link } = words;
  const open = openUrl(link);
  const name = line(
    [
      ...(level && !minimal ? [run(cardText(formatLevel(level), "", "\u2002"))] : []),
      run(cardText(title), { weight: "Bolder", ...(open ? { selectAction: open } : {}) }),
    ],
    { spacing: "Medium", ...(isFirst ? {} : { separator: true }) },
  );
  const marking = pap ? join([tlp, pap], " · ") : tlp;
  if (minimal) {
    return [name, line([run(cardText(marking), FINE)], { spacing: "None" })];
  }
  const details = [
    marking,
    ...(state ? [state] : []),
    ...(changed ? [changed] : []),
    ...(body ?? facts.map(({ label, value }) => join([label, value], ": "))).filter((text) => text !== ""),
    ...(body ? [] : context),
    ...(withheld ? [withheld] : []),
    ...(notice ? [notice] : []),
  ];
  const rows = body ? [] : indicators;
  return [
    name,
    line([run(cardText(join(details, " · ")), FINE)], { spacing: "None" }),
    ...(body ? [] : formatRemoved(removed, moreRemoved)),
    ...formatIndicators(rows),
    ...(rows.length > 0 && more > 0
      ? [line([run(cardText(formatMore(rows.length, more)), FINE)], { spacing: "None" })]
      : []),
  ];
}

/** Leaves out what a digest has no room for. */
export function shortened({ words, ...lists }: EntryText): EntryText {
  return { ...lists, words: { ...words, facts: words.facts.filter(({ id }) => !UNIMPORTANT.has(id)) } };
}
