import { formatDigestTitle, MAX_DIGEST } from "../../alert/digest.ts";
import { formatTlp, type Headline, headline } from "../../alert/headline.ts";
import { indicator, listItems, NOTHING_LISTED } from "../../alert/indicators.ts";
import { LEVELS } from "../../alert/palette.ts";
import type { Style } from "../../alert/style.ts";
import { type CleanText, clean, formatCount, formatNumber, join } from "../../alert/text.ts";
import type { Payload } from "../../model/payload.ts";
import type { Card, CardMessage } from "./card.ts";
import { formatDigest, shortened } from "./digest.ts";
import { type CardContent, type EntryText, formatAlert, formatMinimalAlert } from "./entry.ts";
import { type Fitting, largest } from "./fit.ts";
import { formatMentions } from "./mentions.ts";
import { inertText } from "./text.ts";

/** A message as it is sent, and what was left out so that Teams takes it, in words. */
export interface FormattedCard extends Fitting {
  readonly trimmed: readonly string[];
}

/** Lists of an entry in the order in which people miss them least; they are cut from the bottom. */
const STAGES = ["indicators", "context", "facts", "removed"] as const;
type Cut = Readonly<Record<(typeof STAGES)[number], number>>;

const WHOLE: Cut = { indicators: Infinity, context: Infinity, facts: Infinity, removed: Infinity };
const SHORT: Cut = { indicators: 3, context: 2, facts: 4, removed: 3 };

/** Lines of a template take the place of the facts. */
function sizesOf({ words, indicators, removed }: EntryText): Cut {
  return {
    indicators: words.body ? 0 : indicators.length,
    context: words.body ? 0 : words.context.length,
    facts: (words.body ?? words.facts).length,
    removed: words.body ? 0 : removed.length,
  };
}

/** In a digest the numbers below each title say how much there is; elsewhere what is left out is counted. */
function cutTo({ words, indicators, more, removed, moreRemoved }: EntryText, cut: Cut, isDigest: boolean): EntryText {
  const { context, facts, body } = words;
  const count = (n: number, length: number) => (length > n && n > 0 && !isDigest ? length - n : 0);
  const tags = count(cut.context, context.length);
  const lines = count(cut.facts, facts.length);
  return {
    words: {
      ...words,
      context: [...context.slice(0, cut.context), ...(tags > 0 ? [clean(`+${formatNumber(tags)} more`)] : [])],
      facts: [
        ...facts.slice(0, cut.facts),
        ...(lines > 0
          ? [{ id: "more", label: clean("More"), value: clean(`${formatCount(lines, "fact")} in MISP`) } as const]
          : []),
      ],
      ...(body ? { body: cutBody(body, cut.facts) } : {}),
    },
    indicators: indicators.slice(0, cut.indicators),
    more: more + Math.max(0, indicators.length - cut.indicators),
    removed: removed.slice(0, cut.removed),
    moreRemoved: moreRemoved + Math.max(0, removed.length - cut.removed),
  };
}

function cutBody(body: readonly CleanText[], n: number): readonly CleanText[] {
  return body.length > n ? [...body.slice(0, n), clean("… the rest is in MISP")] : body;
}

/**
 * The message of a payload, within what Teams takes. Over it, indicators go first (from the bottom), then context and facts,
 * then all but marking, title and link, then whole entries; what went is counted.
 */
export function formatMessage(payload: Payload, style: Style): FormattedCard {
  const listed = listItems(payload);
  const isDigest = payload.entries.length > 1;
  const told = payload.entries.slice(0, MAX_DIGEST).map((entry, index): EntryText => {
    const { items, more, removed, moreRemoved } = listed[index] ?? NOTHING_LISTED;
    const whole = {
      words: headline(entry, style),
      indicators: items.map((item) => indicator(entry, item, style)),
      more,
      removed: removed.map((item) => indicator(entry, item, style)),
      moreRemoved,
    };
    return isDigest ? shortened(whole) : whole;
  });
  const [only] = isDigest ? [] : told;

  const trimmed: string[] = [];
  if (!payload.minimal) {
    const format = (cut: Cut) => {
      const shown = told.map((entry) => cutTo(entry, cut, isDigest));
      return envelope(
        payload,
        only?.words,
        only ? formatAlert(cutTo(only, cut, false)) : formatDigest(payload, shown, false),
      );
    };
    let cut = isDigest ? SHORT : WHOLE;
    for (const stage of STAGES) {
      const before = cut;
      const sizes = told.map((entry) => Math.min(sizesOf(entry)[stage], before[stage]));
      const best = largest(Math.max(0, ...sizes), (n) => format({ ...before, [stage]: n }));
      const gone = sizes.reduce((sum, size) => sum + Math.max(0, size - (best?.n ?? 0)), 0);
      if (gone > 0) {
        trimmed.push(`${WORDS[stage](gone)} left out`);
      }
      if (best) {
        const { message, text } = best;
        return { message, text, trimmed: [...trimmed, ...leftOut(payload.entries.length - told.length)] };
      }
      cut = { ...cut, [stage]: 0 };
    }
    trimmed.splice(0, trimmed.length, "all but marking, title and link left out");
  }
  // Mentions stay in what is only too long; the other side may have refused the message because of one.
  const minimal = (n: number) =>
    envelope(
      payload,
      only?.words,
      only ? formatMinimalAlert(only.words) : formatDigest(payload, told.slice(0, n), true),
    );
  const bare = minimal(0);
  const { n, message, text } = largest(told.length, minimal) ?? { n: 0, message: bare, text: JSON.stringify(bare) };
  return { message, text, trimmed: [...trimmed, ...leftOut(payload.entries.length - n)] };
}

const WORDS: Readonly<Record<keyof Cut, (n: number) => string>> = {
  indicators: (n) => formatCount(n, "indicator"),
  context: (n) => formatCount(n, "tag or cluster", "tags and clusters"),
  facts: (n) => formatCount(n, "fact"),
  removed: (n) => formatCount(n, "withdrawn attribute"),
};

function leftOut(entries: number): readonly string[] {
  return entries > 0 ? [`${formatCount(entries, "alert")} left out`] : [];
}

/** The content of a card with all that is the same in every card. */
function envelope(payload: Payload, words: Headline | undefined, { body, actions }: CardContent): CardMessage {
  const people = payload.minimal ? undefined : formatMentions(payload.mentions);
  const [head, ...rest] = body;
  const summary = inertText(summarise(payload, words));
  const card: Card = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.4",
    msteams: { width: "Full", ...(people ? { entities: people.entities } : {}) },
    fallbackText: summary,
    body: people && head ? [head, { type: "TextBlock", text: people.line, wrap: true }, ...rest] : body,
    ...(actions.length > 0 ? { actions } : {}),
  };
  return {
    type: "message",
    summary,
    attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", contentUrl: null, content: card }],
  };
}

/** One line for notifications: `TLP:AMBER · High: Emotet epoch5`. */
function summarise(payload: Payload, words: Headline | undefined): CleanText {
  const what = words
    ? clean(`${words.level ? `${LEVELS[words.level].word}: ` : ""}${words.title}`)
    : formatDigestTitle(payload);
  return join([formatTlp(payload.tlp), what], " · ");
}
