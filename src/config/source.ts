import { LineCounter } from "yaml";
import type { Problem } from "../base/problem.ts";
import { isSecretName } from "./shapes.ts";
import type { Fault, Scalar, Span } from "./tree.ts";

const MAX_LINE = 140;
const MASK = "[secret]";

/** The text of a file, and how its places are printed: by line and column, with secrets masked. */
export class SourceText {
  readonly #file: string;
  readonly #text: string;
  readonly #lines = new LineCounter();
  #secrets: readonly Span[] = [];
  #byName = true;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
    this.#lines.addNewLine(0);
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
      this.#lines.addNewLine(at + 1);
    }
  }

  /** What must not be printed. Unless this is `exact`, lines are also masked by the names of keys in them. */
  mask(secrets: Iterable<Scalar>, exact: boolean): void {
    this.#secrets = [...secrets]
      .map(({ at, end, swallowed }) => ({
        at: at - (/[!&]\S*\s*$/.exec(this.#text.slice(this.#lineAt(at).start, at))?.[0].length ?? 0),
        end: swallowed === undefined ? this.#withComment(end) : this.#lineAt(at).end,
      }))
      .filter(({ at, end }) => !/^["']?\$\{[^}]*\}["']?$/.test(this.#text.slice(at, end).trim()));
    this.#byName = !exact;
  }

  /** The fault of a parser that does not know secrets, without what it quotes from a place that must not be printed. */
  conceal(fault: Fault): Fault {
    const line = this.#lineAt(fault.at);
    const at = fault.at - line.start;
    if (!this.#hidden(line.text, line.start).some((span) => span.at <= at + 1 && at <= span.end)) {
      return fault;
    }
    const bare = (text: string) => text.replace(/"(?:[^"\\]|\\.)*"/g, '"…"');
    const { hint } = fault;
    return { ...fault, message: bare(fault.message), ...(hint === undefined ? {} : { hint: bare(hint) }) };
  }

  /** A fault as it is shown to people. */
  problem(fault: Fault): Problem {
    const { line, col } = this.#lines.linePos(Math.min(fault.at, this.#text.length));
    const { sourceLine, mark } = this.#excerpt(fault);
    const { severity, message, hint } = fault;
    return {
      severity,
      file: this.#file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      sourceLine,
      mark,
      message,
      ...(hint === undefined ? {} : { hint }),
    };
  }

  #excerpt({ at, end }: Span): Pick<Problem, "sourceLine" | "mark"> {
    const { start, text: raw } = this.#lineAt(at);
    const hidden = this.#hidden(raw, start);
    let shown = "";
    let from = 0;
    // Where an offset of the raw line stands in the shown one.
    const moved = (offset: number) => {
      let delta = 0;
      for (const span of hidden) {
        if (span.end <= offset) {
          delta += MASK.length - (span.end - span.at);
        } else if (span.at < offset) {
          return span.at + delta + (offset >= span.end ? MASK.length : 0);
        }
      }
      return offset + delta;
    };
    for (const span of hidden) {
      shown += raw.slice(from, span.at) + MASK;
      from = span.end;
    }
    shown += raw.slice(from);
    const markStart = moved(Math.min(at - start, raw.length));
    const covered = hidden.some((span) => span.at <= at - start && at - start < span.end);
    const markEnd = covered ? markStart + MASK.length : moved(Math.min(Math.max(at, end) - start, raw.length));
    return cut(shown.replaceAll("\t", " "), markStart, Math.max(1, markEnd - markStart));
  }

  /** A comment behind a secret may be the rest of it, which ` #` has cut off. */
  #withComment(end: number): number {
    const line = this.#lineAt(end);
    return /^\s+#\S/.test(line.text.slice(end - line.start)) ? line.end : end;
  }

  #lineAt(at: number): { readonly start: number; readonly end: number; readonly text: string } {
    const start = at === 0 ? 0 : this.#text.lastIndexOf("\n", at - 1) + 1;
    const next = this.#text.indexOf("\n", at);
    const text = this.#text.slice(start, next < 0 ? undefined : next).replace(/\r$/, "");
    return { start, end: start + text.length, text };
  }

  /** Parts of a line that must not be printed, as offsets into it. */
  #hidden(raw: string, start: number): readonly Span[] {
    const users = [...raw.matchAll(/(?<=:\/\/)[^\s/?#"']+(?=@)/g)].map(spanOf);
    const secrets = this.#secrets
      .filter(({ at, end }) => at < start + raw.length && end > start)
      .map(({ at, end }) => ({ at: Math.max(0, at - start), end: Math.min(raw.length, end - start) }));
    const all = [...secrets, ...users, ...(this.#byName ? this.#maskedByName(raw, start) : [])].sort(
      (a, b) => a.at - b.at,
    );
    const united: Span[] = [];
    for (const span of all) {
      const last = united.at(-1);
      if (last && span.at <= last.end) {
        united[united.length - 1] = { at: last.at, end: Math.max(last.end, span.end) };
      } else {
        united.push(span);
      }
    }
    return united;
  }

  /** For a file too broken to know where values end: what stands behind or below a key that names a secret, paths of URLs. */
  #maskedByName(raw: string, start: number): readonly Span[] {
    let indent = raw.search(/\S/);
    for (let at = start; at > 0 && indent > 0; ) {
      const above = this.#lineAt(at - 1);
      const key = /^(\s*)(?:- +)?["']?([\w-]+)["']?\s*:/.exec(above.text);
      const depth = above.text.search(/\S/);
      if (key && depth < indent && isSecretName(key[2] ?? "")) {
        return [{ at: 0, end: raw.length }];
      }
      if (depth >= 0 && depth < indent) {
        indent = depth;
      }
      at = above.start;
    }
    for (const match of raw.matchAll(/([\w-]+)["']?\s*:\s*/g)) {
      const at = match.index + match[0].length;
      if (isSecretName(match[1] ?? "") && !/^["']?\$\{[^}]*\}["']?[\s,}]*$/.test(raw.slice(at)) && at < raw.length) {
        return [{ at, end: raw.length }];
      }
    }
    return [...raw.matchAll(/(?<=:\/\/[^\s/"']+\/)[^\s"',}]+/g)].map(spanOf);
  }
}

function spanOf(match: RegExpExecArray): Span {
  return { at: match.index, end: match.index + match[0].length };
}

/** A window of a long line that shows the marked place. */
function cut(line: string, start: number, width: number): Pick<Problem, "sourceLine" | "mark"> {
  if (line.length <= MAX_LINE) {
    return { sourceLine: line, mark: { start, width: Math.min(width, line.length - start) } };
  }
  const from = start < MAX_LINE - 40 ? 0 : start - 60;
  const window = line.slice(from, from + MAX_LINE);
  const head = from > 0 ? "…" : "";
  const tail = from + MAX_LINE < line.length ? "…" : "";
  const room = head.length + window.length - (start - from);
  return {
    sourceLine: head + window + tail,
    mark: { start: start - from + head.length, width: Math.min(width, room) },
  };
}
