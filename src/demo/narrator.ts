import type { Writable } from "node:stream";
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const WIDTH = 80;

/** What the demo says between the alerts, to people: wrapped, and plain where there are no colours. */
export interface Narrator {
  /** Begins a part. */
  heading(text: string): void;
  say(text: string): void;
  /** What is going on. */
  step(text: string): void;
  /** To whom the alert below is shown. */
  audience(name: string): void;
  /** What there was to see, and why. */
  conclude(text: string): void;
  /** Text whose lines stay as they are, set apart. */
  verbatim(text: string): void;
  /** Something to type, and what it is for. */
  command(command: string, purpose: string): void;
  /** On a terminal, a line that stays until something else is written. */
  linger(text: string): void;
  /** Takes that line away. */
  clear(): void;
}

/** Opens the narrator on `stdout`, which stays open. */
export function openNarrator(stdout: Writable & { readonly columns?: number }, colors: boolean): Narrator {
  const width = Math.min(WIDTH, Math.max(40, stdout.columns ?? WIDTH));
  const paint = (style: Style, text: string) => (colors ? styleText(style, text) : text);
  let lingers = false;
  let stepped = false;

  function clear(): void {
    if (lingers) {
      stdout.write("\r\x1b[2K");
    }
    lingers = false;
  }
  function write(lines: readonly string[]): void {
    clear();
    stepped = false;
    stdout.write(lines.map((line) => `${line}\n`).join(""));
  }
  /** Lines with `first` before the first one and as much space before the others. */
  function paragraph(first: string, text: string, style?: Style): readonly string[] {
    return wrap(text, width - first.length).map(
      (line, index) => (index === 0 ? first : " ".repeat(first.length)) + (style ? paint(style, line) : line),
    );
  }

  return {
    heading: (text) =>
      write(["", paint(["bold", "cyan"], `━━ ${text} ${"━".repeat(Math.max(2, width - text.length - 4))}`), ""]),
    say: (text) => write(paragraph("", text)),
    step(text) {
      write(paragraph("  · ", text, "dim"));
      stepped = true;
    },
    audience: (name) => write(["", paint("bold", `  → ${name}`), ""]),
    // An alert ends with an empty line, a step does not.
    conclude: (text) => write([...(stepped ? [""] : []), ...paragraph("✓ ", text, "green")]),
    verbatim: (text) =>
      write([
        "",
        ...text
          .trimEnd()
          .split("\n")
          .map((line) => paint("dim", `    ${line}`)),
        "",
      ]),
    command: (command, purpose) => write([`  ${paint("bold", command)}`, ...paragraph("      ", purpose, "dim")]),
    linger(text) {
      if (!colors) {
        return;
      }
      clear();
      stdout.write(paint("dim", text.slice(0, width - 1)));
      lingers = true;
    },
    clear,
  };
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}
