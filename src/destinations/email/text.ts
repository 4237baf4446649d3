import { divideFacts } from "../../alert/fact-line.ts";
import { formatFooter, formatLabels } from "../../alert/headline.ts";
import { LEVELS } from "../../alert/palette.ts";
import type { Row } from "../../alert/row.ts";
import { formatMoreRemoved, formatNews } from "../../alert/rows.ts";
import { type CleanText, clean, formatCount, formatNumber, isolate, join, truncate } from "../../alert/text.ts";
import type { Brand } from "../../model/brand.ts";
import type { EntryView, MailView } from "./view.ts";

/**
 * The plain text of a mail: our own literals and clean text. No line begins with text from MISP, since readers of mail see
 * quotes, signatures (`-- `), armour (`-----BEGIN PGP`) and attachments (`begin 644`) in what stands there.
 */
export type MailText = Brand<string, "MailText">;

/** Template tag for a part of a line. */
function plain(literals: TemplateStringsArray, ...holes: readonly (MailText | CleanText)[]): MailText {
  return String.raw({ raw: literals }, ...holes) as MailText;
}

const COLUMNS = 76;
const EMPTY = plain``;

/** Breaks between words only: a value that is longer than a line stays whole, for those who copy it. */
function wrap(text: CleanText, columns: number): readonly CleanText[] {
  const lines: CleanText[] = [];
  let line: CleanText | undefined;
  for (const word of text.split(" ").map((part) => clean(part, Number.POSITIVE_INFINITY))) {
    if (line !== undefined && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === undefined ? word : join([line, word], " ");
    }
  }
  return line === undefined ? lines : [...lines, line];
}

/** Text behind a label of ours; its other lines are indented. */
function labelled(label: MailText, text: CleanText): readonly MailText[] {
  const [first = clean(""), ...others] = wrap(text, COLUMNS - Math.max(4, label.length));
  return [plain`${label}${first}`, ...others.map((line) => plain`    ${line}`)];
}

function indented(text: CleanText): readonly MailText[] {
  return wrap(text, COLUMNS - 2).map((line) => plain`  ${line}`);
}

/** The first line of an entry among others. */
function bulleted(text: CleanText): readonly MailText[] {
  return wrap(text, COLUMNS - 2).map((line, at) => (at === 0 ? plain`* ${line}` : plain`  ${line}`));
}

/** As MISP's own mails have it, `* ` stands before what is new; the rest of the object stands below. */
function formatRow(row: Row, rows: readonly Row[]): readonly MailText[] {
  const { type, value, toIds, notes, parts } = row;
  const news = formatNews(row, rows);
  const mark = news ? plain`* ` : plain`  `;
  const ids = toIds ? plain`  (IDS)` : EMPTY;
  return [
    plain`${mark}${type}: ${isolate(value, "ltr")}${ids}${news ? plain`  (${news})` : EMPTY}`,
    ...parts.map((part) => plain`      ${part.name}: ${isolate(part.value, "ltr")}`),
    ...notes.flatMap((note) => wrap(note, COLUMNS - 6).map((line) => plain`      ${line}`)),
  ];
}

/** What is taken back, apart from what holds. */
function formatRemoved({ listing }: EntryView): readonly MailText[] {
  const { removed } = listing;
  const more = formatMoreRemoved(listing);
  return removed.length === 0
    ? [more].flatMap((text) => (text ? indented(text) : []))
    : [
        plain`Withdrawn, no longer valid:`,
        ...removed.map(
          ({ type, value, withdrawn }) => plain`  ${type}: ${isolate(value, "ltr")}  (${withdrawn ?? clean("")})`,
        ),
        ...(more ? indented(more) : []),
      ];
}

function formatFacts({ head }: EntryView): readonly MailText[] {
  return head.facts.flatMap(({ label, value }) => labelled(plain`- ${label}: `, value));
}

/** The same where there is room for a line or two. */
function formatFactLines({ head }: EntryView): readonly MailText[] {
  const { own, shared } = divideFacts(head.facts);
  const facts = shared.map(({ label, value }) => join([label, truncate(value, 80)], ": "));
  const parts = [...facts, ...(head.reporter ? [head.reporter] : [])];
  return [
    ...own.flatMap(({ label, value }) => labelled(plain`- ${label}: `, value)),
    ...(parts.length > 0 ? indented(join(parts, " · ")) : []),
  ];
}

function formatDetails(entry: EntryView, isAlone: boolean): readonly MailText[] {
  const { head, listing, unlisted } = entry;
  const rest = unlisted === undefined ? [] : indented(unlisted);
  if (head.body) {
    return [...head.body.flatMap((line) => (line === "" ? [EMPTY] : indented(line))), ...rest];
  }
  const { rows } = listing;
  const list = [...rows.flatMap((row) => formatRow(row, rows)), ...rest];
  const gone = formatRemoved(entry);
  const heading = rows.length > 0 ? [plain`Indicators:`] : [];
  return [
    ...(isAlone ? formatFacts(entry) : formatFactLines(entry)),
    ...(gone.length > 0 ? [EMPTY, ...gone] : []),
    ...(list.length > 0 ? [EMPTY, ...heading, ...list] : []),
  ];
}

function formatEntry(entry: EntryView, isAlone: boolean): readonly MailText[] {
  const { head } = entry;
  const level = head.level && clean(`${LEVELS[head.level].glyph} ${LEVELS[head.level].word}`);
  const marking = formatLabels(head);
  const state = [level, head.state].filter((part) => part !== undefined);
  const details = formatDetails(entry, isAlone);
  return [
    ...(isAlone ? indented(head.title) : bulleted(head.title)),
    ...(isAlone || marking.length + state.length === 0 ? [] : [plain`  [${join([...marking, ...state], " · ")}]`]),
    ...(isAlone && state.length > 0 ? [plain`[${join(state, " · ")}]`] : []),
    ...(head.notice === undefined ? [] : [EMPTY, plain`! ${head.notice}`]),
    ...(head.changed === undefined ? [] : [EMPTY, ...labelled(plain`Changed: `, head.changed)]),
    ...(details.length > 0 ? [EMPTY, ...details] : []),
    EMPTY,
    ...(head.link ? [plain`Open in MISP: ${clean(head.link.href)}`] : []),
    ...(isAlone ? head.links.map(({ label, url }) => plain`* ${label}: ${clean(url.href)}`) : []),
    ...labelled(plain`Source: `, formatFooter(head)),
  ];
}

/** Counts by threat level: `3 high, 4 medium`. */
export function formatLevels({ levels }: MailView): CleanText {
  return join(
    levels.map(({ level, n }) => clean(`${formatNumber(n)} ${LEVELS[level].word.toLowerCase()}`)),
    ", ",
  );
}

/** How many alerts a digest tells of: `12 alerts`, and where they come from and go on. */
export function formatTotal({ alerts, missed, part }: MailView): CleanText {
  return join([formatCount(alerts, "alert"), ...missed, ...part], ", ");
}

/** The label of the whole mail, with the PAP where it tells of one thing only. */
export function formatMarking({ label, entries }: MailView): readonly CleanText[] {
  const pap = entries.length === 1 ? entries[0]?.head.pap : undefined;
  return [...(label === undefined ? [] : [label]), ...(pap === undefined ? [] : [pap])];
}

/** The text of a mail, for whoever reads no HTML: the same, in the same order. */
export function formatText(view: MailView, listId: CleanText): MailText {
  const labels = formatMarking(view);
  const marking = labels.length > 0 ? [plain`${join(labels, " · ")}`] : [];
  const isAlone = view.entries.length + view.moreEntries === 1;
  const levels = formatLevels(view);
  const summary = [formatTotal(view), ...(levels === "" ? [] : [levels])];
  const parts: readonly (readonly MailText[])[] = [
    ...(marking.length > 0 ? [marking] : []),
    ...(isAlone ? [] : [[plain`${join(summary, ": ")}`]]),
    ...view.entries.map((entry) => formatEntry(entry, isAlone)),
    ...(view.moreEntries > 0 ? [[plain`+${formatCount(view.moreEntries, "more alert")} in MISP`]] : []),
    ...(view.notes.length > 0 ? [view.notes.map((note) => plain`! ${note}`)] : []),
    [
      plain`Sent by misp-herald to its destination ${clean(view.destination)}.`,
      plain`To filter these mails, use List-Id: ${listId}`,
      ...(marking.length > 0 ? [EMPTY, ...marking] : []),
    ],
  ];
  return `${parts.map((lines) => lines.join("\n")).join(`\n\n${isAlone ? "" : `${"-".repeat(40)}\n`}`)}\n` as MailText;
}
