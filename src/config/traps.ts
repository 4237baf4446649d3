import { type Document, isCollection, isScalar, visit, type YAMLError } from "yaml";
import { explainIndent } from "./indent.ts";
import { lineOf } from "./lines.ts";
import { type Fault, quoted } from "./tree.ts";

/** After these the structure is as the writer meant it, so the rest of the file can be checked too. */
const RECOVERABLE = new Set([
  "DUPLICATE_KEY",
  "MULTIPLE_DOCS",
  "BAD_SCALAR_START",
  "BAD_DQ_ESCAPE",
  "BAD_ALIAS",
  "TAG_RESOLVE_FAILED",
]);
const MAX_SYNTAX_FAULTS = 5;

/** Whether the file can be read on after this error. */
export function isRecoverable(error: YAMLError): boolean {
  return RECOVERABLE.has(error.code);
}

/** YAML's own complaints in the words of somebody who meant something else, with the spelling that says it. */
export function explainSyntax(text: string, document: Document.Parsed): readonly Fault[] {
  const faults = new Map<number, Fault>();
  let fatal = false;
  for (const error of [...document.errors, ...document.warnings]) {
    // One slip makes a parser stumble many times: the first stumble of a line is told, and nothing behind the last one.
    if (fatal && error.message.includes("in YAML stream")) {
      continue;
    }
    fatal ||= !isRecoverable(error);
    const fault = explain(text, document, error);
    const line = lineOf(text, fault.at).start;
    if (!faults.has(line) && faults.size < MAX_SYNTAX_FAULTS) {
      faults.set(line, fault);
    }
  }
  return [...faults.values()];
}

function explain(text: string, document: Document.Parsed, error: YAMLError): Fault {
  const [at, end] = [error.pos[0], Math.max(error.pos[0] + 1, error.pos[1])];
  const fault = (message: string, hint?: string, span = { at, end }): Fault => ({
    severity: "error",
    ...span,
    message,
    ...(hint === undefined ? {} : { hint }),
  });
  const line = lineOf(text, at);
  const value = text.slice(at, line.end).trim();

  const reference = unquotedReference(line, at);
  if (reference) {
    const hint = `inside { } and [ ], YAML takes $\{ for a map of its own; write "${reference.text}"`;
    return fault(`${reference.text} must be quoted here`, hint, reference);
  }
  const indent = explainIndent(text, error);
  if (indent) {
    return indent;
  }
  switch (error.code) {
    case "TAB_AS_INDENT":
      return fault("a tab is used for indentation", "YAML indents with spaces only; replace the tab by spaces");
    case "DUPLICATE_KEY": {
      const key = /^(?:"([^"]*)"|'([^']*)'|([^\s:]+))/.exec(value);
      const name = key?.[1] ?? key?.[2] ?? key?.[3] ?? "";
      return fault(`key ${quoted(name)} is given twice in this map`, "keep one of them", {
        at,
        end: at + (key?.[0].length ?? 1),
      });
    }
    case "MULTIPLE_DOCS":
      return fault("a second YAML document starts here", "one file is one configuration; remove the line ---", {
        at,
        end: at + 3,
      });
    case "BAD_SCALAR_START": {
      const bare = /^[^\s,\]}#]+/.exec(value)?.[0] ?? value;
      return fault(`a text that begins with ${quoted(value.charAt(0))} must be quoted`, `write ${quoted(bare)}`, {
        at,
        end: at + bare.length,
      });
    }
    case "BAD_ALIAS":
      return fault("* starts a YAML alias", 'a text that is or begins with * must be quoted: "*"');
    case "TAG_RESOLVE_FAILED": {
      const bare = /^\S+/.exec(value)?.[0] ?? "!";
      return fault("! starts a YAML tag, which has no meaning here", `if it is text, quote it: ${quoted(bare)}`);
    }
    case "BAD_DQ_ESCAPE":
      return fault(
        `${quoted(`\\${text[at + 1] ?? ""}`)} is not an escape that double quotes know`,
        "write \\\\ for a backslash, or use single quotes, where it is an ordinary character",
      );
    case "BLOCK_AS_IMPLICIT_KEY":
      return fault(
        "a second key on the same line",
        `if it is text with ": " in it, quote it; if it is a map, write it in { } or on lines of its own`,
      );
    case "BAD_INDENT":
    case "MISSING_CHAR":
    case "UNEXPECTED_TOKEN":
    case "MULTILINE_IMPLICIT_KEY":
      return explainStructure(text, document, error, fault);
    default:
      return fault(error.message.charAt(0).toLowerCase() + error.message.slice(1));
  }
}

type MakeFault = (message: string, hint?: string, span?: { at: number; end: number }) => Fault;

function explainStructure(text: string, document: Document.Parsed, error: YAMLError, fault: MakeFault): Fault {
  const line = lineOf(text, error.pos[0]);
  if (error.message.startsWith("Missing closing")) {
    const at = openQuote(text, document, error.pos[0]);
    const mark = text[at] === "'" ? "'" : '"';
    return fault(`the text that starts here has no closing ${mark}`, undefined, { at, end: at + 1 });
  }
  if (error.message.startsWith("Comments must be separated")) {
    const bare = /^#[^\s,\]}]*/.exec(text.slice(error.pos[0], line.end))?.[0] ?? "#";
    return fault("# starts a comment", `if it is text, quote it: ${quoted(bare)}`);
  }
  const flow = /^Flow (map|sequence)/.exec(error.message)?.[1];
  if (flow) {
    const closing = flow === "map" ? "}" : "]";
    const at = openFlow(text, document, error.pos[0], closing);
    const comment = /[\s[{,](#\S[^\s,\]}]*)/.exec(text.slice(at, lineOf(text, at).end))?.[1];
    const hint = comment && `everything behind # is a comment; if it is text, quote it: ${quoted(comment)}`;
    return fault(`the ${flow === "map" ? "map" : "list"} that starts here has no closing ${closing}`, hint, {
      at,
      end: at + 1,
    });
  }
  if (error.code === "BAD_INDENT") {
    return fault(
      "the indentation fits no line above",
      "keys of one map start in the same column, deeper ones further right",
    );
  }
  if (/Implicit (map )?keys? need/.test(error.message)) {
    return fault("this is neither a key nor part of the value above", 'a key is followed by ": " and a value');
  }
  if (error.message.includes("block-seq-ind")) {
    return fault("a list with - starts on the line below its key", "or write it as [one, two]");
  }
  return fault(
    "not expected here",
    `a text with any of { } [ ] , # & * ! | > ' " % @ \` in it is best quoted as a whole`,
  );
}

/** `${X}` without quotes around the place where the parser stumbled. */
function unquotedReference(line: { start: number; text: string }, at: number) {
  for (const match of line.text.matchAll(/\$\{[^}]*\}/g)) {
    const from = line.start + match.index;
    const before = line.text[match.index - 1] ?? "";
    if (at >= from - 1 && at <= from + match[0].length && before !== '"' && before !== "'") {
      return { text: match[0], at: from, end: from + match[0].length };
    }
  }
  return undefined;
}

function openQuote(text: string, document: Document.Parsed, before: number): number {
  let found = before;
  visit(document, (_, node) => {
    if (isScalar(node) && node.range && /["']/.test(text[node.range[0]] ?? "") && node.range[0] < before) {
      found = node.range[0];
    }
  });
  return found;
}

function openFlow(text: string, document: Document.Parsed, before: number, closing: string): number {
  let found = before;
  visit(document, (_, node) => {
    if (!isCollection(node) || !node.flow || !node.range || node.range[0] >= before) {
      return;
    }
    if (text[node.range[1] - 1] !== closing) {
      found = node.range[0];
    }
  });
  return Math.min(found, text.length - 1);
}
