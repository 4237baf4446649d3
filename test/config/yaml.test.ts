import { expect, test } from "vitest";
import { check, configOf } from "../support/checked-config.ts";

const problem = (text: string) =>
  check(text).then(({ issues }) =>
    issues.map((it) => `${it.line}:${it.column}: ${it.message}${it.hint ? ` = ${it.hint}` : ""}`),
  );

const INDENT = " = keys of one map, and the dashes of one list, start in the same column; deeper ones further right";

test.each([
  [
    "a tab",
    "misp:\n\tcert: 1\n",
    ["2:1: a tab is used for indentation = YAML indents with spaces only; replace the tab by spaces"],
  ],
  [
    "a list that a comment ate",
    "a: [ #soc, b ]\nc: 1\n",
    [
      '1:4: the list that starts here has no closing ] = everything behind # is a comment; if it is text, quote it: "#soc"',
    ],
  ],
  [
    "an unquoted reference in a flow map",
    `a: {t: $\{X}}\nb: 1\n`,
    [`1:8: $\{X} must be quoted here = inside { } and [ ], YAML takes $\{ for a map of its own; write "$\{X}"`],
  ],
  [
    "an unquoted reference in a flow list",
    `a: [$\{X}, b]\n`,
    [`1:5: $\{X} must be quoted here = inside { } and [ ], YAML takes $\{ for a map of its own; write "$\{X}"`],
  ],
  ["a missing quote", "a: 'x\nb: 1\n", ["1:4: the text that starts here has no closing '"]],
  ["a missing brace", "{ a: 1\n", ["1:1: the map that starts here has no closing }"]],
  [
    "wrong indentation",
    "a:\n  b: 1\n c: 2\n",
    [`3:2: line 3 starts in column 2, and line 2 above it in column 3${INDENT}`],
  ],
  [
    "a key that is indented below one that has a value",
    "a:\n  b: 1\n   c: 2\n",
    [`3:4: line 3 starts in column 4, and line 2 above it in column 3${INDENT}`],
  ],
  [
    "a key of an entry that starts below its dash",
    "a:\n  - b: 1\n    d: 1\n\n  # why\n   c: 2\n",
    [`6:4: line 6 starts in column 4, and line 3 above it in column 5${INDENT}`],
  ],
  [
    "a dash that fits no other",
    "a:\n  - x\n - y\n",
    [`3:2: line 3 starts in column 2, and line 2 above it in column 3${INDENT}`],
  ],
  [
    "a file whose first line is indented",
    "  a: 1\nb: 2\n",
    [`2:1: line 2 starts in column 1, and line 1 above it in column 3${INDENT}`],
  ],
  [
    "a colon in text",
    "a: b: c\n",
    [
      '1:4: a second key on the same line = if it is text with ": " in it, quote it; if it is a map, write it in { } or on lines of its own',
    ],
  ],
  [
    "a list on the line of its key",
    "a: - b\n",
    ["1:4: a list with - starts on the line below its key = or write it as [one, two]"],
  ],
  ["a list for a file", "- a\n", ["1:1: a configuration is a map = key: value"]],
])("parseYaml() explains %s", async (_, text, expected) => {
  expect(await problem(text)).toEqual(expected);
});

const route = (text: string) => configOf("", `\n  - name: a\n    notify: [terminal]\n    ${text}`);

test.each([
  [
    "a glob that is an alias",
    "match: { info: *lockbit* }",
    '8:20: * starts a YAML alias, and no anchor is called "lockbit*" = a text that begins with * must be quoted: "*lockbit*"',
  ],
  ["a reserved character", "match: { tag: @x }", '8:19: a text that begins with "@" must be quoted = write "@x"'],
  [
    "a tag",
    "match: { tag: !x y }",
    '8:19: ! starts a YAML tag, which has no meaning here = if it is text, quote it: "!x"',
  ],
  [
    "a backslash in double quotes",
    'match: { info: "/\\d/" }',
    '8:22: "\\\\d" is not an escape that double quotes know = write \\\\ for a backslash, or use single quotes, where it is an ordinary character',
  ],
  ["a key given twice", "stop: true\n    stop: false", '9:5: key "stop" is given twice in this map = keep one of them'],
  [
    "a second document",
    "stop: true\n---\na: 1",
    "9:1: a second YAML document starts here = one file is one configuration; remove the line ---",
  ],
  [
    "an alias inside its own value",
    "match: &m { not: *m }",
    "8:22: alias *m stands inside the value that it repeats, which would never end",
  ],
])("parseYaml() explains %s, and the rest of the file is checked all the same", async (_, text, expected) => {
  expect(await problem(route(text))).toContain(expected);
  const { problems } = await check(route(text).replace("max_tlp: red", "max_tlp: rod"));
  expect(problems).toContain('3:48: error: "max_tlp" cannot be "rod", did you mean "red"?');
});

test("an empty value says that # starts a comment, with the quoted spelling", async () => {
  expect(await problem(configOf("", "\n  - name: #soc\n    notify:\n      - #team"))).toEqual([
    '6:5: "name" has no value, because # starts a comment = if it is text, quote it: name: "#soc"',
    '8:9: an entry of "notify" has no value, because # starts a comment = if it is text, quote it: - "#team"',
  ]);
});

test("a file whose aliases multiply without end is refused quickly", async () => {
  const lines = ["x-0: &a0 [x,x,x,x,x,x,x,x,x]"];
  for (let i = 1; i < 12; i++) {
    lines.push(`x-${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(",")}]`);
  }
  const { problems } = await check(`${lines.join("\n")}\n${configOf("")}`);
  expect(problems).toEqual([expect.stringMatching(/^1:\d+: error: aliases multiply this file beyond all reason$/)]);
});

test("a file that is nested without end is refused", async () => {
  const { problems } = await check(route(`match: ${"{ not: ".repeat(150)}{ tag: x }${" }".repeat(150)}`));
  expect(problems.some((text) => text.includes("nested deeper than 100 levels"))).toBe(true);
});

test("anchors, aliases and merge keys work, own keys before merged ones", async () => {
  const { loaded, problems } = await check(`x-base: &base { type: console, color: never, guard: { max_tlp: red } }
${configOf("  soc: { <<: *base, color: always }\n  two: { <<: [*base], guard: { max_tlp: green } }", "[{ name: a, notify: [terminal, soc, two] }]")}`);
  expect(problems).toEqual([]);
  expect(loaded?.config.destinations.soc?.guard.max_tlp).toBe("red");
  expect(loaded?.config.destinations.two?.guard.max_tlp).toBe("green");
});

test("what an alias brings is told at the place where it was written", async () => {
  const { problems } = await check(`x-guard: &g { max_tlp: rod }
${configOf("  soc: { type: console, guard: *g }\n  two: { type: console, guard: *g }", "[{ name: a, notify: [terminal, soc, two] }]")}`);
  expect(problems).toEqual(['1:24: error: "max_tlp" cannot be "rod", did you mean "red"?']);
});

test("a key __proto__ is refused", async () => {
  const { problems } = await check(configOf("  __proto__: { type: console, guard: { max_tlp: red } }"));
  expect(problems).toEqual(['4:3: error: key "__proto__" is not allowed']);
});
