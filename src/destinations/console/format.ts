import { formatDigestTitle, MAX_DIGEST } from "../../alert/digest.ts";
import { divideFacts, type FactLine } from "../../alert/fact-line.ts";
import { formatFooter, type Headline, labelOfAll } from "../../alert/headline.ts";
import { listItems, NOTHING_LISTED } from "../../alert/indicators.ts";
import { formatEntry } from "../../alert/json.ts";
import { LEVELS, TLP_COLORS } from "../../alert/palette.ts";
import type { Row } from "../../alert/row.ts";
import { formatMoreRemoved, formatNews, formatParts, formatRest, type RowListing } from "../../alert/rows.ts";
import type { Style } from "../../alert/style.ts";
import { tellAll } from "../../alert/telling.ts";
import { type CleanText, clean, join, truncate } from "../../alert/text.ts";
import type { Entry, Payload } from "../../model/payload.ts";
import {
  choosePainter,
  lines,
  type Painter,
  pad,
  spaces,
  type TerminalText,
  terminal,
  terminalJson,
  trimEnd,
  widthOf,
  wrap,
} from "./terminal.ts";

/** Where and for whom it is written. */
export interface ConsoleStyle extends Style {
  readonly colors: boolean;
  /** Infinite where the output is no terminal: then nothing is wrapped, so that programs find values in one piece. */
  readonly columns: number;
}

const MIN_COLUMNS = 40;
const MAX_LABEL = 20;
const MAX_TYPE = 40;
/** Values are filled up to this, so that most types stand below each other. */
const VALUE_COLUMN = 40;
const MAX_TITLE_AMONG = 150;
const IDS = clean("IDS");

/**
 * A batch for people: for each alert a bar in the colour of its threat level with marking, title, facts and indicators.
 * Several are a digest, in which each is shorter, and those after the thirtieth are a line.
 */
export function formatText(payload: Payload, look: ConsoleStyle): TerminalText {
  const told = tellAll(payload, look);
  const paint = choosePainter(look.colors);
  const columns = Math.max(MIN_COLUMNS, look.columns) - 2;
  const isDigest = payload.entries.length > 1;
  const blocks = payload.entries.map((entry, index) => {
    const telling = told[index];
    if (!telling) {
      return EMPTY;
    }
    const draw: Drawing = { entry, words: telling.words, paint, columns, look };
    const body = !isDigest
      ? formatBlock(draw, telling.listing)
      : index < MAX_DIGEST
        ? formatShort(draw, telling.listing)
        : formatShortest(draw);
    const gutter = look.colors
      ? terminal`${paint.colored(LEVELS[telling.words.level ?? "undefined"].color, terminal`▌`)} `
      : terminal`  `;
    const end = isDigest && index >= MAX_DIGEST - 1 && index < payload.entries.length - 1 ? EMPTY : terminal`\n`;
    return terminal`${lines(body.map((line, at) => (at === 0 && !look.colors ? line : withGutter(gutter, line))))}${end}`;
  });
  return terminalJoin(isDigest ? [formatDigestHead(payload, paint), ...blocks] : blocks);
}

/** What one entry is drawn with. */
interface Drawing {
  readonly entry: Entry;
  readonly words: Headline;
  readonly paint: Painter;
  readonly columns: number;
  readonly look: Style;
}

function formatDigestHead(payload: Payload, paint: Painter): TerminalText {
  const label = labelOfAll(payload);
  const badge = label === undefined ? EMPTY : terminal`${paint.chip("#000000", TLP_COLORS[payload.tlp], label)} `;
  return terminal`${badge}${paint.bold(terminal`${formatDigestTitle(payload)}`)}\n\n`;
}

function withGutter(gutter: TerminalText, line: TerminalText): TerminalText {
  return line === "" && !gutter.trim() ? line : terminal`${gutter}${line}`;
}

function terminalJoin(parts: readonly TerminalText[]): TerminalText {
  return parts.reduce((all, part) => terminal`${all}${part}`, terminal``);
}

const EMPTY = terminal``;

function formatBlock(draw: Drawing, listing: RowListing): TerminalText[] {
  const { words, paint, columns } = draw;
  return [
    ...formatTitle(draw, words.title),
    ...formatHead(draw),
    ...formatRemarks([words.changed, words.notice], columns),
    ...section(words.body ? formatRemarks(words.body, columns) : formatFacts(words.facts, paint, columns)),
    ...section(formatRemoved(draw, listing)),
    ...section(formatContent(draw, listing)),
    ...section([
      ...formatLinks(draw),
      ...wrap(formatFooter(words), columns).map((line) => paint.dim(terminal`${line}`)),
    ]),
  ];
}

/** What a digest says of one alert: what the page in MISP does not tell at once. */
function formatShort(draw: Drawing, listing: RowListing): TerminalText[] {
  const { words, paint, columns } = draw;
  const { own, shared } = divideFacts(words.facts);
  const told = shared.map(({ label, value }) => clean(`${label}: ${value}`));
  const summary = join([...told, ...(words.reporter ? [words.reporter] : [])], " · ");
  return [
    ...formatTitle(draw, truncate(words.title, MAX_TITLE_AMONG)),
    ...formatHead(draw),
    ...formatRemarks([words.changed, words.notice], columns),
    ...(words.body
      ? formatRemarks(words.body, columns)
      : [
          ...formatFacts(own, paint, columns),
          ...formatRemarks(summary === "" ? [] : [summary], columns).map((line) => paint.dim(line)),
        ]),
    ...formatRemoved(draw, listing),
    ...formatContent(draw, listing),
    ...formatLink(words, paint),
  ];
}

function formatShortest(draw: Drawing): TerminalText[] {
  const { words, paint } = draw;
  const state = truncate(words.title, MAX_TITLE_AMONG);
  const [first = EMPTY, ...others] = formatHead({ ...draw, words: { ...words, state } });
  return [first, ...others, ...formatLink(words, paint)];
}

function formatLink({ link }: Headline, paint: Painter): TerminalText[] {
  return link && /^https?:$/.test(link.protocol) ? [paint.link(link)] : [];
}

/** The event's page, then what the operator wants to have at hand. */
function formatLinks({ words, paint }: Drawing): TerminalText[] {
  return [...formatLink(words, paint), ...words.links.map(({ label, url }) => terminal`${label}: ${paint.link(url)}`)];
}

/** Indicators, and how many attributes there are besides. */
function formatContent({ words, paint, columns, look }: Drawing, listing: RowListing): TerminalText[] {
  const rest = words.body ? words.withheld : formatRest(listing, words.withheld, look);
  return [
    ...formatIndicators(listing.rows, paint, columns),
    ...(rest ? wrap(rest, columns).map((line) => paint.dim(terminal`${line}`)) : []),
  ];
}

/** What is taken back; the word stands on every line, since not every terminal strikes through. */
function formatRemoved({ paint, columns }: Drawing, listing: RowListing): TerminalText[] {
  const { removed } = listing;
  const more = formatMoreRemoved(listing);
  return [
    ...removed.flatMap(({ type, value, withdrawn }) => {
      const head = terminal`Withdrawn  ${paint.dim(terminal`${truncate(type, MAX_TYPE)}`)}  `;
      const room = Math.max(20, columns - 13 - widthOf(truncate(type, MAX_TYPE)));
      const why = terminal`  ${paint.dim(terminal`${withdrawn ?? clean("")}`)}`;
      const lines = wrap(value, room).map((line) => paint.strike(terminal`${line}`));
      const [first = EMPTY, ...others] = lines;
      return others.length === 0 && widthOf(value) + widthOf(withdrawn ?? clean("")) + 2 <= room
        ? [terminal`${head}${first}${why}`]
        : [
            terminal`${head}${first}`,
            ...others.map((line) => terminal`${spaces(11)}${line}`),
            terminal`${spaces(9)}${why}`,
          ];
    }),
    ...(more ? [paint.dim(terminal`${more}`)] : []),
  ];
}

/** Sentences, each from a line of its own. */
function formatRemarks(sentences: readonly (CleanText | undefined)[], columns: number): TerminalText[] {
  return sentences.flatMap((line) => (line === undefined ? [] : wrap(line, columns).map((part) => terminal`${part}`)));
}

function section(body: readonly TerminalText[]): readonly TerminalText[] {
  return body.length > 0 ? [EMPTY, ...body] : [];
}

/** What it is about, with a sign of how bad it is: nothing from MISP begins a line where badges may stand. */
function formatTitle({ words: { level }, paint, columns }: Drawing, title: CleanText): TerminalText[] {
  const sign = clean(LEVELS[level ?? "undefined"].glyph);
  const marked = level === undefined ? title : join([sign, title], " ");
  return wrap(marked, columns).map((line) => paint.bold(terminal`${line}`));
}

/** Badges and what happened, on one line where they fit. */
function formatHead({ entry, words, paint, columns }: Drawing): TerminalText[] {
  const level = words.level && LEVELS[words.level];
  const chips: readonly (readonly [color: string, on: string, text: CleanText])[] = [
    ...(level ? [[level.color, level.on, clean(`${level.glyph} ${level.word.toUpperCase()}`)] as const] : []),
    ...(words.tlp ? [["#000000", TLP_COLORS[entry.guarded.tlp], words.tlp] as const] : []),
    ...(words.pap ? [["#000000", TLP_COLORS[entry.guarded.pap], words.pap] as const] : []),
  ];
  const badges = chips.reduce((all, chip) => terminal`${all}${paint.chip(...chip)} `, EMPTY);
  if (words.state === undefined) {
    return chips.length > 0 ? [trimEnd(badges)] : [];
  }
  const width = chips.reduce((sum, [, , text]) => sum + widthOf(text) + 3, 0);
  const [first = clean(""), ...others] = wrap(words.state, Math.max(20, columns - width));
  return [
    terminal`${badges}${paint.bold(terminal`${first}`)}`,
    ...others.map((line) => terminal`${spaces(width)}${paint.bold(terminal`${line}`)}`),
  ];
}

function formatFacts(facts: readonly FactLine[], paint: Painter, columns: number): TerminalText[] {
  const labels = facts.map(({ label }) => truncate(label, MAX_LABEL));
  const width = Math.max(0, ...labels.map(widthOf)) + 2;
  return facts.flatMap(({ value }, index) =>
    wrap(value, columns - width).map((line, at) =>
      at === 0
        ? terminal`${paint.dim(pad(labels[index] ?? clean(""), width))}${line}`
        : terminal`${spaces(width)}${line}`,
    ),
  );
}

/** The value first and whole, then what it is; what belongs to the same object stands below it. */
function formatIndicators(rows: readonly Row[], paint: Painter, columns: number): TerminalText[] {
  const widest = Math.max(0, ...rows.map((row) => widthOf(row.value)).filter((width) => width <= VALUE_COLUMN));
  return rows.flatMap((row) => {
    const news = formatNews(row, rows);
    const words = [truncate(row.type, MAX_TYPE), ...(row.toIds ? [IDS] : []), ...(news ? [news] : [])];
    const about = join(words, " · ");
    const [first = clean(""), ...others] = wrap(row.value, columns);
    const note = join(row.notes, " · ");
    const filled = Math.max(widthOf(first), widest);
    const isBeside = others.length === 0 && filled + 2 + widthOf(about) <= columns;
    const left = columns - filled - widthOf(about) - 5;
    const hasNote = isBeside && note !== "" && widthOf(note) <= left;
    return [
      isBeside
        ? terminal`${pad(first, filled)}  ${paint.dim(terminal`${hasNote ? join([about, note], " | ") : about}`)}`
        : terminal`${first}`,
      ...others.map((line) => terminal`${line}`),
      ...(isBeside ? [] : indent([about], paint, columns)),
      ...indent([...row.parts.map((part) => formatParts({ parts: [part] }))], paint, columns),
      ...(note !== "" && !hasNote ? indent([shorten(note, columns - 2)], paint, columns) : []),
    ];
  });
}

function indent(texts: readonly CleanText[], paint: Painter, columns: number): TerminalText[] {
  return texts.flatMap((text) =>
    wrap(text, columns - 2).map((line) => terminal`${spaces(2)}${paint.dim(terminal`${line}`)}`),
  );
}

/** A note is a hint, not the thing itself: one line of it is enough. */
function shorten(note: CleanText, columns: number): CleanText {
  return truncate(note, Math.min(120, columns));
}

/** A batch for programs: one JSON object per alert and line, as the webhook has them. */
export function formatJsonLines(payload: Payload, style: Style): TerminalText {
  const listed = listItems(payload);
  return lines(
    payload.entries.map((entry, index) =>
      terminalJson({
        type: "misp-herald.alert",
        version: "1",
        batch: payload.batch,
        timestamp: new Date(payload.createdAt).toISOString(),
        destination: payload.destination,
        priority: payload.priority,
        ...formatEntry(entry, listed[index] ?? NOTHING_LISTED, "raw", style),
      }),
    ),
  );
}
