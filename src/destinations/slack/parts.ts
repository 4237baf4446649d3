import type { FactLine } from "../../alert/fact-line.ts";
import { formatLabels, type Headline } from "../../alert/headline.ts";
import { LEVELS } from "../../alert/palette.ts";
import type { Row } from "../../alert/row.ts";
import { formatMoreRemoved, formatNews, type RowListing } from "../../alert/rows.ts";
import { type CleanText, clean, join, truncate } from "../../alert/text.ts";
import type { Payload } from "../../model/payload.ts";
import type { ThreatLevel } from "../../model/vocabulary.ts";
import {
  type Block,
  type Button,
  bold,
  code,
  list,
  paragraph,
  plain,
  type RichList,
  type RichParagraph,
  run,
  struck,
} from "./blocks.ts";
import {
  dateToken,
  escapeParsed,
  joinMentions,
  lines,
  literal,
  type Mrkdwn,
  mrkdwn,
  parseMention,
  type SlackText,
  shorten,
  slack,
  slackUrl,
} from "./text.ts";

const MAX_VALUE = 300;
const MAX_FACT = 700;
const MAX_LABEL = 40;
const MAX_TYPE = 40;
const MAX_NOTE = 300;
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
export function fallback(mentions: readonly Mrkdwn[], tlp: CleanText | undefined, words: CleanText): Mrkdwn {
  const said = escapeParsed(words, 1000);
  const text = tlp === undefined ? said : mrkdwn`[${escapeParsed(tlp, 40)}] ${said}`;
  return mentions.length === 0 ? text : mrkdwn`${joinMentions(mentions)} ${text}`;
}

/** `▲ High`; undefined where no level was given. */
export function formatLevel(level: ThreatLevel | undefined): CleanText | undefined {
  return level === undefined ? undefined : clean(`${LEVELS[level].glyph} ${LEVELS[level].word}`);
}

/** `▲ title`: the level is told by shape, too, where a title stands alone. */
export function withGlyph(level: ThreatLevel | undefined, title: CleanText): CleanText {
  return level === undefined ? title : clean(`${LEVELS[level].glyph} ${title}`);
}

/** The labels in bold, then level and what happened. */
export function markingLine(words: Headline): RichParagraph {
  const labels = join(formatLabels(words), " · ");
  const level = formatLevel(words.level);
  const rest = join([...(level ? [level] : []), ...(words.state ? [words.state] : [])], " · ");
  return paragraph([
    ...(labels === "" ? [] : [bold(literal(labels))]),
    ...(rest === "" ? [] : [run(slack`${labels === "" ? slack`` : slack` · `}${literal(rest, MAX_VALUE)}`)]),
  ]);
}

/** `Label  value`, a line each. */
export function factLines(facts: readonly FactLine[]): RichParagraph {
  return paragraph(
    facts.flatMap(({ label, value }, index) => [
      bold(slack`${index === 0 ? slack`` : slack`\n`}${literal(label, MAX_LABEL)}`),
      run(slack`  ${literal(value, MAX_FACT)}`),
    ]),
  );
}

/** Whole lines of text. */
export function textLines(texts: readonly CleanText[], maxLength: number = MAX_VALUE): RichParagraph {
  return paragraph(texts.length === 0 ? [] : [run(lines(texts.map((text) => literal(text, maxLength))))]);
}

/** Indicators, one below the other: the value, what it is, and what is said of it; of an object also its other parts. */
export function indicatorList(rows: readonly Row[], maxValue: number): RichList {
  return list(
    rows.map((row) => {
      const news = formatNews(row, rows);
      const words = [truncate(row.type, MAX_TYPE), ...(row.toIds ? [clean("IDS")] : []), ...(news ? [news] : [])];
      const notes = shorten(join(row.notes, " · "), MAX_NOTE);
      const parts = row.parts.flatMap(({ name, value }, index) => [
        run(slack`${index === 0 ? slack`\n` : slack`, `}${literal(name, MAX_LABEL)} `),
        code(literal(value, MAX_VALUE, "ltr")),
      ]);
      return paragraph([
        code(literal(row.value, maxValue, "ltr")),
        run(slack`  ${literal(join(words, " · "))}`),
        ...parts,
        ...(notes === "" ? [] : [run(slack`\n${literal(notes)}`)]),
      ]);
    }),
  );
}

/** What is taken back, struck through, a line each, with why. */
export function removedLines(listing: Pick<RowListing, "removed" | "moreRemoved">): RichParagraph {
  const more = formatMoreRemoved(listing);
  const rows = listing.removed;
  if (rows.length === 0) {
    return textLines(more ? [more] : []);
  }
  return paragraph([
    bold(slack`Withdrawn`),
    ...rows.flatMap(({ type, value, withdrawn }) => [
      run(slack`\n${literal(type, MAX_LABEL)}  `),
      struck(literal(value, MAX_VALUE, "ltr")),
      run(slack`  ${literal(withdrawn ?? clean(""), MAX_LABEL)}`),
    ]),
    ...(more ? [run(slack`\n${literal(more)}`)] : []),
  ]);
}

/** The buttons to the event's page, where there is one, and to what the operator wants to have at hand. */
export function buttons({ link, links }: Pick<Headline, "link" | "links">): readonly Block[] {
  const all = [
    ...(link ? [button("open_in_misp", OPEN, link, "primary")] : []),
    ...links.map(({ label, url }, index) => button(`link_${index + 1}`, literal(label, MAX_BUTTON), url)),
  ].filter((one) => one !== undefined);
  return all.length > 0 ? [{ type: "actions", elements: all.slice(0, MAX_BUTTONS) }] : [];
}

/** The button to the event's page, where there is one. */
export function openButton(link: URL | undefined): Button | undefined {
  return button("open_in_misp", OPEN, link, "primary");
}

function button(id: string, label: SlackText, link: URL | undefined, style?: "primary"): Button | undefined {
  const url = slackUrl(link);
  return url && { type: "button", action_id: id, text: plain(label), url, ...(style && { style }) };
}

const OPEN: SlackText = slack`Open in MISP`;
const MAX_BUTTON = 75;
const MAX_BUTTONS = 25;

/** Where it comes from, and when it happened, in the reader's own zone. */
export function originBlock({ origin, time }: Headline): Block {
  return {
    type: "context",
    elements: [
      plain(literal(origin, MAX_ORIGIN)),
      ...(time
        ? [
            {
              type: "mrkdwn",
              text: mrkdwn`${escapeParsed(time.word, MAX_LABEL)} ${dateToken(time.at, time.text)}`,
              verbatim: true,
            } as const,
          ]
        : []),
    ],
  };
}

const MAX_ORIGIN = 600;
