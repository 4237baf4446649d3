import { escapeHtml, formatPage, type Html, html } from "../../alert/html.ts";
import type { TerminalText } from "./terminal.ts";

const CSS = html`
:root { color-scheme: light dark; --paper: #fdfdfd; --ink: #1c1c1c; }
@media (prefers-color-scheme: dark) { :root { --paper: #14161a; --ink: #d6d9de; } }
body { margin: 0; padding: 24px; background: var(--paper); color: var(--ink); }
pre { margin: 0; font: 14px/1.35 "DejaVu Sans Mono", ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.bold { font-weight: 700; }
.dim { opacity: .62; }
.underlined { text-decoration: underline; }
.struck { text-decoration: line-through; }
`;

/** How text stands at one point of a terminal's output. */
interface Pen {
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly underlined?: boolean;
  readonly struck?: boolean;
  /** Numbers of xterm's 256 colours. */
  readonly ink?: number;
  readonly paper?: number;
}

/** Draws what a terminal shows of text that a painter has coloured. */
export function formatTerminalPage(text: TerminalText): string {
  const parts: Html[] = [];
  let pen: Pen = {};
  // What a painter writes, and nothing else: looks (SGR), and the ends of links (OSC 8), of which the text itself is shown.
  for (const [index, piece] of text.split(/\x1b(?:\[([0-9;]*)m|\]8;;[^\x1b]*\x1b\\)/).entries()) {
    if (index % 2 === 1) {
      pen = turn(pen, (piece ?? "").split(";").map(Number));
    } else if (piece !== "") {
      parts.push(draw(pen, piece));
    }
  }
  return formatPage("Console", CSS, html`<pre>${parts}</pre>`);
}

function turn(pen: Pen, codes: readonly number[]): Pen {
  const [code, , color = 0, ...rest] = codes;
  switch (code) {
    case 0:
      return pen.underlined ? { underlined: true } : {};
    case 1:
      return { ...pen, bold: true };
    case 2:
      return { ...pen, dim: true };
    case 4:
      return { ...pen, underlined: true };
    case 9:
      return { ...pen, struck: true };
    case 29:
      return { ...pen, struck: false };
    case 22:
      return { ...pen, bold: false, dim: false };
    case 24:
      return { ...pen, underlined: false };
    case 38:
      return turnRest({ ...pen, ink: color }, rest);
    case 39: {
      const { ink: _, ...others } = pen;
      return others;
    }
    case 48:
      return turnRest({ ...pen, paper: color }, rest);
    default:
      return pen;
  }
}

function turnRest(pen: Pen, codes: readonly number[]): Pen {
  return codes.length > 0 ? turn(pen, codes) : pen;
}

function draw(pen: Pen, text: string): Html {
  const names = (["bold", "dim", "underlined", "struck"] as const).filter((name) => pen[name]).join(" ");
  const colors = [
    ...(pen.ink === undefined ? [] : [`color:${rgb(pen.ink)}`]),
    ...(pen.paper === undefined ? [] : [`background:${rgb(pen.paper)}`]),
  ].join(";");
  return names === "" && colors === ""
    ? escapeHtml(text)
    : html`<span class="${escapeHtml(names)}" style="${escapeHtml(colors)}">${escapeHtml(text)}</span>`;
}

const STEPS = [0, 95, 135, 175, 215, 255];

/** A colour of xterm's 6×6×6 cube. */
function rgb(color: number): string {
  const index = color - 16;
  const steps = [Math.floor(index / 36), Math.floor(index / 6) % 6, index % 6].map((step) => STEPS[step] ?? 0);
  return `rgb(${steps.join(" ")})`;
}
