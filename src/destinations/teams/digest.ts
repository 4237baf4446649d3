import { countAlerts, countLevels, formatPart } from "../../alert/digest.ts";
import { divideFacts } from "../../alert/fact-line.ts";
import { formatLabels, labelOfAll } from "../../alert/headline.ts";
import { LEVELS } from "../../alert/palette.ts";
import { formatRest } from "../../alert/rows.ts";
import type { Style } from "../../alert/style.ts";
import type { Telling } from "../../alert/telling.ts";
import { clean, formatCount, formatNumber, join, truncate } from "../../alert/text.ts";
import type { Payload } from "../../model/payload.ts";
import { line, openUrl, type RichTextBlock, run } from "./card.ts";
import { type CardContent, formatHead, formatIndicators, formatLevel, formatRemoved } from "./entry.ts";
import { cardText } from "./text.ts";

const FINE = { size: "Small", isSubtle: true } as const;

/**
 * A card about several entries, of which `told` are shown: the gravest, as they come. `minimal`: only marking, title and link
 * of each.
 */
export function formatDigest(payload: Payload, told: readonly Telling[], minimal: boolean, style: Style): CardContent {
  const levels = countLevels(payload);
  // Counted by glyph and word, as they stand below.
  const counts = levels.map(({ level, n }) => clean(`${LEVELS[level].glyph} ${formatNumber(n)} ${LEVELS[level].word}`));
  const left = payload.entries.length - told.length;
  const title = join([formatCount(countAlerts(payload), "alert"), ...formatPart(payload)], " · ");
  return {
    body: [
      formatHead(levels[0]?.level, [labelOfAll(payload)], minimal ? [] : counts, title),
      ...told.flatMap((entry, index) => formatEntry(entry, index === 0, minimal, style)),
      ...(left > 0
        ? [line([run(cardText(clean(`+${formatCount(left, "more alert")} in MISP`)), FINE)], { spacing: "Medium" })]
        : []),
    ],
    actions: [],
  };
}

const MAX_TITLE = 200;
const MAX_VALUE = 250;

function formatEntry({ words, listing }: Telling, isFirst: boolean, minimal: boolean, style: Style): RichTextBlock[] {
  const { level, state, title, changed, notice, body, facts, withheld, reporter, link } = words;
  const open = openUrl(link);
  const name = line(
    [
      ...(level && !minimal ? [run(cardText(formatLevel(level), "", "\u2002"))] : []),
      run(cardText(truncate(title, MAX_TITLE)), { weight: "Bolder", ...(open ? { selectAction: open } : {}) }),
    ],
    { spacing: "Medium", ...(isFirst ? {} : { separator: true }) },
  );
  if (minimal) {
    const labels = formatLabels(words);
    return [
      name,
      ...(labels.length > 0 ? [line([run(cardText(join(labels, " · ")), FINE)], { spacing: "None" })] : []),
    ];
  }
  const { own, shared } = divideFacts(facts);
  const details = [
    ...formatLabels(words),
    ...(state ? [state] : []),
    ...(changed ? [changed] : []),
    ...(body ?? shared.map(({ label, value }) => join([label, value], ": "))).filter((text) => text !== ""),
    ...(withheld ? [withheld] : []),
    ...(notice ? [notice] : []),
    ...(reporter && !body ? [reporter] : []),
  ];
  const { rows } = listing;
  const rest = rows.length > 0 ? formatRest(listing, undefined, style) : undefined;
  return [
    name,
    ...(details.length > 0 ? [line([run(cardText(join(details, " · ")), FINE)], { spacing: "None" })] : []),
    ...(body ? [] : own).map((fact) =>
      line([run(cardText(join([fact.label, fact.value], ": ")))], { spacing: "None" }),
    ),
    ...formatRemoved(listing),
    ...formatIndicators(rows, rows, MAX_VALUE),
    ...(rest ? [line([run(cardText(rest), FINE)], { spacing: "None" })] : []),
  ];
}
