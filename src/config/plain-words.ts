import { Schema } from "yaml";

/** A quoted text on one line; in double quotes only escapes that JSON has, too. */
const SINGLE = /'(?:[^'\n]|'')*'/y;
const DOUBLE = /"(?:[^"\\\n]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/y;
/** What may be a number or one of YAML's words; all else is text. */
const SPECIAL = /^(?:[-+.]?[.0-9][\w.+-]*|[-+]\.\w+|~|null|Null|NULL|true|True|TRUE|false|False|FALSE)$/;
const TAGS = new Schema({ schema: "core" }).tags;

/** What a pattern with flag `y` finds at a place. */
export function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** The quoted text that begins at a place: what it says, and how it is written; undefined where that takes more than a look. */
export function quotedAt(text: string, at: number): { readonly value: string; readonly written: string } | undefined {
  const single = text[at] === "'";
  const written = matchAt(single ? SINGLE : DOUBLE, text, at);
  if (written === undefined) {
    return undefined;
  }
  if (!single && written.includes("\\")) {
    return { value: String(JSON.parse(written)), written };
  }
  const inner = written.slice(1, -1);
  return { value: single ? inner.replaceAll("''", "'") : inner, written };
}

/** What a word without quotes means. */
export function meaningOf(word: string): unknown {
  if (!SPECIAL.test(word)) {
    return word;
  }
  for (const tag of TAGS) {
    if (tag.default === true && "test" in tag && tag.test?.test(word) && !tag.collection) {
      const found: unknown = tag.resolve(word, () => {}, { intAsBigInt: false });
      return isWrapped(found) ? found.value : found;
    }
  }
  return word;
}

/** Decimal numbers know how many digits they were written with. */
function isWrapped(found: unknown): found is { readonly value: unknown } {
  return typeof found === "object" && found !== null && "value" in found;
}
