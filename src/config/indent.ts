import type { YAMLError } from "yaml";
import { lineOf } from "./lines.ts";
import { error, type Fault } from "./tree.ts";

const HINT = "keys of one map, and the dashes of one list, start in the same column; deeper ones further right";

/** A line that starts in no column of those above it, beside the one that it was probably meant to fit; undefined: it is something else. */
export function explainIndent(text: string, { code, message, pos: [at] }: YAMLError): Fault | undefined {
  const first = lineOf(text, at);
  const here = isContent(first.text) ? first : (nextLine(text, first.end) ?? first);
  const isContinued = code === "BLOCK_AS_IMPLICIT_KEY" || code === "MULTILINE_IMPLICIT_KEY";
  if (isContinued && !message.startsWith("A block sequence")) {
    // The value of a key goes on in the next line, which looks like a key of its own.
    const next = nextLine(text, here.end);
    const isDeeper = next !== undefined && isKey(next.text) && columnOf(next.text, false) > columnOf(here.text, false);
    return isDeeper && !isKey(text.slice(at, here.end)) ? pair(text, next.start, here.start) : undefined;
  }
  const isMeant =
    (code === "BAD_INDENT" && message.startsWith("All mapping items")) ||
    message.startsWith("Sequence item without") ||
    message.startsWith("A block sequence may not") ||
    message.startsWith("Unexpected scalar at node end");
  const above = isMeant ? lineAbove(text, here.start) : undefined;
  return above && (isKey(here.text) || isItem(here.text)) ? pair(text, here.start, above.start) : undefined;
}

function pair(text: string, start: number, above: number): Fault | undefined {
  const [line, other] = [lineOf(text, start), lineOf(text, above)];
  const byDash = isItem(line.text) && isItem(other.text);
  const [column, fits] = [columnOf(line.text, byDash), columnOf(other.text, byDash)];
  if (column === fits) {
    return undefined;
  }
  const at = line.start + column;
  return error(
    { at, end: Math.max(at + 1, line.end) },
    `line ${numberOf(text, start)} starts in column ${column + 1}, and line ${numberOf(text, above)} above it in column ${fits + 1}`,
    HINT,
  );
}

function lineAbove(text: string, start: number) {
  for (let at = start; at > 0; ) {
    const line = lineOf(text, at - 1);
    if (isContent(line.text)) {
      return line;
    }
    at = line.start;
  }
  return undefined;
}

function nextLine(text: string, end: number) {
  for (let at = end + 1; at < text.length; ) {
    const line = lineOf(text, at);
    if (isContent(line.text)) {
      return line;
    }
    at = line.end + 1;
  }
  return undefined;
}

function isContent(line: string): boolean {
  return /^\s*[^\s#]/.test(line);
}

function isKey(line: string): boolean {
  return /^\s*(- +)*("[^"]*"|'[^']*'|[^\s#{}[\],"':][^\s:]*)\s*:(\s|$)/.test(line);
}

function isItem(line: string): boolean {
  return /^\s*-(\s|$)/.test(line);
}

/** Where a line starts; the key behind a dash counts, unless dashes are compared. */
function columnOf(line: string, byDash: boolean): number {
  return (byDash ? /^\s*/ : /^\s*(- +)*/).exec(line)?.[0].length ?? 0;
}

function numberOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}
