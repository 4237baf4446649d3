import { formatDigestTitle, gravest, MAX_DIGEST } from "../../alert/digest.ts";
import { formatOneLine, type Headline, labelOfAll } from "../../alert/headline.ts";
import { shareOut } from "../../alert/indicators.ts";
import { cutListing } from "../../alert/rows.ts";
import type { Style } from "../../alert/style.ts";
import { type Telling, tellAll } from "../../alert/telling.ts";
import { type CleanText, clean, formatCount, join } from "../../alert/text.ts";
import type { Payload } from "../../model/payload.ts";
import type { Card, CardMessage } from "./card.ts";
import { formatDigest } from "./digest.ts";
import { type CardContent, formatAlert, formatMinimalAlert } from "./entry.ts";
import { type Fitting, largest } from "./fit.ts";
import { formatMentions } from "./mentions.ts";
import { inertText } from "./text.ts";

/** A message as it is sent, and what was left out so that Teams takes it, in words. */
export interface FormattedCard extends Fitting {
  readonly trimmed: readonly string[];
}

/** What is given up in the order in which people miss it least: long values are cut, then lists, from the bottom. */
const STAGES = ["values", "rows", "facts", "removed"] as const;
type Lists = Readonly<Record<(typeof LISTS)[number], number>>;
/** How long a value is at most, and how many there are of the rest, in all entries together. */
type Cut = Lists & { readonly values: number };

const LISTS = ["rows", "facts", "removed"] as const;
const MIN_VALUE = 250;
const MAX_VALUE = 2500;
const MAX_FACTS_AMONG = 6;

/** Lines of a template take the place of the facts. */
function sizesOf({ words, listing }: Telling, isDigest: boolean): Lists {
  const facts = (words.body ?? words.facts).length;
  return {
    rows: listing.rows.length,
    facts: isDigest ? Math.min(facts, MAX_FACTS_AMONG) : facts,
    removed: listing.removed.length,
  };
}

/** So much of each list that short ones are whole, and every entry has something of it before another has more. */
function share(sizes: readonly Lists[], cut: Cut): readonly Lists[] {
  const shares = Object.fromEntries(
    LISTS.map((list) => [
      list,
      shareOut(
        sizes.map((size) => size[list]),
        cut[list],
      ),
    ]),
  );
  return sizes.map((_, index) => ({
    rows: shares.rows?.[index] ?? 0,
    facts: shares.facts?.[index] ?? 0,
    removed: shares.removed?.[index] ?? 0,
  }));
}

/** In a digest the numbers below each title say how much there is; elsewhere what is left out is counted. */
function cutTo(telling: Telling, cut: Lists, isDigest: boolean): Telling {
  const { words, listing } = telling;
  const { facts, body } = words;
  const lost = Math.max(0, facts.length - cut.facts);
  return {
    ...telling,
    words: {
      ...words,
      facts: [
        ...facts.slice(0, cut.facts),
        ...(lost > 0 && !isDigest
          ? [{ id: "more", label: clean("More"), value: clean(`${formatCount(lost, "fact")} in MISP`) } as const]
          : []),
      ],
      ...(body ? { body: cutBody(body, cut.facts) } : {}),
    },
    listing: cutListing(listing, cut),
  };
}

function cutBody(body: readonly CleanText[], n: number): readonly CleanText[] {
  return body.length > n ? [...body.slice(0, n), clean("… the rest is in MISP")] : body;
}

/**
 * The message of a payload, within what Teams takes. Over it, long values are cut, then indicators go (from the bottom), then
 * facts, then all but marking, title and link, then whole entries; what went is counted.
 */
export function formatMessage(payload: Payload, style: Style): FormattedCard {
  const isDigest = payload.entries.length > 1;
  const told = tellAll(payload, style).slice(0, MAX_DIGEST);
  const [only] = isDigest ? [] : told;

  const trimmed: string[] = [];
  if (!payload.minimal) {
    const sizes = told.map((entry) => sizesOf(entry, isDigest));
    const format = (cut: Cut) => {
      const shares = share(sizes, cut);
      const shown = told.map((entry, index) => cutTo(entry, shares[index] ?? cut, isDigest));
      const [first] = shown;
      const values = Math.max(MIN_VALUE, cut.values);
      return envelope(
        payload,
        only?.words,
        only && first ? formatAlert(first, values, style) : formatDigest(payload, shown, false, style),
        style,
      );
    };
    const total = (list: keyof Lists) => sizes.reduce((sum, size) => sum + size[list], 0);
    let cut: Cut = { values: MAX_VALUE, rows: total("rows"), facts: total("facts"), removed: total("removed") };
    for (const stage of STAGES) {
      const before = cut;
      const best = largest(before[stage], (n) => format({ ...before, [stage]: n }));
      const gone = before[stage] - (best?.n ?? 0);
      const word = WORDS[stage];
      if (gone > 0 && word) {
        trimmed.push(`${word(gone)} left out`);
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
      only ? formatMinimalAlert(only.words) : formatDigest(payload, told.slice(0, n), true, style),
      style,
    );
  const bare = minimal(0);
  const { n, message, text } = largest(told.length, minimal) ?? { n: 0, message: bare, text: JSON.stringify(bare) };
  return { message, text, trimmed: [...trimmed, ...leftOut(payload.entries.length - n)] };
}

/** That a value is cut is seen where it stands. */
const WORDS: Readonly<Partial<Record<keyof Cut, (n: number) => string>>> = {
  rows: (n) => formatCount(n, "indicator"),
  facts: (n) => formatCount(n, "fact"),
  removed: (n) => formatCount(n, "withdrawn attribute"),
};

function leftOut(entries: number): readonly string[] {
  return entries > 0 ? [`${formatCount(entries, "alert")} left out`] : [];
}

/** The content of a card with all that is the same in every card. */
function envelope(
  payload: Payload,
  words: Headline | undefined,
  { body, actions }: CardContent,
  style: Style,
): CardMessage {
  const people = payload.minimal ? undefined : formatMentions(payload.mentions);
  const [head, ...rest] = body;
  const summary = inertText(summarise(payload, words, style));
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

/** One line for notifications: `TLP:AMBER · High: Emotet epoch5 (New)`. */
function summarise(payload: Payload, words: Headline | undefined, style: Style): CleanText {
  const what = words ? formatOneLine(words) : join([formatDigestTitle(payload), gravest(payload, style)], ": ");
  const label = labelOfAll(payload);
  return join([...(label === undefined ? [] : [label]), what], " · ");
}
