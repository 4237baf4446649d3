import { divideFacts, type FactLine } from "../../alert/fact-line.ts";
import { formatFooter, formatLabels } from "../../alert/headline.ts";
import { escapeHtml, type Html, html } from "../../alert/html.ts";
import { LEVELS, TLP_COLORS } from "../../alert/palette.ts";
import type { Row } from "../../alert/row.ts";
import { formatMoreRemoved, formatNews } from "../../alert/rows.ts";
import { type CleanText, clean, formatNumber, isRightToLeft, join, truncate } from "../../alert/text.ts";
import type { ThreatLevel } from "../../model/vocabulary.ts";
import { formatLevels, formatMarking, formatTotal } from "./text.ts";
import type { EntryView, MailView } from "./view.ts";

// Tables and inline styles, since Outlook draws with Word's engine and Gmail drops what it does not know. The style sheet
// only adds what may be missing: dark colours, and a narrow screen. Nothing is fetched, and no address but the link's is live.

/** Class names of the style sheet: pg page, cd card, ik ink, dm dim ink, ln lines, bt button, pd padding, st stacked. */
export const MAIL_CSS = html`
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
.pg { background-color: #0d1117 !important; }
.cd { background-color: #161b22 !important; }
.ik { color: #e6edf3 !important; }
.dm { color: #9da7b3 !important; }
.ln { border-color: #30363d !important; }
.bt { background-color: #e6edf3 !important; color: #0d1117 !important; }
}
[data-ogsc] .ik { color: #e6edf3 !important; }
[data-ogsc] .dm { color: #9da7b3 !important; }
@media only screen and (max-width: 520px) {
.pd { padding-left: 16px !important; padding-right: 16px !important; }
.st { display: block !important; width: auto !important; }
.tp { padding-bottom: 0 !important; border-bottom-width: 0 !important; }
.vl { padding-top: 0 !important; }
}
`;

const SANS = html`font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif`;
const MONO = html`font-family:ui-monospace,Consolas,Menlo,'DejaVu Sans Mono',monospace`;
const INK = html`color:#1b1f24`;
const DIM = html`color:#57606a`;
const BREAK = html`word-break:break-word;overflow-wrap:anywhere`;
const NOTHING = html``;

/** Text from MISP keeps its direction to itself. */
function say(text: CleanText): Html {
  return isRightToLeft(text) ? html`<span dir="auto">${escapeHtml(text)}</span>` : escapeHtml(text);
}

/** A value reads from left to right, whatever its letters are: its ending stands at its end. */
function sayValue(value: CleanText): Html {
  return isRightToLeft(value) ? html`<span dir="ltr">${escapeHtml(value)}</span>` : escapeHtml(value);
}

/** Only the page of the event in MISP, whose address the operator configured. */
function href(url: URL): Html {
  return /^https?:$/.test(url.protocol) ? escapeHtml(url.href) : html`#`;
}

const LAYOUT = html`role="presentation" cellpadding="0" cellspacing="0" border="0" width="100%"`;

function row(padding: Html, content: Html): Html {
  return html`<tr><td class="pd" style="padding:${padding};${SANS};font-size:14px;line-height:20px;${INK}">${content}</td></tr>\n`;
}

/** The label in FIRST's colours, on black in every theme; at the top and at the bottom, as FIRST asks. */
function formatMarkingBar(view: MailView): Html {
  const [tlp, ...rest] = formatMarking(view);
  if (tlp === undefined) {
    return NOTHING;
  }
  const others = rest.map((label) => html`<span style="color:#ffffff"> &middot; ${say(label)}</span>`);
  const color = escapeHtml(TLP_COLORS[view.tlp]);
  return html`<tr><td class="pd" bgcolor="#000000" style="background-color:#000000;padding:9px 24px;${SANS};font-size:13px;line-height:18px;font-weight:700;letter-spacing:.4px;color:${color}">${say(tlp)}${others}</td></tr>\n`;
}

function formatLevelChip(level: ThreatLevel, n?: number): Html {
  const { word, glyph, color, on } = LEVELS[level];
  const text = n === undefined ? `${glyph} ${word}` : `${glyph} ${formatNumber(n)} ${word.toLowerCase()}`;
  return html`<span style="display:inline-block;background-color:${escapeHtml(color)};color:${escapeHtml(on)};font-weight:700;font-size:13px;line-height:20px;padding:1px 9px;border-radius:3px;white-space:nowrap">${escapeHtml(text)}</span>`;
}

function formatTable(facts: readonly FactLine[]): Html {
  const rows = facts.map(
    ({ label, value }) =>
      html`<tr><th scope="row" align="left" valign="top" width="112" class="dm" style="padding:2px 12px 2px 0;font-weight:400;${DIM}">${say(label)}</th><td valign="top" class="ik" style="padding:2px 0;${INK};${BREAK}">${say(value)}</td></tr>\n`,
  );
  return rows.length === 0
    ? NOTHING
    : html`<table cellpadding="0" cellspacing="0" border="0" width="100%" style="${SANS};font-size:14px;line-height:20px">\n${rows}</table>`;
}

/** One line is all that a digest has for facts. */
function formatFactLine({ head }: EntryView): Html {
  const { own, shared } = divideFacts(head.facts);
  const facts = [
    ...shared.map(({ label, value }) => html`${say(label)}: ${say(truncate(value, 80))}`),
    ...(head.reporter ? [say(head.reporter)] : []),
  ];
  const line =
    facts.length === 0
      ? NOTHING
      : html`<span class="dm" style="font-size:13px;${DIM};${BREAK}">${interleave(facts, html` &middot; `)}</span>`;
  return html`${own.length > 0 ? formatTable(own) : NOTHING}${line}`;
}

function interleave(parts: readonly Html[], separator: Html): readonly Html[] {
  return parts.flatMap((part, index) => (index === 0 ? [part] : [separator, part]));
}

/** What is taken back: struck through, and told in words. */
function formatRemoved({ listing }: EntryView): Html {
  const { removed } = listing;
  const unnamed = formatMoreRemoved(listing);
  const more = unnamed ? html`<span class="dm" style="font-size:13px;${DIM}">${say(unnamed)}</span>` : NOTHING;
  if (removed.length === 0) {
    return more;
  }
  const lines = removed.map(
    ({ type, value, withdrawn }) =>
      html`<tr><td class="st tp ln dm" valign="top" width="112" style="padding:6px 12px 6px 0;border-bottom:1px solid #d8dee4;font-size:12px;line-height:18px;${DIM};${BREAK}">${say(type)}</td><td class="st vl ln dm" valign="top" style="padding:6px 0;border-bottom:1px solid #d8dee4;${MONO};font-size:13px;line-height:18px;${DIM};${BREAK}"><span style="text-decoration:line-through">${sayValue(value)}</span> <span class="dm" style="${SANS};font-size:12px;line-height:17px;${DIM}">${say(withdrawn ?? clean(""))}</span></td></tr>\n`,
  );
  return html`<strong class="ik" style="${INK}">Withdrawn, no longer valid</strong><table cellpadding="0" cellspacing="0" border="0" width="100%" style="table-layout:fixed;${SANS}">\n${lines}</table>${more}`;
}

function formatRow(row: Row, rows: readonly Row[]): Html {
  const { type, value, toIds, notes, parts } = row;
  const news = formatNews(row, rows);
  const badge = (word: CleanText) =>
    html` <span class="dm" style="${SANS};font-size:11px;line-height:16px;font-weight:700;${DIM};white-space:nowrap">${say(word)}</span>`;
  const below = [
    ...parts.map(
      (part) =>
        html`<span class="dm" style="${SANS};font-size:12px;${DIM}">${say(part.name)}</span> <span style="font-size:12px">${sayValue(part.value)}</span>`,
    ),
    ...notes.map(
      (note) =>
        html`<span class="dm" style="${SANS};font-size:12px;line-height:17px;${DIM};${BREAK}">${say(note)}</span>`,
    ),
  ].map((line) => html`<br>${line}`);
  return html`<tr><td class="st tp ln dm" valign="top" width="112" style="padding:6px 12px 6px 0;border-bottom:1px solid #d8dee4;font-size:12px;line-height:18px;${DIM};${BREAK}">${say(type)}</td><td class="st vl ln ik" valign="top" style="padding:6px 0;border-bottom:1px solid #d8dee4;${MONO};font-size:13px;line-height:18px;${INK};${BREAK}">${sayValue(value)}${toIds ? badge(clean("IDS")) : NOTHING}${news ? badge(clean(news.toUpperCase())) : NOTHING}${below}</td></tr>\n`;
}

function formatRows({ listing: { rows: all } }: EntryView): Html {
  return all.length === 0
    ? NOTHING
    : html`<table cellpadding="0" cellspacing="0" border="0" width="100%" style="table-layout:fixed;${SANS}">\n${all.map((row) => formatRow(row, all))}</table>`;
}

function formatLines(lines: readonly CleanText[]): Html {
  return html`${lines.map((line) => (line === "" ? html`<br>\n` : html`${say(line)}<br>\n`))}`;
}

/** A button that Word's engine draws, too: the cell is the button. */
function formatButton(url: URL): Html {
  return html`<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr><td class="bt" bgcolor="#1b1f24" style="background-color:#1b1f24;border-radius:4px;padding:9px 18px"><a class="bt" href="${href(url)}" style="${SANS};font-size:14px;line-height:20px;font-weight:700;color:#ffffff;text-decoration:none">Open in MISP</a></td></tr></table>`;
}

/** What the operator wants to have at hand: beside each other, as many as a line takes. */
function formatOwnLinks({ head }: EntryView): Html {
  const links = head.links.map(
    ({ label, url }) =>
      html`<a class="ik ln" href="${href(url)}" style="display:inline-block;border:1px solid #d0d7de;border-radius:4px;padding:6px 12px;margin:0 8px 8px 0;${SANS};font-size:13px;line-height:18px;font-weight:700;${INK};text-decoration:none">${say(label)}</a>`,
  );
  return html`${links}`;
}

function formatState({ head }: EntryView): Html {
  const parts = [
    ...(head.level === undefined ? [] : [formatLevelChip(head.level)]),
    ...(head.state === undefined
      ? []
      : [html`<span class="dm" style="font-size:13px;line-height:22px;${DIM}">${say(head.state)}</span>`]),
  ];
  return html`${interleave(parts, html`&nbsp; `)}`;
}

function formatTitle(title: CleanText, tag: Html, size: Html): Html {
  return html`<${tag} class="ik" style="margin:0;font-size:${size};font-weight:700;${INK};${BREAK}">${say(title)}</${tag}>`;
}

/** Rows that are there only when there is something in them. */
function rows(padding: Html, parts: readonly Html[]): readonly Html[] {
  return parts.filter((part) => part !== "").map((part) => row(padding, part));
}

function formatNotes({ head }: EntryView): readonly Html[] {
  return [
    head.notice === undefined ? NOTHING : html`<em class="dm" style="${DIM}">${say(head.notice)}</em>`,
    head.changed === undefined ? NOTHING : html`<strong class="ik" style="${INK}">${say(head.changed)}</strong>`,
  ];
}

function formatUnlistedLine({ unlisted }: EntryView): Html {
  return unlisted === undefined
    ? NOTHING
    : html`<span class="dm" style="font-size:13px;${DIM}">${say(unlisted)}</span>`;
}

/** A mail about one thing. */
function formatAlone(entry: EntryView): Html {
  const { head } = entry;
  const bar = html`<tr><td height="4" bgcolor="${escapeHtml(LEVELS[head.level ?? "undefined"].color)}" style="height:4px;line-height:4px;font-size:0;background-color:${escapeHtml(LEVELS[head.level ?? "undefined"].color)}">&nbsp;</td></tr>\n`;
  const details = head.body ? [html`<span class="ik" style="${INK};${BREAK}">${formatLines(head.body)}</span>`] : [];
  return html`${head.level === undefined ? NOTHING : bar}${[
    row(html`18px 24px 0`, formatTitle(head.title, html`h1`, html`20px;line-height:26px`)),
    ...rows(html`10px 24px 0`, [formatState(entry)]),
    ...rows(html`10px 24px 0`, formatNotes(entry)),
    ...rows(html`16px 24px 0`, [...details, formatTable(head.facts), formatRemoved(entry), formatRows(entry)]),
    ...rows(html`10px 24px 0`, [formatUnlistedLine(entry)]),
    ...rows(html`20px 24px 0`, [...(head.link ? [formatButton(head.link)] : []), formatOwnLinks(entry)]),
    row(html`16px 24px 20px`, formatOrigin(entry)),
  ]}`;
}

function formatOrigin({ head }: EntryView): Html {
  return html`<span class="dm" style="font-size:12px;line-height:17px;${DIM};${BREAK}">${say(formatFooter(head))}</span>`;
}

/** One of several: shorter, and with its own label. */
function formatAmong(entry: EntryView): Html {
  const { head } = entry;
  const marking = join(formatLabels(head), " · ");
  const label =
    marking === ""
      ? NOTHING
      : html`<span style="display:inline-block;background-color:#000000;color:${escapeHtml(TLP_COLORS[entry.tlp])};font-size:11px;line-height:20px;font-weight:700;padding:1px 8px;border-radius:3px;white-space:nowrap">${say(marking)}</span>`;
  const body = head.body ? html`<span class="ik" style="${INK};${BREAK}">${formatLines(head.body)}</span>` : NOTHING;
  const open = head.link
    ? html`<a class="ik" href="${href(head.link)}" style="${INK};font-size:13px;font-weight:700;text-decoration:underline">Open in MISP</a> &nbsp;`
    : NOTHING;
  const content = [
    formatTitle(head.title, html`h2`, html`16px;line-height:22px`),
    html`${interleave(
      [label, formatState(entry)].filter((part) => part !== ""),
      html`&nbsp; `,
    )}`,
    ...formatNotes(entry),
    body,
    head.body ? NOTHING : formatFactLine(entry),
    formatRemoved(entry),
    formatRows(entry),
    formatUnlistedLine(entry),
    html`${open}${formatOrigin(entry)}`,
  ].filter((part) => part !== "");
  return html`<tr><td class="pd ln" style="padding:14px 24px 12px;border-top:1px solid #d8dee4"><table ${LAYOUT} style="${SANS};font-size:14px;line-height:20px">
${content.map((part) => html`<tr><td class="ik" style="padding:3px 0;${INK}">${part}</td></tr>\n`)}</table></td></tr>\n`;
}

function formatDigest(view: MailView): Html {
  const counts = view.levels.map(({ level, n }) => formatLevelChip(level, n));
  return html`${[
    row(html`18px 24px 0`, formatTitle(formatTotal(view), html`h1`, html`20px;line-height:26px`)),
    row(html`10px 24px 16px`, html`${interleave(counts, html`&nbsp; `)}`),
    ...view.entries.map(formatAmong),
  ]}`;
}

/** What a list of mails shows beside the subject. */
function formatPreheader(view: MailView): CleanText {
  const [first] = view.entries;
  if (!first) {
    return formatLevels(view);
  }
  const facts = first.head.facts.slice(0, 6).map(({ label, value }) => join([label, value], ": "));
  const { state, changed } = first.head;
  const isAlone = view.entries.length + view.moreEntries === 1;
  // Of several the subject has the gravest title already; who and what stands behind it is the next thing to know.
  const head = isAlone ? [...(state ? [state] : []), ...(changed ? [changed] : [])] : [formatTotal(view)];
  return truncate(join([...head, ...facts], " · "), 150);
}

/** The body of the HTML part, without the document around it. */
export function formatHtmlBody(view: MailView, listId: CleanText): Html {
  const isAlone = view.entries.length + view.moreEntries === 1;
  const more =
    view.moreEntries > 0
      ? row(html`12px 24px`, html`<strong>+${escapeHtml(formatNumber(view.moreEntries))} more in MISP</strong>`)
      : NOTHING;
  const notes = view.notes.map((note) =>
    row(html`4px 24px 10px`, html`<em class="dm" style="${DIM}">${say(note)}</em>`),
  );
  const about = html`<tr><td class="pd ln dm" style="padding:12px 24px;border-top:1px solid #d8dee4;${SANS};font-size:12px;line-height:17px;${DIM};${BREAK}">Sent by misp-herald to its destination ${say(clean(view.destination))}. To filter these mails, use List-Id: ${say(listId)}</td></tr>\n`;
  return html`<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">${say(formatPreheader(view))}</div>
<table ${LAYOUT} class="pg" bgcolor="#f3f4f6" style="background-color:#f3f4f6"><tr><td align="center" style="padding:16px 8px">
<!--[if mso]><table role="presentation" cellpadding="0" cellspacing="0" border="0" width="600"><tr><td><![endif]-->
<table ${LAYOUT} class="cd" bgcolor="#ffffff" style="max-width:600px;background-color:#ffffff;text-align:left">
${formatMarkingBar(view)}${isAlone ? html`${view.entries.map(formatAlone)}` : formatDigest(view)}${more}${notes}${about}${formatMarkingBar(view)}</table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr></table>
`;
}

/** The HTML part of a mail. */
export function formatHtml(view: MailView, subject: CleanText, listId: CleanText): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no">
<title>${escapeHtml(subject)}</title>
<style>${MAIL_CSS}</style>
</head>
<body class="pg" style="margin:0;padding:0;background-color:#f3f4f6">
${formatHtmlBody(view, listId)}</body>
</html>
`;
}
