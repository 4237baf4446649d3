/** Something in a file that is wrong (`error`) or surely not meant (`warning`). Holds no secret and no substituted value. */
export interface Problem {
  readonly severity: "error" | "warning";
  readonly file: string;
  /** From 1; 0 where the problem is the file itself. */
  readonly line: number;
  /** From 1, in UTF-16 units as editors count; 0 where the problem is the file itself. */
  readonly column: number;
  /** As printed: secrets masked, long lines cut. */
  readonly sourceLine: string;
  /** What to underline in `sourceLine`, which masking may have shifted. */
  readonly mark: { readonly start: number; readonly width: number };
  readonly message: string;
  /** What to write instead. */
  readonly hint?: string;
}

/** A configuration cannot be used; `issues` are all its problems, warnings among them, in the order of the file. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly issues: readonly Problem[];

  constructor(issues: readonly Problem[]) {
    super(issues.map((issue) => `${positionOf(issue)}: ${issue.message}`).join("\n"));
    this.issues = issues;
  }
}

/** Problems as compilers print them: position, message, the line with the place underlined, the fix. */
export function formatProblems(
  issues: readonly Problem[],
  options: { readonly color: boolean },
  max = MAX_SHOWN,
): string {
  const paint = (code: string, text: string) => (options.color && text ? `\u001b[${code}m${text}\u001b[0m` : text);
  const blocks = gravest(issues, max).map((issue) => {
    const tone = issue.severity === "error" ? "1;31" : "1;33";
    const gutter = String(issue.line);
    const blank = " ".repeat(gutter.length);
    const rule = paint("2", "|");
    const lines = [
      `${paint("1", positionOf(issue))}: ${paint(tone, issue.severity)}: ${paint("1", printable(issue.message))}`,
    ];
    if (issue.line > 0) {
      const { start, width } = issue.mark;
      lines.push(`  ${paint("2", gutter)} ${rule} ${printable(issue.sourceLine)}`);
      lines.push(`  ${blank} ${rule} ${" ".repeat(start)}${paint(tone, "^".repeat(Math.max(1, width)))}`);
    }
    if (issue.hint) {
      lines.push(`  ${issue.line > 0 ? `${blank} ` : ""}${paint("36", `= ${printable(issue.hint)}`)}`);
    }
    return lines.join("\n");
  });
  const more = issues.length - blocks.length;
  const summary = summaryOf(issues);
  return [...blocks, more > 0 ? `${summary}, ${more} of them not shown` : summary].join("\n\n");
}

/** As many as one person reads: a mistake in a template may stand in ten thousand routes. */
function gravest(issues: readonly Problem[], max: number): readonly Problem[] {
  if (issues.length <= max) {
    return issues;
  }
  const errors = issues.filter(({ severity }) => severity === "error");
  return [...errors, ...issues.filter(({ severity }) => severity !== "error")].slice(0, max);
}

const MAX_SHOWN = 50;

function summaryOf(issues: readonly Problem[]): string {
  const count = (severity: Problem["severity"]) => {
    const n = issues.filter((issue) => issue.severity === severity).length;
    return n === 0 ? [] : [`${n} ${severity}${n === 1 ? "" : "s"}`];
  };
  return [...count("error"), ...count("warning")].join(", ");
}

/** `config.yaml:14:16`, or the file where it is about all of it. */
export function positionOf(issue: Problem): string {
  return issue.line > 0 ? `${issue.file}:${issue.line}:${issue.column}` : issue.file;
}

/** A file may hold escape sequences and direction marks; a terminal must not obey them. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
