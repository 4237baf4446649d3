/** A line of a text, with where it starts and ends. */
export interface TextLine {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The line that holds `at`, without its line break. */
export function lineOf(text: string, at: number): TextLine {
  const start = at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
  const next = text.indexOf("\n", at);
  const end = next < 0 ? text.length : next;
  return { start, end, text: text.slice(start, end) };
}
