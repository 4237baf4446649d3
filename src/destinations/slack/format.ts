import { DIGEST_REMOVED, formatDigestTitle, gravest, MAX_DIGEST } from "../../alert/digest.ts";
import { divideFacts } from "../../alert/fact-line.ts";
import { formatLabels, formatOneLine, type Headline, headline, labelOfAll } from "../../alert/headline.ts";
import { shareOut } from "../../alert/indicators.ts";
import { LEVELS } from "../../alert/palette.ts";
import { cutListing, formatRest, type RowListing } from "../../alert/rows.ts";
import type { Style } from "../../alert/style.ts";
import { type Telling, tellAll } from "../../alert/telling.ts";
import { clean, formatCount, join } from "../../alert/text.ts";
import type { Payload } from "../../model/payload.ts";
import {
  type Block,
  bold,
  isWithinLimits,
  LIMITS,
  paragraph,
  plain,
  richText,
  run,
  type SlackMessage,
  struck,
} from "./blocks.ts";
import {
  buttons,
  factLines,
  fallback,
  formatLevel,
  indicatorList,
  markingLine,
  mentionBlock,
  openButton,
  originBlock,
  readMentions,
  removedLines,
  textLines,
  withGlyph,
} from "./parts.ts";
import { type Amounts, shrink } from "./shrink.ts";
import { lengthOf, lines, literal, type Mrkdwn, slack, slackUrl } from "./text.ts";

/** A message, and what was left out of it so that Slack takes it, in words. */
export interface FormattedMessage {
  readonly message: SlackMessage;
  readonly trimmed: readonly string[];
}

const MAX_DETAILS = 700;
const MAX_TITLE_OF_ENTRY = 250;

/** Makes the message for a payload. Over Slack's limits low-value parts go first, and never marking, title and link. */
export function formatMessage(payload: Payload, style: Style): FormattedMessage {
  if (payload.minimal) {
    return formatMinimal(payload, style);
  }
  const told = tellAll(payload, style);
  const [only] = told;
  return only && told.length === 1 ? formatAlert(payload, only, style) : formatDigest(payload, told, style);
}

function message(text: Mrkdwn, blocks: readonly Block[], rest: Pick<SlackMessage, "attachments"> = {}): SlackMessage {
  return { text, blocks, ...rest, unfurl_links: false, unfurl_media: false };
}

// ---------------------------------------------------------------- one alert

type AlertPart = "values" | "rows" | "facts" | "lines" | "removed";
/** Long values are cut before any of them goes, but none to less than `MIN_VALUE`. */
const ALERT_ORDER: readonly AlertPart[] = ["values", "rows", "facts", "lines", "removed"];
const MIN_VALUE = 300;
const MAX_VALUE = 2500;

function formatAlert(payload: Payload, { words, listing }: Telling, style: Style): FormattedMessage {
  const whole: Amounts<AlertPart> = {
    values: MAX_VALUE,
    rows: listing.rows.length,
    removed: listing.removed.length,
    facts: words.body ? 0 : words.facts.length,
    lines: words.body?.length ?? 0,
  };
  const { mentions } = readMentions(payload);
  const build = (amounts: Amounts<AlertPart>) => {
    const blocks: readonly Block[] = [
      ...titleBlocks(words),
      ...richText([markingLine(words)]),
      ...mentionBlock(mentions),
    ];
    const color = LEVELS[words.level ?? "undefined"].color;
    // Marking and title stay outside: Slack folds a long attachment up.
    const attachments = [{ color, blocks: formatContent(words, listing, amounts, style) }];
    return message(fallback(mentions, words.tlp, formatOneLine(words)), blocks, { attachments });
  };
  const kept = shrink(whole, ALERT_ORDER, (amounts) => isWithinLimits(build(amounts)));
  const trimmed = (
    [
      ["rows", "listed indicator"],
      ["facts", "fact"],
      ["lines", "line"],
      ["removed", "withdrawn attribute"],
    ] as const
  ).flatMap(([part, noun]) =>
    kept[part] < whole[part] ? [`${formatCount(whole[part] - kept[part], noun)} left out`] : [],
  );
  return { message: build(kept), trimmed };
}

/** A header is large, but short; a title that does not fit in one stands in bold. */
function titleBlocks(words: Headline): readonly Block[] {
  const title = withGlyph(words.level, words.title);
  if (words.withdrawn) {
    return richText([paragraph([struck(literal(title, MAX_LONG_TITLE))])]);
  }
  return lengthOf(title) <= LIMITS.header
    ? [{ type: "header", text: plain(literal(title, LIMITS.header)) }]
    : richText([paragraph([bold(literal(title, MAX_LONG_TITLE))])]);
}

const MAX_LONG_TITLE = 600;

function formatContent(
  words: Headline,
  listing: RowListing,
  amounts: Amounts<AlertPart>,
  style: Style,
): readonly Block[] {
  const remarks = [words.changed, words.notice].flatMap((text) => (text ? [text] : []));
  const { rows, more, removed, moreRemoved, ...rest } = cutListing(listing, amounts);
  const left = formatRest({ rows, more, removed, moreRemoved, ...rest }, words.withheld, style);
  const facts = words.facts.slice(0, amounts.facts);
  const lost = words.body ? 0 : words.facts.length - facts.length;
  return [
    ...richText([
      paragraph(remarks.length > 0 ? [bold(lines(remarks.map((text) => literal(text, MAX_DETAILS))))] : []),
      factLines(facts),
      textLines(lost > 0 ? [clean(`+${formatCount(lost, "more fact")} in MISP`)] : []),
      textLines(words.body?.slice(0, amounts.lines) ?? [], 1000),
    ]),
    ...richText([removedLines({ removed, moreRemoved })]),
    ...richText([
      indicatorList(rows, Math.max(MIN_VALUE, amounts.values)),
      textLines(left && !words.body ? [left] : words.withheld ? [words.withheld] : []),
    ]),
    ...buttons(words),
    originBlock(words),
  ];
}

// ---------------------------------------------------------------- several

type DigestPart = "rows" | "details" | "entries";
const DIGEST_ORDER: readonly DigestPart[] = ["rows", "details", "entries"];

function formatDigest(payload: Payload, told: readonly Telling[], style: Style): FormattedMessage {
  const entries = told.slice(0, MAX_DIGEST);
  const { mentions } = readMentions(payload);
  const tlp = labelOfAll(payload);
  const title = formatDigestTitle(payload);
  const lengths = entries.map(({ listing }) => listing.rows.length);
  const build = (amounts: Amounts<DigestPart>) => {
    const left = payload.entries.length - amounts.entries;
    const first = gravest(payload, style);
    // Every entry has one before another has more.
    const shares = shareOut(lengths, amounts.rows);
    return message(fallback(mentions, tlp, join([title, first], ": ")), [
      { type: "header", text: plain(literal(title, LIMITS.header)) },
      ...richText([paragraph(tlp === undefined ? [] : [bold(literal(tlp))])]),
      ...mentionBlock(mentions),
      ...entries
        .slice(0, amounts.entries)
        .flatMap((one, index) => formatEntry(one, shares[index] ?? 0, index < amounts.details, style)),
      ...(left > 0
        ? [{ type: "context", elements: [plain(literal(clean(`+${formatCount(left, "more alert")}`)))] } as const]
        : []),
    ]);
  };
  const rows = lengths.reduce((sum, length) => sum + length, 0);
  const whole = { rows, details: entries.length, entries: entries.length };
  const kept = shrink<DigestPart>(whole, DIGEST_ORDER, (amounts) => isWithinLimits(build(amounts)));
  const left = payload.entries.length - kept.entries;
  return {
    message: build(kept),
    trimmed: [
      ...(kept.rows < whole.rows ? [`${formatCount(whole.rows - kept.rows, "listed indicator")} left out`] : []),
      ...(kept.details < whole.details
        ? [`details of ${formatCount(whole.details - kept.details, "alert")} left out`]
        : []),
      ...(left > 0 ? [`${formatCount(left, "alert")} left out`] : []),
    ],
  };
}

/** One alert among others: title, one line, and its first attributes. */
function formatEntry({ words, listing }: Telling, limit: number, hasDetails: boolean, style: Style): readonly Block[] {
  const { rows, removed, moreRemoved, ...others } = cutListing(listing, { rows: limit, removed: DIGEST_REMOVED });
  const url = slackUrl(words.link);
  const title = literal(withGlyph(words.level, words.title), MAX_TITLE_OF_ENTRY);
  const rest = rows.length > 0 ? formatRest({ rows, removed, moreRemoved, ...others }, undefined, style) : undefined;
  const { own, shared } = divideFacts(words.facts);
  const details = join(
    [
      ...formatLabels(words),
      ...[formatLevel(words.level), words.state, words.changed, words.notice].flatMap((text) => (text ? [text] : [])),
      ...(words.body ? words.body.slice(0, 1) : shared.map(({ label, value }) => join([label, value], ": "))),
      ...(words.withheld ? [words.withheld] : []),
      ...(words.reporter && !words.body ? [words.reporter] : []),
    ],
    " · ",
  );
  const below = hasDetails ? details : (words.tlp ?? "");
  return richText([
    paragraph([
      words.withdrawn ? struck(title) : url ? { type: "link", url, text: title, style: { bold: true } } : bold(title),
      ...(below === "" ? [] : [run(slack`\n${literal(below, MAX_DETAILS)}`)]),
    ]),
    factLines(hasDetails && !words.body ? own : []),
    removedLines({ removed, moreRemoved }),
    indicatorList(rows, MIN_VALUE),
    textLines(rest && hasDetails ? [rest] : []),
  ]);
}

// ---------------------------------------------------------------- what nothing can be wrong with

/** Marking, title and link in the oldest kind of block, for when Slack has refused more. */
function formatMinimal(payload: Payload, style: Style): FormattedMessage {
  const all = payload.entries.map((entry) => headline(entry, style));
  const tlp = labelOfAll(payload);
  const [first] = all;
  const words = all.length === 1 && first ? first.title : formatDigestTitle(payload);
  const build = ({ entries }: Amounts<"entries">) => {
    const left = all.length - entries;
    return message(fallback([], tlp, words), [
      ...all.slice(0, entries).map(({ tlp: label, title, link }): Block => {
        const button = openButton(link);
        const name = literal(title, LIMITS.header);
        const text = plain(label === undefined ? name : slack`${literal(label)} · ${name}`);
        return { type: "section", text, ...(button ? { accessory: button } : {}) };
      }),
      ...(left > 0
        ? [{ type: "section", text: plain(literal(clean(`+${formatCount(left, "more alert")}`))) } as const]
        : []),
    ]);
  };
  const whole = { entries: Math.min(MAX_DIGEST, all.length) };
  const kept = shrink(whole, ["entries"], (amounts) => isWithinLimits(build(amounts)));
  const left = all.length - kept.entries;
  return {
    message: build(kept),
    trimmed: [
      "all but marking, title and link left out",
      ...(left > 0 ? [`${formatCount(left, "alert")} left out`] : []),
    ],
  };
}
