import { formatDigestTitle, MAX_DIGEST } from "../../alert/digest.ts";
import type { FactId, FactLine } from "../../alert/facts.ts";
import { formatTlp, type Headline, headline } from "../../alert/headline.ts";
import { type Indicator, indicator, listItems, NOTHING_LISTED } from "../../alert/indicators.ts";
import { formatEntry } from "../../alert/json.ts";
import { LEVELS, TLP_COLORS } from "../../alert/palette.ts";
import type { Style } from "../../alert/style.ts";
import { type CleanText, clean, formatNumber, join, truncate } from "../../alert/text.ts";
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
const MAX_TYPE = 24;
const MAX_VALUE = 72;
const IDS = clean("IDS");

/**
 * A batch for people: for each alert a bar in the colour of its threat level with marking, title, facts and indicators.
 * Several are a digest, in which each is shorter, and those after the thirtieth are a line.
 */
export function formatText(payload: Payload, look: ConsoleStyle): TerminalText {
  const listed = listItems(payload);
  const paint = choosePainter(look.colors);
  const columns = Math.max(MIN_COLUMNS, look.columns) - 2;
  const isDigest = payload.entries.length > 1;
  const blocks = payload.entries.map((entry, index) => {
    const words = headline(entry, look);
    const { items, more, removed, moreRemoved } = listed[index] ?? NOTHING_LISTED;
    const rows = {
      indicators: items.map((item) => indicator(entry, item, look)),
      more,
      removed: removed.map((item) => indicator(entry, item, look)),
      moreRemoved,
    };
    const body = !isDigest
      ? formatBlock(entry, words, rows, paint, columns)
      : index < MAX_DIGEST
        ? formatShort(entry, words, rows, paint, columns)
        : formatShortest(entry, words, paint, columns);
    const gutter = look.colors
      ? terminal`${paint.colored(LEVELS[words.level ?? "undefined"].color, terminal`▌`)} `
      : terminal`  `;
    const end = isDigest && index >= MAX_DIGEST - 1 && index < payload.entries.length - 1 ? EMPTY : terminal`\n`;
    return terminal`${lines(body.map((line, at) => (at === 0 && !look.colors ? line : withGutter(gutter, line))))}${end}`;
  });
  return terminalJoin(isDigest ? [formatDigestHead(payload, paint), ...blocks] : blocks);
}

function formatDigestHead(payload: Payload, paint: Painter): TerminalText {
  const badge = paint.chip("#000000", TLP_COLORS[payload.tlp], formatTlp(payload.tlp));
  return terminal`${badge} ${paint.bold(terminal`${formatDigestTitle(payload)}`)}\n\n`;
}

function withGutter(gutter: TerminalText, line: TerminalText): TerminalText {
  return line === "" && !gutter.trim() ? line : terminal`${gutter}${line}`;
}

function terminalJoin(parts: readonly TerminalText[]): TerminalText {
  return parts.reduce((all, part) => terminal`${all}${part}`, terminal``);
}

const EMPTY = terminal``;

interface Rows {
  readonly indicators: readonly Indicator[];
  /** How many attributes are not among them. */
  readonly more: number;
  readonly removed: readonly Indicator[];
  readonly moreRemoved: number;
}

function formatBlock(entry: Entry, words: Headline, rows: Rows, paint: Painter, columns: number): TerminalText[] {
  const context = words.context.length > 0 ? [{ label: clean("Context"), value: join(words.context, " · ") }] : [];
  const facts = [...words.facts, ...context];
  return [
    ...formatHead(entry, words, paint, columns),
    ...wrap(words.title, columns).map((line) => paint.bold(terminal`${line}`)),
    ...formatRemarks([words.changed, words.notice], columns),
    ...section(words.body ? formatRemarks(words.body, columns) : formatFacts(facts, paint, columns)),
    ...section(formatRemoved(words, rows, paint, columns)),
    ...section(formatContent(words, rows, paint, columns)),
    ...section([
      ...formatLink(words, paint),
      ...wrap(words.origin, columns).map((line) => paint.dim(terminal`${line}`)),
    ]),
  ];
}

/** What a digest says of one alert: all but the facts that the page in MISP has, too. */
function formatShort(entry: Entry, words: Headline, rows: Rows, paint: Painter, columns: number): TerminalText[] {
  const told = words.facts.filter(({ id }) => SHORT_FACTS.has(id));
  const summary = join([...told.map(({ label, value }) => clean(`${label}: ${value}`)), ...words.context], " · ");
  return [
    ...formatHead(entry, words, paint, columns),
    ...wrap(words.title, columns).map((line) => paint.bold(terminal`${line}`)),
    ...formatRemarks([words.changed, words.notice], columns),
    ...(words.body
      ? formatRemarks(words.body, columns)
      : formatRemarks(summary === "" ? [] : [summary], columns).map((line) => paint.dim(line))),
    ...formatRemoved(words, rows, paint, columns),
    ...formatContent(words, rows, paint, columns),
    ...formatLink(words, paint),
  ];
}

const SHORT_FACTS: ReadonlySet<FactId> = new Set<FactId>(["org", "attributes", "types", "sightings", "tag", "routes"]);

function formatShortest(entry: Entry, words: Headline, paint: Painter, columns: number): TerminalText[] {
  const [first = EMPTY, ...others] = formatHead(entry, { ...words, state: words.title }, paint, columns);
  return [first, ...others, ...formatLink(words, paint)];
}

function formatLink({ link }: Headline, paint: Painter): TerminalText[] {
  return link && /^https?:$/.test(link.protocol) ? [paint.link(link)] : [];
}

/** Indicators, and how many attributes there are besides. */
function formatContent(words: Headline, { indicators, more }: Rows, paint: Painter, columns: number): TerminalText[] {
  const left =
    indicators.length > 0 ? `+${formatNumber(more)} more in MISP` : `${formatNumber(more)} attributes in MISP`;
  const rest = [...(more > 0 && !words.body ? [clean(left)] : []), ...(words.withheld ? [words.withheld] : [])];
  return [
    ...(words.body ? [] : formatIndicators(indicators, paint, columns)),
    ...(rest.length > 0 ? [paint.dim(terminal`${join(rest, " · ")}`)] : []),
  ];
}

/** What is taken back; the word stands on every line, since not every terminal strikes through. */
function formatRemoved(
  words: Headline,
  { removed, moreRemoved }: Rows,
  paint: Painter,
  columns: number,
): TerminalText[] {
  if (words.body) {
    return [];
  }
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
    ...(moreRemoved > 0 ? [paint.dim(terminal`+${formatNumber(moreRemoved)} more withdrawn`)] : []),
  ];
}

/** Sentences, each from a line of its own. */
function formatRemarks(sentences: readonly (CleanText | undefined)[], columns: number): TerminalText[] {
  return sentences.flatMap((line) => (line === undefined ? [] : wrap(line, columns).map((part) => terminal`${part}`)));
}

function section(body: readonly TerminalText[]): readonly TerminalText[] {
  return body.length > 0 ? [EMPTY, ...body] : [];
}

/** Badges and what happened, on one line where they fit. */
function formatHead(entry: Entry, words: Headline, paint: Painter, columns: number): TerminalText[] {
  const level = words.level && LEVELS[words.level];
  const chips: readonly (readonly [color: string, on: string, text: CleanText])[] = [
    ...(level ? [[level.color, level.on, clean(`${level.glyph} ${level.word.toUpperCase()}`)] as const] : []),
    ["#000000", TLP_COLORS[entry.guarded.tlp], words.tlp],
    ...(words.pap ? [["#000000", TLP_COLORS[entry.guarded.pap], words.pap] as const] : []),
  ];
  const badges = chips.reduce((all, chip) => terminal`${all}${paint.chip(...chip)} `, EMPTY);
  if (words.state === undefined) {
    return [trimEnd(badges)];
  }
  const width = chips.reduce((sum, [, , text]) => sum + widthOf(text) + 3, 0);
  const [first = clean(""), ...others] = wrap(words.state, Math.max(20, columns - width));
  return [
    terminal`${badges}${paint.bold(terminal`${first}`)}`,
    ...others.map((line) => terminal`${spaces(width)}${paint.bold(terminal`${line}`)}`),
  ];
}

function formatFacts(facts: readonly Omit<FactLine, "id">[], paint: Painter, columns: number): TerminalText[] {
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

function formatIndicators(rows: readonly Indicator[], paint: Painter, columns: number): TerminalText[] {
  // Marked only where it tells one from another.
  const isMarked = rows.some((row) => row.changed) && rows.some((row) => !row.changed);
  const types = rows.map((row) => clean(`${isMarked && row.changed ? "* " : ""}${truncate(row.type, MAX_TYPE)}`));
  const typeWidth = Math.max(0, ...types.map(widthOf)) + 2;
  const room = columns - typeWidth;
  const widest = Math.max(0, ...rows.map((row) => widthOf(row.value)));
  const hasIds = rows.some((row) => row.toIds);
  const valueRoom = Math.max(20, room - (hasIds ? 5 : 0));
  const valueWidth = Math.min(widest, MAX_VALUE, valueRoom);
  return rows.flatMap((row, index) => {
    const [first = clean(""), ...others] = wrap(row.value, valueRoom);
    const ids = hasIds ? terminal`  ${row.toIds ? paint.bold(terminal`${IDS}`) : spaces(3)}` : EMPTY;
    const note = join(row.notes, " · ");
    const left = valueRoom - Math.max(valueWidth, widthOf(first)) - 2;
    const isBeside = note !== "" && others.length === 0 && left >= Math.min(16, widthOf(note));
    const beside = isBeside ? terminal`  ${paint.dim(terminal`${shorten(note, left)}`)}` : EMPTY;
    const head = terminal`${paint.dim(pad(types[index] ?? clean(""), typeWidth))}${pad(first, valueWidth)}${ids}${beside}`;
    return [
      trimEnd(head),
      ...others.map((line) => terminal`${spaces(typeWidth)}${line}`),
      ...(note !== "" && !isBeside
        ? [terminal`${spaces(typeWidth)}${paint.dim(terminal`${shorten(note, room)}`)}`]
        : []),
    ];
  });
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
