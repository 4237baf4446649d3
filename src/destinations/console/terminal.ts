import { type CleanText, clean, graphemes } from "../../alert/text.ts";
import type { Brand } from "../../model/brand.ts";

/** Text that a terminal may be given: made of our own literals and clean text, so that no byte from MISP commands it. */
export type TerminalText = Brand<string, "TerminalText">;

/** Template tag: literals are ours, and a hole takes no plain string. */
export function terminal(
  literals: TemplateStringsArray,
  ...holes: readonly (TerminalText | CleanText)[]
): TerminalText {
  return String.raw({ raw: literals }, ...holes) as TerminalText;
}

/** One line below the other. */
export function lines(parts: readonly TerminalText[]): TerminalText {
  return parts.map((part) => `${part}\n`).join("") as TerminalText;
}

/** JSON on one line; what only hides or moves text on a terminal is written as an escape, which JSON allows in strings. */
export function terminalJson(value: unknown): TerminalText {
  return JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]/gu, (character) =>
    [...Array(character.length).keys()].map((unit) => unicodeEscape(character.charCodeAt(unit))).join(""),
  ) as TerminalText;
}

function unicodeEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}

/** Looks that text can have; each gives its text back unchanged where there are no colours. */
export interface Painter {
  bold(text: TerminalText): TerminalText;
  dim(text: TerminalText): TerminalText;
  strike(text: TerminalText): TerminalText;
  /** Colours are `#RRGGBB`. */
  colored(color: string, text: TerminalText): TerminalText;
  chip(color: string, on: string, text: CleanText): TerminalText;
  link(url: URL): TerminalText;
}

const CUBE = [0, 95, 135, 175, 215, 255];

/** The nearest colour that every colour terminal has: the 6×6×6 cube of xterm's 256 colours. */
function xterm(color: string): CleanText {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const level = Number.parseInt(color.slice(at, at + 2), 16);
    return CUBE.reduce(
      (best, step, index) => (Math.abs(step - level) < Math.abs((CUBE[best] ?? 0) - level) ? index : best),
      0,
    );
  });
  return clean(String(16 + 36 * red + 6 * green + blue));
}

const COLORFUL: Painter = {
  bold: (text) => terminal`\x1b[1m${text}\x1b[22m`,
  dim: (text) => terminal`\x1b[2m${text}\x1b[22m`,
  strike: (text) => terminal`\x1b[9m${text}\x1b[29m`,
  colored: (color, text) => terminal`\x1b[38;5;${xterm(color)}m${text}\x1b[39m`,
  chip: (color, on, text) => terminal`\x1b[48;5;${xterm(color)};38;5;${xterm(on)};1m ${text} \x1b[0m`,
  // The URL comes from the configuration, and `href` has its controls percent-encoded.
  link: (url) => terminal`\x1b]8;;${clean(url.href)}\x1b\\\x1b[4m${clean(url.href)}\x1b[24m\x1b]8;;\x1b\\`,
};

const PLAIN: Painter = {
  bold: (text) => text,
  dim: (text) => text,
  strike: (text) => text,
  colored: (_, text) => text,
  chip: (_color, _on, text) => terminal`[${text}]`,
  link: (url) => terminal`${clean(url.href)}`,
};

/** Chooses between colours and plain text. */
export function choosePainter(colors: boolean): Painter {
  return colors ? COLORFUL : PLAIN;
}

// East Asian wide and full-width characters and emoji (UAX 11, near enough to line columns up).
const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}|[\u{20000}-\u{3FFFD}]/u;

/** How many columns text takes. */
export function widthOf(text: CleanText): number {
  if (/^[\x20-\x7e]*$/.test(text)) {
    return text.length;
  }
  let width = 0;
  for (const grapheme of graphemes(text)) {
    width += WIDE.test(grapheme) ? 2 : 1;
  }
  return width;
}

/** Fills text up to `columns` with spaces. */
export function pad(text: CleanText, columns: number): TerminalText {
  return terminal`${text}${spaces(columns - widthOf(text))}`;
}

/** Blanks, none for a negative number. */
export function spaces(n: number): TerminalText {
  return " ".repeat(Math.max(0, n)) as TerminalText;
}

/** Without the blanks at its end. */
export function trimEnd(text: TerminalText): TerminalText {
  return text.trimEnd() as TerminalText;
}

/** Breaks text into lines of at most `columns`: between words, and inside one only when it is longer than a line. */
export function wrap(text: CleanText, columns: number): readonly CleanText[] {
  if (widthOf(text) <= columns) {
    return [text];
  }
  const done: CleanText[] = [];
  let line = "";
  let width = 0;
  for (const piece of text.split(" ").flatMap((word) => breakWord(clean(word), columns))) {
    const pieceWidth = widthOf(piece);
    if (line !== "" && width + 1 + pieceWidth > columns) {
      done.push(clean(line));
      line = "";
    }
    width = line === "" ? pieceWidth : width + 1 + pieceWidth;
    line = line === "" ? piece : `${line} ${piece}`;
  }
  return [...done, clean(line)];
}

/** A bracketed dot stays in one piece: broken, its halves would be read as a dot. */
function breakWord(word: CleanText, columns: number): readonly CleanText[] {
  if (widthOf(word) <= columns) {
    return [word];
  }
  const pieces: CleanText[] = [];
  let piece = "";
  let width = 0;
  for (const atom of word
    .split(/(\[[.:@]\])/)
    .flatMap((part, index) => (index % 2 === 1 ? [part] : [...graphemes(clean(part))]))) {
    const atomWidth = widthOf(clean(atom));
    if (width + atomWidth > columns && piece !== "") {
      pieces.push(clean(piece));
      piece = "";
      width = 0;
    }
    piece += atom;
    width += atomWidth;
  }
  return [...pieces, clean(piece)];
}
