import { formatFooter, type Headline } from "../../alert/headline.ts";
import { LEVELS } from "../../alert/palette.ts";
import type { Row } from "../../alert/row.ts";
import { formatMoreRemoved, formatNews, formatParts, formatRest, type RowListing } from "../../alert/rows.ts";
import type { Style } from "../../alert/style.ts";
import type { Telling } from "../../alert/telling.ts";
import { type CleanText, clean, formatCount, join, truncate } from "../../alert/text.ts";
import type { ThreatLevel } from "../../model/vocabulary.ts";
import {
  type ColumnSet,
  type Container,
  type Element,
  line,
  type OpenUrl,
  openUrl,
  type RichTextBlock,
  run,
  type ToggleVisibility,
} from "./card.ts";
import { cardText } from "./text.ts";

/** Body and actions of a card, which has nothing else that differs. */
export interface CardContent {
  readonly body: readonly Element[];
  readonly actions: readonly (OpenUrl | ToggleVisibility)[];
}

/** Colours of containers are the only ones that Teams keeps readable in all its themes. */
const STYLES: Readonly<Record<ThreatLevel, NonNullable<Container["style"]>>> = {
  high: "attention",
  medium: "warning",
  low: "accent",
  undefined: "emphasis",
};

const REST_ID = "more-indicators";
/** Up to `AT_MOST` indicators stand there at once; of more, the first few do, and the rest waits behind a button. */
const AT_MOST = 8;
const AT_ONCE = 5;

const MAX_TYPE = 40;
const MAX_VALUE = 250;
const MAX_NOTE = 240;
const LABEL_WIDTH = "110px";

const SUBTLE = { isSubtle: true } as const;
const FINE = { size: "Small", isSubtle: true } as const;

/** `▲ High`. */
export function formatLevel(level: ThreatLevel): CleanText {
  return clean(`${LEVELS[level].glyph} ${LEVELS[level].word}`);
}

/** The coloured part on top: what it is about, then who may read on, how bad it is and what happened. */
export function formatHead(
  level: ThreatLevel | undefined,
  marks: readonly (CleanText | undefined)[],
  besides: readonly (CleanText | undefined)[],
  title: CleanText,
  rest: readonly RichTextBlock[] = [],
): Container {
  const marking = [
    ...marks.flatMap((text) => (text === undefined ? [] : [{ text, look: { weight: "Bolder" } as const }])),
    ...besides.flatMap((text) => (text === undefined ? [] : [{ text, look: {} }])),
  ].map(({ text, look }, index) => run(cardText(text, index === 0 ? "" : " · "), look));
  return {
    type: "Container",
    style: STYLES[level ?? "undefined"],
    bleed: true,
    items: [
      line([run(cardText(title), { size: "Large", weight: "Bolder" })]),
      ...(marking.length > 0 ? [line(marking, { spacing: "Small" })] : []),
      ...rest,
    ],
  };
}

/** A card about one entry; values are cut to `maxValue`. */
export function formatAlert({ words, listing }: Telling, maxValue: number, style: Style): CardContent {
  const { level, tlp, pap, state, title, changed, notice, body, withheld } = words;
  const head = formatHead(
    level,
    [tlp],
    [pap, level && formatLevel(level), state],
    title,
    changed ? [line([run(cardText(changed))], { spacing: "Small" })] : [],
  );
  const list = divide(listing.rows, maxValue);
  const rest = body ? withheld : formatRest(listing, withheld, style);
  return {
    body: [
      head,
      ...(notice ? [line([run(cardText(notice), { weight: "Bolder" })])] : []),
      ...(body ? formatBody(body) : formatFacts(words)),
      ...formatRemoved(listing),
      ...list.shown,
      ...(list.hidden.length > 0 ? [formatHidden(list.hidden)] : []),
      ...(rest ? [line([run(cardText(rest), FINE)], { spacing: "Small" })] : []),
      line([run(cardText(formatFooter(words)), FINE)], { separator: true, spacing: "Medium" }),
    ],
    actions: formatActions(words, list.more),
  };
}

/** Marking, title and link of one entry. */
export function formatMinimalAlert(words: Headline): CardContent {
  const { level, tlp, pap, title } = words;
  return { body: [formatHead(level, [tlp], [pap], title)], actions: formatActions({ ...words, links: [] }, 0) };
}

/** Teams draws six actions at most. */
const MAX_ACTIONS = 6;

function formatActions({ link, links }: Headline, hidden: number): (OpenUrl | ToggleVisibility)[] {
  const open = openUrl(link, { title: cardText(clean("Open in MISP")), style: "positive" });
  const show: ToggleVisibility = {
    type: "Action.ToggleVisibility",
    title: cardText(clean(`Show ${formatCount(hidden, "more indicator")}`)),
    targetElements: [REST_ID],
  };
  const own = links.flatMap(({ label, url }) => openUrl(url, { title: cardText(label) }) ?? []);
  return [...(open ? [open] : []), ...(hidden > 0 ? [show] : []), ...own].slice(0, MAX_ACTIONS);
}

/** Where only a few stand there at once, they are of as many types as there are. */
function divide(rows: readonly Row[], maxValue: number) {
  const atOnce = rows.length > AT_MOST ? AT_ONCE : rows.length;
  const ofEachType = rows.filter(({ type }, index) => rows.findIndex((row) => row.type === type) === index);
  const all = rows.length > AT_MOST ? [...new Set([...ofEachType, ...rows])] : rows;
  const [first, ...others] = formatIndicators(all.slice(0, atOnce), all, maxValue);
  return {
    shown: first ? [{ ...first, separator: true, spacing: "Medium" } as const, ...others] : [],
    hidden: formatIndicators(all.slice(atOnce), all, maxValue),
    more: all.length - atOnce,
  };
}

/** Clients that cannot toggle leave it hidden, which loses nothing that is not in MISP. */
function formatHidden(items: readonly RichTextBlock[]): Container {
  return { type: "Container", id: REST_ID, isVisible: false, spacing: "Small", items };
}

/** The value, what it is, and below it the rest of its object; `all` are the rows that it is one of. */
export function formatIndicators(
  rows: readonly Row[],
  all: readonly Row[],
  maxValue: number,
): readonly RichTextBlock[] {
  return rows.flatMap((row) => {
    const news = formatNews(row, all);
    const words = [truncate(row.type, MAX_TYPE), ...(news ? [news] : []), ...row.notes];
    const parts = formatParts(row);
    return [
      line(
        [
          run(cardText(truncate(row.value, maxValue), "", "\u2002", "ltr"), { fontType: "Monospace" }),
          ...(row.toIds ? [run(cardText(clean("IDS"), "", "\u2002"), { size: "Small", weight: "Bolder" })] : []),
          run(cardText(truncate(join(words, " · "), MAX_NOTE)), FINE),
        ],
        { spacing: "Small" },
      ),
      ...(parts === "" ? [] : [line([run(cardText(parts, "\u2002", "", "ltr"), FINE)], { spacing: "None" })]),
    ];
  });
}

/** What is taken back: struck through, and in words, for clients that cannot. */
export function formatRemoved(listing: RowListing): readonly RichTextBlock[] {
  const more = formatMoreRemoved(listing);
  const rest = more ? [line([run(cardText(more), FINE)], { spacing: "Small" })] : [];
  const rows = listing.removed;
  if (rows.length === 0) {
    return rest;
  }
  return [
    line([run(cardText(clean("Withdrawn")), { weight: "Bolder" })], { spacing: "Medium" }),
    ...rows.map(({ type, value, withdrawn }) =>
      line(
        [
          // The gap stands in a run that nothing strikes through.
          run(cardText(truncate(type, MAX_TYPE), "", "\u2002"), FINE),
          run(cardText(truncate(value, MAX_VALUE), "", "", "ltr"), {
            fontType: "Monospace",
            strikethrough: true,
          }),
          ...(withdrawn ? [run(cardText(withdrawn, "\u2002"), FINE)] : []),
        ],
        { spacing: "Small" },
      ),
    ),
    ...rest,
  ];
}

/** What a custom template wrote; its empty lines are the gaps between paragraphs. */
function formatBody(body: readonly CleanText[]): RichTextBlock[] {
  return body.flatMap((text, index) =>
    text === ""
      ? []
      : [line([run(cardText(text))], { spacing: index === 0 || body[index - 1] === "" ? "Medium" : "None" })],
  );
}

function formatFacts({ facts }: Headline): ColumnSet[] {
  // A FactSet would draw the same, but parses Markdown.
  return facts.map(({ label, value }, index) => ({
    type: "ColumnSet",
    spacing: index === 0 ? "Medium" : "Small",
    columns: [
      { type: "Column", width: LABEL_WIDTH, items: [line([run(cardText(label), SUBTLE)])] },
      { type: "Column", width: "stretch", items: [line([run(cardText(value))])] },
    ],
  }));
}
