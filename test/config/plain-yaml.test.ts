import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDocument } from "yaml";
import { type Parsed, parsedOf } from "../../src/config/parsed.ts";
import { readPlain } from "../../src/config/plain-yaml.ts";

const EXAMPLE = readFileSync(new URL("../../config.yaml.example", import.meta.url), "utf8");

/** What the parser of all of YAML reads; undefined where it finds anything wrong. */
function byTheParser(text: string): Parsed | undefined {
  const { contents, errors, warnings } = parseDocument(text, {
    version: "1.2",
    prettyErrors: false,
    logLevel: "error",
  });
  return errors.length + warnings.length > 0 ? undefined : parsedOf(contents);
}

/** A list or map ends somewhere behind its last value: only that part of its first line is ever shown. */
function shownOf(raw: Parsed | undefined, text: string): unknown {
  if (!raw) {
    return undefined;
  }
  const line = text.indexOf("\n", raw.at);
  const end = Math.min(raw.end, line < 0 ? text.length : line);
  if (raw.kind === "list") {
    return { ...raw, end, items: raw.items.map((item) => shownOf(item, text)) };
  }
  if (raw.kind === "map") {
    const pairs = raw.pairs.map(({ key, value }) => [shownOf(key, text), shownOf(value, text)]);
    return { ...raw, end, pairs };
  }
  return raw;
}

function expectTheSame(text: string): boolean {
  const plain = readPlain(text);
  if (!plain) {
    return false;
  }
  expect(shownOf(plain, text)).toEqual(shownOf(byTheParser(text), text));
  return true;
}

const PLAIN = [
  "a",
  "soc",
  "tlp:red",
  "http://x:9/0",
  "10.0.0.0/24",
  "192.0.2.1",
  "a b",
  "a#b",
  "-1",
  "--",
  "..",
  "1",
  "01",
  "0x1F",
  "0o17",
  "1.5",
  "1.",
  ".5",
  "1e3",
  "+1",
  ".inf",
  "-.inf",
  ".nan",
  "1_0",
  "1 2",
  "2026-11-20",
  "5m",
  "é ü",
  "null",
  "~",
  "true",
  "False",
  "yes",
  '"q"',
  "'it''s'",
  '"a\\n\\u00e9"',
  '"a\\x41"',
  "'# no'",
  "*anchor",
  "*other",
  "&anchor a",
  "a:b",
  "a #c",
  "[a, b]",
  "[a, [b, 'c'], ]",
  "{a: 1, b: [x]}",
  "[ ]",
  "{}",
  "[a,b]",
  "[http://x:9/0, a#b]",
  "[-a, -1]",
  "{'a': 1}",
  "[a b, c  d ]",
];
const OTHER = [
  "- 1",
  "-",
  "...",
  "x:",
  "",
  '"\\q"',
  '"a: b"',
  '"open',
  "'open",
  "&anchor",
  "!tag a",
  "|",
  ">-",
  "a: b",
  "#c",
  "@a",
  "`a",
  "%a",
  "?a",
  "? a",
  ":a",
  `$\{X}`,
  "{a: 1, a: 2}",
  "{a: , b}",
  "{a, b: 1}",
  "[a: 1]",
  "[a",
  "{a: b",
  "]",
  "}",
  "{a:b}",
  `{a: $\{X}}`,
  "[a #c",
  "[- a]",
  "{'a':1}",
  "[&x a, *x]",
];
const KEYS = ["a", "b", "c", "x-d", "<<", "1", "null", "'q'"];
const ODD_KEYS = ["01", "true", '"r s"', "é", "a b", "a.", "-a", "*anchor"];
const key = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...KEYS) }, fc.constantFrom(...ODD_KEYS));

const word = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...PLAIN) }, fc.constantFrom(...OTHER));
const space = fc.constantFrom("", "", "", " ", "  ");
const comment = fc.constantFrom("", "", "", "", " # note", "  #note: a", "#glued");
/** Lines that are mostly YAML: keys and dashes at few columns. */
const line = fc
  .tuple(
    fc.constantFrom("", "", "", "  ", "  ", "    ", " "),
    fc.constantFrom("", "", "", "", "- ", "-   ", "- - "),
    fc.oneof({ weight: 9, arbitrary: key.map((name) => `${name}: `) }, fc.constantFrom("", "a : ", "? ", "a:")),
    fc.oneof({ weight: 3, arbitrary: word }, fc.constant("")),
    space,
    comment,
  )
  .map((parts) => parts.join(""));
const ODD_LINES = ["", "# note", "   # note", "---", "...", "\ta: 1"];
const lines = fc
  .array(fc.oneof({ weight: 12, arbitrary: line }, fc.constantFrom(...ODD_LINES), word), { minLength: 1, maxLength: 5 })
  .map((all) => all.join("\n"));

/** Values as a configuration has them, written in one of the forms that are read at once. */
const { value } = fc.letrec<{ value: readonly string[]; flow: string }>((tie) => ({
  flow: fc.oneof(
    { maxDepth: 3 },
    word,
    fc
      .array(tie("flow"), { maxLength: 4 })
      .chain((items) =>
        fc.constantFrom(`[${items.join(", ")}]`, `[ ${items.join(",")} ]`, `[\n    ${items.join(",\n    ")},\n    ]`),
      ),
    fc
      .array(tie("flow"), { maxLength: 3 })
      .map((items) => `{ ${items.map((item, i) => `${KEYS[i]}: ${item}`).join(", ")} }`),
  ),
  value: fc.oneof(
    { maxDepth: 4 },
    tie("flow").map((text) => [text]),
    fc.constantFrom(
      ["|", "text", "", "  more"],
      [">-", "text", "goes", "", "on"],
      ['"of two', 'lines"'],
      ["two", "words"],
    ),
    fc
      .array(fc.tuple(tie("value"), comment), { minLength: 1, maxLength: 4 })
      .map((items) => ["", ...items.flatMap(([inner, note], i) => under(`${KEYS[i]}:`, inner, note))]),
    fc
      .array(fc.tuple(tie("value"), comment), { minLength: 1, maxLength: 4 })
      .map((items) => ["", ...items.flatMap(([inner, note]) => under("-", inner, note))]),
  ),
}));

/** The first line of a value behind its key or dash, the others below it; of a map behind a dash the first key, too. */
function under(head: string, [first = "", ...others]: readonly string[], note: string): readonly string[] {
  const indented = others.map((line) => (line === "" ? line : `  ${line}`));
  const [next = "", ...rest] = indented;
  if (head === "-" && first === "" && next.startsWith("  ") && note === "" && next[2] !== "-") {
    return [`- ${next.slice(2)}`, ...rest];
  }
  return [
    `${head}${first === "" ? "" : ` ${first}`}${first.startsWith("|") || first.startsWith(">") ? "" : note}`,
    ...indented,
  ];
}
const documents = value.map((all) => `${all.filter((text, at) => at > 0 || text !== "").join("\n")}\n`);

test("readPlain() reads what the parser reads, at the same places, or leaves it to the parser: any lines", () => {
  let read = 0;
  fc.assert(
    fc.property(lines, (text) => {
      read += Number(expectTheSame(text));
    }),
    { numRuns: 4000 },
  );
  expect(read).toBeGreaterThan(200);
});

test("readPlain() reads what the parser reads, at the same places, or leaves it to the parser: nested values", () => {
  let read = 0;
  fc.assert(
    fc.property(documents, (text) => {
      read += Number(expectTheSame(text));
    }),
    { numRuns: 2000 },
  );
  expect(read).toBeGreaterThan(200);
});

test("readPlain() reads what the parser reads, or leaves it to the parser: a damaged example", () => {
  const edit = fc.tuple(
    fc.nat(EXAMPLE.length),
    fc.nat(6),
    fc.oneof(word, fc.constantFrom("\n", " ", "  ", ": ", "\n  ", "#", "- ")),
  );
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 2 }), (edits) => {
      expectTheSame(
        edits.reduce((text, [at, removed, added]) => text.slice(0, at) + added + text.slice(at + removed), EXAMPLE),
      );
    }),
    { numRuns: 150 },
  );
});

test("readPlain() reads the example by itself", () => {
  expect(expectTheSame(EXAMPLE)).toBe(true);
});
