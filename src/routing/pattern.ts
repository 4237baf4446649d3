import { RE2JS } from "re2js";

/** Tells whether a text matches; ignores case. */
export type Pattern = (text: string) => boolean;

// Other letters make no flags: `/etc/passwd` is a path.
const REGEX = /^\/(.+)\/([ims]*)$/s;

/**
 * Compiles one value of a rule: `/…/`, with flags `i`, `m` and `s`, is a regular expression in RE2's syntax, a text with `*` a glob, anything else is
 * compared as a whole. All three take time linear in the text, which an attacker may choose.
 * Throws RE2JS's error for an expression that RE2 does not have (look-around, back-references).
 */
export function compilePattern(value: string): Pattern {
  const regex = REGEX.exec(value);
  if (regex?.[1] !== undefined) {
    return compileRegex(regex[1], regex[2] ?? "");
  }
  return compileGlob(value);
}

/** Whether a value of a rule is a regular expression, which is compared with a text character by character. */
export function isExpression(value: string): boolean {
  return REGEX.test(value);
}

/** Compiles a text that is compared as a whole. */
export function compileLiteral(value: string): Pattern {
  const folded = foldText(value);
  return (text) => foldText(text) === folded;
}

function compileRegex(source: string, flags: string): Pattern {
  const compiled = RE2JS.compile(
    source,
    RE2JS.CASE_INSENSITIVE | (flags.includes("m") ? RE2JS.MULTILINE : 0) | (flags.includes("s") ? RE2JS.DOTALL : 0),
  );
  return (text) => compiled.matcher(text).find();
}

/**
 * Compiles an expression of RFC 9485, as JSONPath has them: in it a dot is no end of a line. Of the whole text, or of some of
 * it; case counts. Throws RE2JS's error for what RE2 does not read.
 */
export function compileIRegexp(source: string, isWhole: boolean): Pattern {
  // What is escaped, and what is in brackets, stays as it is.
  const body = source.replace(/\\.|\[(?:\\.|[^\]\\])*\]|\./gs, (part) => (part === "." ? "[^\\n\\r]" : part));
  const compiled = RE2JS.compile(isWhole ? `\\A(?:${body})\\z` : body);
  return (text) => compiled.matcher(text).find();
}

/** Compiles a text in which `*` stands for anything. */
export function compileGlob(glob: string): Pattern {
  const parts = foldText(glob).split("*");
  if (parts.length === 1) {
    return (text) => foldText(text) === parts[0];
  }
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  const middle = parts.slice(1, -1).filter((part) => part !== "");
  return (raw) => {
    const text = foldText(raw);
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) {
      return false;
    }
    let at = first.length;
    for (const part of middle) {
      const found = text.indexOf(part, at);
      if (found < 0) {
        return false;
      }
      at = found + part.length;
    }
    return at <= text.length - last.length;
  };
}

/** A text as it is compared: composed, in small letters. */
export function foldText(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/**
 * The folded text that a value of a rule is compared with as a whole, or the parts that a glob needs, between its stars;
 * undefined for a regular expression.
 */
export function literalsOf(value: string | { readonly is: string }): string | readonly string[] | undefined {
  if (typeof value !== "string") {
    return foldText(value.is);
  }
  if (REGEX.test(value)) {
    return undefined;
  }
  const parts = foldText(value).split("*");
  return parts.length === 1 ? foldText(value) : parts.filter((part) => part !== "");
}
