import { formatDigestTitle, MAX_DIGEST } from "../../alert/digest.ts";
import type { FactId } from "../../alert/facts.ts";
import { formatTlp, type Headline, headline } from "../../alert/headline.ts";
import { type Indicator, indicator, type ListedItems, listItems, NOTHING_LISTED } from "../../alert/indicators.ts";
import { LEVELS } from "../../alert/palette.ts";
import type { Style } from "../../alert/style.ts";
import { type CleanText, clean, formatCount, formatNumber, join } from "../../alert/text.ts";
import type { Item } from "../../model/alert.ts";
import type { Entry, Payload } from "../../model/payload.ts";
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
} from "./blocks.ts";
import {
  factLines,
  fallback,
  formatLevel,
  formatRest,
  markingLine,
  mentionBlock,
  openButton,
  readMentions,
  removedLines,
  table,
  textLines,
  withGlyph,
} from "./parts.ts";
import { type Amounts, shrink } from "./shrink.ts";
import { literal, type Mrkdwn, slack, slackUrl } from "./text.ts";

/** A message, and what was left out of it so that Slack takes it, in words. */
export interface FormattedMessage {
  readonly message: SlackMessage;
  readonly trimmed: readonly string[];
}

const MAX_ROWS_OF_ENTRY = 3;
const MAX_DETAILS = 300;
/** What a digest says of each alert, beside its title. */
const DIGEST_FACTS: ReadonlySet<FactId> = new Set<FactId>(["org", "attributes", "sightings", "tag"]);

/** Makes the message for a payload. Over Slack's limits low-value parts go first, and never marking, title and link. */
export function formatMessage(payload: Payload, style: Style): FormattedMessage {
  if (payload.minimal) {
    return formatMinimal(payload, style);
  }
  const [entry] = payload.entries;
  return entry && payload.entries.length === 1 ? formatAlert(payload, entry, style) : formatDigest(payload, style);
}

function message(text: Mrkdwn, blocks: readonly Block[], rest: Pick<SlackMessage, "attachments"> = {}): SlackMessage {
  return { text, blocks, ...rest, unfurl_links: false, unfurl_media: false };
}

/** `High: title (New)`, for a notification. */
function summarise(words: Headline): CleanText {
  const level = words.level === undefined || words.level === "undefined" ? "" : `${LEVELS[words.level].word}: `;
  return clean(`${level}${words.title}${words.state ? ` (${words.state})` : ""}`);
}

// ---------------------------------------------------------------- one alert

type AlertPart = "rows" | "context" | "facts" | "lines" | "removed";
const ALERT_ORDER: readonly AlertPart[] = ["rows", "context", "facts", "lines", "removed"];

function formatAlert(payload: Payload, entry: Entry, style: Style): FormattedMessage {
  const words = headline(entry, style);
  const [listed = NOTHING_LISTED] = listItems(payload);
  const rows = words.body ? [] : listed.items.map((item) => indicator(entry, item, style));
  const removed = words.body ? [] : listed.removed.map((item) => indicator(entry, item, style));
  const whole: Amounts<AlertPart> = {
    rows: rows.length,
    removed: removed.length,
    context: words.body ? 0 : words.context.length,
    facts: words.body ? 0 : words.facts.length,
    lines: words.body?.length ?? 0,
  };
  const { mentions } = readMentions(payload);
  const build = (amounts: Amounts<AlertPart>) => {
    const title = withGlyph(words.level, words.title);
    const blocks: readonly Block[] = [
      { type: "header", text: plain(literal(title, LIMITS.header)) },
      ...richText([markingLine(words)]),
      ...mentionBlock(mentions),
    ];
    const color = LEVELS[words.level ?? "undefined"].color;
    // Marking and title stay outside: Slack folds a long attachment up.
    const attachments = [{ color, blocks: formatContent(words, rows, removed, listed, amounts) }];
    return message(fallback(mentions, words.tlp, summarise(words)), blocks, { attachments });
  };
  const kept = shrink(whole, ALERT_ORDER, (amounts) => isWithinLimits(build(amounts)));
  const trimmed = (
    [
      ["rows", "listed attribute"],
      ["context", "tag"],
      ["facts", "fact"],
      ["lines", "line"],
      ["removed", "withdrawn attribute"],
    ] as const
  ).flatMap(([part, noun]) =>
    kept[part] < whole[part] ? [`${formatCount(whole[part] - kept[part], noun)} left out`] : [],
  );
  return { message: build(kept), trimmed };
}

function formatContent(
  words: Headline,
  rows: readonly Indicator[],
  removed: readonly Indicator[],
  listed: ListedItems,
  amounts: Amounts<AlertPart>,
): readonly Block[] {
  const remarks = [words.changed, words.notice].flatMap((text) => (text ? [text] : []));
  const context = words.context.slice(0, amounts.context);
  const facts = words.facts.slice(0, amounts.facts);
  const more = words.body ? 0 : listed.more + rows.length - amounts.rows;
  const rest = formatRest(amounts.rows, more, words.withheld);
  const button = openButton(words.link);
  const moreRemoved = listed.moreRemoved + removed.length - amounts.removed;
  return [
    ...richText([
      paragraph(remarks.length > 0 ? [bold(literal(join(remarks, " "), MAX_DETAILS))] : []),
      factLines(context.length > 0 ? [...facts, { label: clean("Context"), value: join(context, " · ") }] : facts),
      textLines(words.body?.slice(0, amounts.lines) ?? [], 1000),
    ]),
    ...richText([removedLines(removed.slice(0, amounts.removed), moreRemoved)]),
    ...richText([table(rows.slice(0, amounts.rows)), textLines(rest ? [rest] : [])]),
    ...(button ? [{ type: "actions", elements: [button] } as const] : []),
    { type: "context", elements: [plain(literal(words.origin, MAX_DETAILS))] },
  ];
}

// ---------------------------------------------------------------- several

type DigestPart = "rows" | "details" | "entries";
const DIGEST_ORDER: readonly DigestPart[] = ["rows", "details", "entries"];

function formatDigest(payload: Payload, style: Style): FormattedMessage {
  const listed = listItems(payload);
  const entries = payload.entries.slice(0, MAX_DIGEST).map((entry, index) => {
    const { items, more, removed, moreRemoved } = listed[index] ?? NOTHING_LISTED;
    const words = headline(entry, style);
    const top = (all: readonly Item[]) =>
      words.body ? [] : all.slice(0, MAX_ROWS_OF_ENTRY).map((item) => indicator(entry, item, style));
    return {
      words,
      rows: top(items),
      more: words.body ? 0 : more + items.length,
      removed: top(removed),
      withdrawn: words.body ? 0 : moreRemoved + removed.length,
    };
  });
  const { mentions } = readMentions(payload);
  const tlp = formatTlp(payload.tlp);
  const title = formatDigestTitle(payload);
  const build = (amounts: Amounts<DigestPart>) => {
    const left = payload.entries.length - amounts.entries;
    return message(fallback(mentions, tlp, title), [
      { type: "header", text: plain(literal(title, LIMITS.header)) },
      ...richText([paragraph([bold(literal(tlp))])]),
      ...mentionBlock(mentions),
      ...entries
        .slice(0, amounts.entries)
        .flatMap((told, index) => formatEntry(told, amounts.rows, index < amounts.details)),
      ...(left > 0
        ? [{ type: "context", elements: [plain(literal(clean(`+${formatCount(left, "more alert")}`)))] } as const]
        : []),
    ]);
  };
  const whole = { rows: MAX_ROWS_OF_ENTRY, details: entries.length, entries: entries.length };
  const kept = shrink<DigestPart>(whole, DIGEST_ORDER, (amounts) => isWithinLimits(build(amounts)));
  const left = payload.entries.length - kept.entries;
  return {
    message: build(kept),
    trimmed: [
      ...(kept.rows < whole.rows ? [`attributes beyond ${formatNumber(kept.rows)} of each alert left out`] : []),
      ...(kept.details < whole.details
        ? [`details of ${formatCount(whole.details - kept.details, "alert")} left out`]
        : []),
      ...(left > 0 ? [`${formatCount(left, "alert")} left out`] : []),
    ],
  };
}

interface Short {
  readonly words: Headline;
  readonly rows: readonly Indicator[];
  readonly more: number;
  readonly removed: readonly Indicator[];
  readonly withdrawn: number;
}

/** One alert among others: title, one line, and its first attributes. */
function formatEntry(
  { words, more, withdrawn, ...lists }: Short,
  limit: number,
  hasDetails: boolean,
): readonly Block[] {
  const rows = lists.rows.slice(0, limit);
  const removed = lists.removed.slice(0, limit);
  const url = slackUrl(words.link);
  const title = literal(withGlyph(words.level, words.title), LIMITS.header);
  const details = join(
    [
      words.tlp,
      ...(words.pap ? [words.pap] : []),
      ...[formatLevel(words.level), words.state, words.changed, words.notice].flatMap((text) => (text ? [text] : [])),
      ...(words.body
        ? words.body.slice(0, 1)
        : words.facts.flatMap(({ id, label, value }) => (DIGEST_FACTS.has(id) ? [join([label, value], ": ")] : []))),
    ],
    " · ",
  );
  const rest = rows.length > 0 ? formatRest(rows.length, more - rows.length, words.withheld) : words.withheld;
  return richText([
    paragraph([
      url ? { type: "link", url, text: title, style: { bold: true } } : bold(title),
      run(slack`\n${literal(hasDetails ? details : words.tlp, MAX_DETAILS)}`),
    ]),
    removedLines(removed, withdrawn - removed.length),
    table(rows),
    textLines(rest && hasDetails ? [rest] : []),
  ]);
}

// ---------------------------------------------------------------- what nothing can be wrong with

/** Marking, title and link in the oldest kind of block, for when Slack has refused more. */
function formatMinimal(payload: Payload, style: Style): FormattedMessage {
  const all = payload.entries.map((entry) => headline(entry, style));
  const tlp = formatTlp(payload.tlp);
  const [first] = all;
  const words = all.length === 1 && first ? first.title : formatDigestTitle(payload);
  const build = ({ entries }: Amounts<"entries">) => {
    const left = all.length - entries;
    return message(fallback([], tlp, words), [
      ...all.slice(0, entries).map(({ tlp: label, title, link }): Block => {
        const button = openButton(link);
        const text = plain(slack`${literal(label)} · ${literal(title, LIMITS.header)}`);
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
