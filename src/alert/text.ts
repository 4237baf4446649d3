import type { Brand } from "../model/brand.ts";

/** One line without anything that a terminal, a header or a reader's eye could be tricked with. */
export type CleanText = Brand<string, "CleanText">;

const LINE_BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;
// Controls (C0, DEL, C1), format characters (bidi, zero-width, soft hyphen, tags) and whatever else Unicode draws as nothing.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
const LONE_SURROGATES = /\p{Surrogate}/gu;
// Marks pile up without bound on one letter and paint over the neighbouring lines; no language needs more.
const PILED_MARKS = /(\p{M}{6})\p{M}+/gu;
const SPACES = /\p{Zs}/gu;

const ELLIPSIS = "…";
const MAX_LENGTH = 8192;

function cut(text: string, length: number): string {
  const end = /[\uD800-\uDBFF]/.test(text.charAt(length - 1)) ? length - 1 : length;
  return text.slice(0, end);
}

/** Text that UTF-8 can encode; all else stays as it is, for programs that want values exactly. */
export function wellFormed(text: string): string {
  return text.replace(LONE_SURROGATES, "\uFFFD");
}

/** Makes hostile text safe to show on one line; at most `maxLength` UTF-16 units of it are looked at. */
export function clean(text: string, maxLength: number = MAX_LENGTH): CleanText {
  // The cap comes first: whatever follows is bounded work, however long the text is.
  const capped = text.length > maxLength ? `${cut(text, maxLength)}${ELLIPSIS}` : text;
  return capped
    .replace(LINE_BREAKS, " ")
    .replace(LONE_SURROGATES, "\uFFFD")
    .replace(INVISIBLE, "")
    .replace(PILED_MARKS, "$1")
    .replace(SPACES, " ")
    .trim() as CleanText;
}

/** Joins texts that are clean; a separator without breaks keeps them so. */
export function join(
  parts: readonly CleanText[],
  separator: " · " | ", " | " " | ": " | ":" | " | " | " → " | "",
): CleanText {
  return parts.join(separator) as CleanText;
}

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** What a reader sees as characters. */
export function* graphemes(text: CleanText): Generator<CleanText> {
  for (const { segment } of segmenter.segment(text)) {
    yield segment as CleanText;
  }
}

/** Where `text` may be cut at or before `index`: not inside a defang token such as `[.]`, which alone keeps a host dead. */
export function cuttableAt(text: CleanText, index: number): number {
  for (let start = Math.max(0, index - 2); start < index; start += 1) {
    if (/^\[[.:@]\]/.test(text.slice(start, start + 3))) {
      return start;
    }
  }
  return index;
}

/** At most `maxGraphemes` characters as a reader counts them, the last one `…` where something was cut. */
export function truncate(text: CleanText, maxGraphemes: number): CleanText {
  if (text.length <= maxGraphemes) {
    return text;
  }
  let count = 0;
  let end = 0;
  for (const { index, segment } of segmenter.segment(text)) {
    count += 1;
    if (count > maxGraphemes) {
      return `${text.slice(0, cuttableAt(text, end)).trimEnd()}${ELLIPSIS}` as CleanText;
    }
    if (count < maxGraphemes) {
      end = index + segment.length;
    }
  }
  return text;
}

/** A number with its thousands marked: `1,204`. */
export function formatNumber(n: number): CleanText {
  return clean(n.toLocaleString("en-US"));
}

/** `1 attribute`, `20 attributes`. */
export function formatCount(n: number, singular: string, plural: string = `${singular}s`): CleanText {
  return clean(`${formatNumber(n)} ${n === 1 ? singular : plural}`);
}

/** With a capital letter. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Whether a text holds letters that are written from right to left. */
export function isRightToLeft(text: string): boolean {
  return RIGHT_TO_LEFT.test(text);
}

/**
 * Keeps the direction of letters to the text that they are in, where a channel has no markup for it. `ltr` is for values: a
 * file name reads from left to right, whatever is in it, so that its ending stands at its end.
 */
export function isolate(text: CleanText, direction: "auto" | "ltr"): CleanText {
  const opener = direction === "ltr" ? "\u2066" : "\u2068";
  return isRightToLeft(text) ? (`${opener}${text}\u2069` as CleanText) : text;
}
