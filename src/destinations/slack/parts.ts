import type { FactLine } from "../../alert/facts.ts";
import type { Headline } from "../../alert/headline.ts";
import type { Indicator } from "../../alert/indicators.ts";
import { LEVELS } from "../../alert/palette.ts";
import { type CleanText, clean, formatNumber, join, truncate } from "../../alert/text.ts";
import type { Payload } from "../../model/payload.ts";
import type { ThreatLevel } from "../../model/vocabulary.ts";
import {
  type Block,
  type Button,
  bold,
  type Preformatted,
  paragraph,
  plain,
  type RichParagraph,
  run,
  struck,
} from "./blocks.ts";
import {
  escapeParsed,
  joinMentions,
  lines,
  literal,
  type Mrkdwn,
  mrkdwn,
  pad,
  parseMention,
  type SlackText,
  shorten,
  slack,
  slackUrl,
} from "./text.ts";

const MAX_VALUE = 300;
const MAX_LABEL = 40;
const MAX_TYPE = 24;
const MAX_NOTE = 80;
/** More people than this need a user group. */
const MAX_MENTIONS = 20;

/** Mentions of a payload, and the entries of the configuration that are none. */
export function readMentions(payload: Payload): {
  readonly mentions: readonly Mrkdwn[];
  readonly unknown: readonly string[];
} {
  const read = payload.mentions.map((entry) => ({ entry, mention: parseMention(entry) }));
  return {
    mentions: read.flatMap(({ mention }) => (mention === undefined ? [] : [mention])).slice(0, MAX_MENTIONS),
    unknown: read.flatMap(({ entry, mention }) => (mention === undefined ? [entry] : [])),
  };
}

/** The block that calls people; blocks, not the fallback text, are what Slack notifies of. */
export function mentionBlock(mentions: readonly Mrkdwn[]): readonly Block[] {
  return mentions.length === 0
    ? []
    : [{ type: "section", text: { type: "mrkdwn", text: joinMentions(mentions), verbatim: true } }];
}

/** What a notification says: `<@U…> [TLP:AMBER] High: title`. */
export function fallback(mentions: readonly Mrkdwn[], tlp: CleanText, words: CleanText): Mrkdwn {
  const text = mrkdwn`[${escapeParsed(tlp, 40)}] ${escapeParsed(words, 1000)}`;
  return mentions.length === 0 ? text : mrkdwn`${joinMentions(mentions)} ${text}`;
}

/** `▲ High`; undefined where no level was given. */
export function formatLevel(level: ThreatLevel | undefined): CleanText | undefined {
  return level === undefined || level === "undefined"
    ? undefined
    : clean(`${LEVELS[level].glyph} ${LEVELS[level].word}`);
}

/** `▲ title`: the level is told by shape, too, where a title stands alone. */
export function withGlyph(level: ThreatLevel | undefined, title: CleanText): CleanText {
  return level === undefined || level === "undefined" ? title : clean(`${LEVELS[level].glyph} ${title}`);
}

/** The labels in bold, then level and what happened. */
export function markingLine(words: Headline): RichParagraph {
  const labels = join([words.tlp, ...(words.pap ? [words.pap] : [])], " · ");
  const level = formatLevel(words.level);
  const rest = join([...(level ? [level] : []), ...(words.state ? [words.state] : [])], " · ");
  return paragraph([bold(literal(labels)), ...(rest === "" ? [] : [run(slack` · ${literal(rest, MAX_VALUE)}`)])]);
}

/** `Label  value`, a line each. */
export function factLines(facts: readonly Omit<FactLine, "id">[]): RichParagraph {
  return paragraph(
    facts.flatMap(({ label, value }, index) => [
      bold(slack`${index === 0 ? slack`` : slack`\n`}${literal(label, MAX_LABEL)}`),
      run(slack`  ${literal(value, MAX_VALUE)}`),
    ]),
  );
}

/** Whole lines of text. */
export function textLines(texts: readonly CleanText[], maxLength: number = MAX_VALUE): RichParagraph {
  return paragraph(texts.length === 0 ? [] : [run(lines(texts.map((text) => literal(text, maxLength))))]);
}

/** Indicators in columns: type, with a star where new or changed, whether for IDS, value, note. */
export function table(rows: readonly Indicator[]): Preformatted {
  // As in MISP's mails, unless all of them are new.
  const isMarked = rows.some(({ changed }) => changed) && rows.some(({ changed }) => !changed);
  const types = rows.map((row) => clean(`${isMarked && row.changed ? "* " : ""}${truncate(row.type, MAX_TYPE)}`));
  const width = Math.max(0, ...types.map((type) => type.length));
  const hasIds = rows.some(({ toIds }) => toIds);
  const text = rows.map((row, index) => {
    const ids = hasIds ? slack`${pad(clean(row.toIds ? "IDS" : ""), 3)}  ` : slack``;
    const note = shorten(join(row.notes, " · "), MAX_NOTE);
    return slack`${pad(types[index] ?? row.type, width)}  ${ids}${literal(row.value, MAX_VALUE)}${
      note === "" ? slack`` : slack`  (${literal(note)})`
    }`;
  });
  return { type: "rich_text_preformatted", elements: rows.length === 0 ? [] : [run(lines(text))] };
}

/** What is taken back, struck through, a line each, with why; `more` are not listed. */
export function removedLines(rows: readonly Indicator[], more: number): RichParagraph {
  if (rows.length === 0) {
    return paragraph([]);
  }
  return paragraph([
    bold(slack`Withdrawn`),
    ...rows.flatMap(({ type, value, withdrawn }) => [
      run(slack`\n${literal(type, MAX_LABEL)}  `),
      struck(literal(value, MAX_VALUE)),
      run(slack`  ${literal(withdrawn ?? clean(""), MAX_LABEL)}`),
    ]),
    ...(more > 0 ? [run(slack`\n${literal(clean(`+${formatNumber(more)} more withdrawn`))}`)] : []),
  ]);
}

/** What is in MISP, but not in the message. */
export function formatRest(shown: number, more: number, withheld: CleanText | undefined): CleanText | undefined {
  const rest = [
    ...(more > 0
      ? [clean(`${shown > 0 ? "+" : ""}${formatNumber(more)} ${shown > 0 ? "more" : "attributes"} in MISP`)]
      : []),
    ...(withheld ? [withheld] : []),
  ];
  return rest.length > 0 ? join(rest, " · ") : undefined;
}

/** The button to the event's page, where there is one. */
export function openButton(link: URL | undefined): Button | undefined {
  const url = slackUrl(link);
  return url && { type: "button", action_id: "open_in_misp", text: plain(OPEN), url, style: "primary" };
}

const OPEN: SlackText = slack`Open in MISP`;
