import type { Headline } from "../../alert/headline.ts";
import type { Indicator } from "../../alert/indicators.ts";
import { LEVELS } from "../../alert/palette.ts";
import { type CleanText, clean, formatCount, formatNumber, join, truncate } from "../../alert/text.ts";
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

/** What is told of one entry, its lists cut as the size of a message wants it. */
export interface EntryText {
  readonly words: Headline;
  readonly indicators: readonly Indicator[];
  /** How many attributes are not among the indicators. */
  readonly more: number;
  /** What is taken back, and how much of it is not listed. */
  readonly removed: readonly Indicator[];
  readonly moreRemoved: number;
}

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
const MAX_NOTE = 100;
const LABEL_WIDTH = "110px";

const SUBTLE = { isSubtle: true } as const;
const FINE = { size: "Small", isSubtle: true } as const;

/** `▲ High`. */
export function formatLevel(level: ThreatLevel): CleanText {
  return clean(`${LEVELS[level].glyph} ${LEVELS[level].word}`);
}

/** The coloured part on top: marking first, since it says who may read on. */
export function formatHead(
  level: ThreatLevel | undefined,
  tlp: CleanText,
  besides: readonly (CleanText | undefined)[],
  title: CleanText,
  rest: readonly RichTextBlock[] = [],
): Container {
  const others = besides.flatMap((text) => (text === undefined ? [] : [run(cardText(text, " · "))]));
  return {
    type: "Container",
    style: STYLES[level ?? "undefined"],
    bleed: true,
    items: [
      line([run(cardText(tlp), { weight: "Bolder" }), ...others]),
      line([run(cardText(title), { size: "Large", weight: "Bolder" })], { spacing: "Small" }),
      ...rest,
    ],
  };
}

/** A card about one entry. */
export function formatAlert({ words, indicators, more, removed, moreRemoved }: EntryText): CardContent {
  const { level, tlp, pap, state, title, changed, notice, body, withheld, origin, link } = words;
  const head = formatHead(
    level,
    tlp,
    [pap, level && formatLevel(level), state],
    title,
    changed ? [line([run(cardText(changed))], { spacing: "Small" })] : [],
  );
  const list = body ? { shown: [], hidden: [] } : divide(indicators);
  const rest = [...(more > 0 && !body ? [formatMore(indicators.length, more)] : []), ...(withheld ? [withheld] : [])];
  return {
    body: [
      head,
      ...(notice ? [line([run(cardText(notice), { weight: "Bolder" })])] : []),
      ...(body ? formatBody(body) : formatFacts(words)),
      ...(body ? [] : formatRemoved(removed, moreRemoved)),
      ...list.shown,
      ...(list.hidden.length > 0 ? [formatHidden(list.hidden)] : []),
      ...(rest.length > 0 ? [line([run(cardText(join(rest, " · ")), FINE)], { spacing: "Small" })] : []),
      line([run(cardText(origin), FINE)], { separator: true, spacing: "Medium" }),
    ],
    actions: formatActions(link, list.hidden.length),
  };
}

/** Marking, title and link of one entry. */
export function formatMinimalAlert({ level, tlp, pap, title, link }: Headline): CardContent {
  return { body: [formatHead(level, tlp, [pap], title)], actions: formatActions(link, 0) };
}

function formatActions(link: URL | undefined, hidden: number): (OpenUrl | ToggleVisibility)[] {
  const open = openUrl(link, { title: cardText(clean("Open in MISP")), style: "positive" });
  const show: ToggleVisibility = {
    type: "Action.ToggleVisibility",
    title: cardText(clean(`Show ${formatCount(hidden, "more indicator")}`)),
    targetElements: [REST_ID],
  };
  return [...(open ? [open] : []), ...(hidden > 0 ? [show] : [])];
}

/** `+34 more in MISP`; `34 attributes in MISP` where none is listed. */
export function formatMore(listed: number, more: number): CleanText {
  return clean(listed > 0 ? `+${formatNumber(more)} more in MISP` : `${formatCount(more, "attribute")} in MISP`);
}

function divide(indicators: readonly Indicator[]) {
  const rows = formatIndicators(indicators);
  const atOnce = rows.length > AT_MOST ? AT_ONCE : rows.length;
  const [first, ...others] = rows.slice(0, atOnce);
  return {
    shown: first ? [{ ...first, separator: true, spacing: "Medium" } as const, ...others] : [],
    hidden: rows.slice(atOnce),
  };
}

/** Clients that cannot toggle leave it hidden, which loses nothing that is not in MISP. */
function formatHidden(items: readonly RichTextBlock[]): Container {
  return { type: "Container", id: REST_ID, isVisible: false, spacing: "Small", items };
}

/** One line for each; what is new or changed has a star, as in MISP's mails, unless all of it is. */
export function formatIndicators(rows: readonly Indicator[]): readonly RichTextBlock[] {
  const isMarked = rows.some(({ changed }) => !changed);
  return rows.map((row) => formatIndicator(row, isMarked && row.changed));
}

function formatIndicator({ type, value, toIds, notes }: Indicator, isMarked: boolean): RichTextBlock {
  const name = truncate(type, MAX_TYPE);
  return line(
    [
      run(cardText(isMarked ? join([clean("*"), name], " ") : name), FINE),
      run(cardText(truncate(value, MAX_VALUE), "\u2002"), { fontType: "Monospace" }),
      ...(toIds ? [run(cardText(clean("IDS"), "\u2002"), { size: "Small", weight: "Bolder" })] : []),
      ...(notes.length > 0 ? [run(cardText(truncate(join(notes, " · "), MAX_NOTE), "\u2002"), FINE)] : []),
    ],
    { spacing: "Small" },
  );
}

/** What is taken back: struck through, and in words, for clients that cannot. */
export function formatRemoved(rows: readonly Indicator[], more: number): readonly RichTextBlock[] {
  if (rows.length === 0) {
    return [];
  }
  return [
    line([run(cardText(clean("Withdrawn")), { weight: "Bolder" })], { spacing: "Medium" }),
    ...rows.map(({ type, value, withdrawn }) =>
      line(
        [
          run(cardText(truncate(type, MAX_TYPE)), FINE),
          run(cardText(truncate(value, MAX_VALUE), "\u2002"), { fontType: "Monospace", strikethrough: true }),
          ...(withdrawn ? [run(cardText(withdrawn, "\u2002"), FINE)] : []),
        ],
        { spacing: "Small" },
      ),
    ),
    ...(more > 0
      ? [line([run(cardText(clean(`+${formatNumber(more)} more withdrawn`)), FINE)], { spacing: "Small" })]
      : []),
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

function formatFacts({ facts, context }: Headline): ColumnSet[] {
  const rows = [...facts, ...(context.length > 0 ? [{ label: clean("Context"), value: join(context, " · ") }] : [])];
  // A FactSet would draw the same, but parses Markdown.
  return rows.map(({ label, value }, index) => ({
    type: "ColumnSet",
    spacing: index === 0 ? "Medium" : "Small",
    columns: [
      { type: "Column", width: LABEL_WIDTH, items: [line([run(cardText(label), SUBTLE)])] },
      { type: "Column", width: "stretch", items: [line([run(cardText(value))])] },
    ],
  }));
}
