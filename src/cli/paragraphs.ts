/** What a paragraph of a table says, in clauses that end as one sentence. */
export interface Paragraph {
  readonly name: string;
  readonly clauses: readonly string[];
  /** Sentences behind it, on lines of their own. */
  readonly more?: readonly string[];
}

/** The name under which what all paragraphs share is said once; no name of the configuration has blanks. */
const ALL = "all of them";
/** Narrower columns are harder to read than lines that the terminal breaks. */
const MIN_COLUMN = 30;

/**
 * Lines of a table whose first column are names. What all paragraphs say is said once, above them; texts are wrapped
 * where the reader's terminal has `columns`.
 */
export function formatParagraphs(paragraphs: readonly Paragraph[], columns?: number): readonly string[] {
  const [first, ...others] = paragraphs;
  const isShared = (clause: string) => others.length > 0 && others.every(({ clauses }) => clauses.includes(clause));
  const shared = (first?.clauses ?? []).filter(isShared);
  const rows = [
    ...(shared.length > 0 ? [{ name: ALL, clauses: shared }] : []),
    ...paragraphs.map((one) => ({ ...one, clauses: one.clauses.filter((clause) => !shared.includes(clause)) })),
  ];
  const indent = 4 + Math.max(0, ...rows.map(({ name }) => name.length));
  return rows.flatMap(({ name, clauses, more = [] }: Paragraph) => {
    const own = clauses.length > 0 ? sentence(clauses) : "nothing beside that.";
    const [head = "", ...rest] = [own, ...more].flatMap((text) => wrap(text, columns, indent));
    return [`  ${name.padEnd(indent - 4)}  ${head}`, ...rest.map((line) => `${" ".repeat(indent)}${line}`)];
  });
}

/** Clauses as one sentence. */
export function sentence(clauses: readonly string[]): string {
  return `${clauses.join("; ")}.`;
}

/** A text in lines that fit beside an indent of so many columns; a word that is longer stays whole. */
export function wrap(text: string, columns: number | undefined, indent = 0): readonly string[] {
  const width = (columns ?? 0) - indent;
  if (width < MIN_COLUMN) {
    return [text];
  }
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
