import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ATTRIBUTE_FACTS } from "../../src/model/vocabulary.ts";
import { conditionNames } from "../../src/routing/schema.ts";
import { check } from "../support/checked-config.ts";

const EXAMPLE = readFileSync(new URL("../../config.yaml.example", import.meta.url), "utf8");
const SNIPPETS = [
  "\t",
  ":",
  " #",
  "{",
  "}",
  "[",
  "]",
  "*x",
  "&x ",
  "!x ",
  "'",
  '"',
  "\n",
  "- ",
  "|",
  "%",
  "${",
  "<<: *x",
  "---\n",
  "\u0085",
  "5",
  "null",
];

test("loadConfig() answers any damage to the example with problems that stand inside the file, never with another error", async () => {
  const lines = EXAMPLE.split("\n").length;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(EXAMPLE.length), fc.nat(12), fc.constantFrom(...SNIPPETS)), {
        minLength: 1,
        maxLength: 4,
      }),
      async (edits) => {
        let text = EXAMPLE;
        for (const [at, removed, added] of edits) {
          text = text.slice(0, at) + added + text.slice(at + removed);
        }
        for (const { line, column, sourceLine, mark, message } of (await check(text, { secrets: "optional" })).issues) {
          expect(line).toBeGreaterThan(0);
          expect(line).toBeLessThanOrEqual(lines + 8);
          expect(column).toBeGreaterThan(0);
          expect(mark.start).toBeLessThanOrEqual(sourceLine.length);
          expect(mark.start + mark.width).toBeLessThanOrEqual(sourceLine.length + 1);
          expect(message).not.toMatch(/undefined|\[object|NaN/);
        }
      },
    ),
    { numRuns: 150, seed: 7 },
  );
});

/** What a rule may be asked for, right and wrong. */
const LEAVES = fc.oneof(
  fc.constantFrom(
    ...[
      "",
      "*",
      "/(/",
      "/a+/i",
      "/(?=x)y/",
      ["$", "{X}"].join(""),
      "$${",
      "tlp:*",
      "24h",
      "10.0.0.0/8",
      "a\u0000b",
      "\ud800",
      "x".repeat(5000),
    ],
    ...["$", "$.Event.info", "$..Tag[?@.name == 'x']", "$..[?search(@.value, '(')]", "$[?count(@.*) > 1", "$.nothing"],
    ...["$[?match(@.a, @.b)]", "$[-9007199254740993]", "$[?length(@.*) > 1]", `$${"..*".repeat(50)}`, "sighting"],
  ),
  fc.constantFrom<unknown>(0, 1, -1, 3, 101, 1e308, true, false, null, [], {}),
  fc.string(),
  fc.string().map((text) => `$${text}`),
  fc.constantFrom<unknown>(
    { min: 3, within: "24h" },
    { min: 0, within: "24h" },
    { within: "24h" },
    { min: 3, max: 1 },
    { at_least: "community" },
    { at_least: "all", at_most: "community" },
    { after: "2026-13-01" },
    { cidr: "10.0.0.0/33" },
    { domain: ["a..b"] },
    { label: "x" },
    { is: "" },
  ),
);
const KEYS = [...conditionNames(), ...ATTRIBUTE_FACTS, "within", "minn", "tagg", "__proto__", "constructor"];
const { match: MATCH } = fc.letrec((tie) => ({
  match: fc.oneof(
    { maxDepth: 4 },
    LEAVES,
    fc.array(tie("match"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("match"), { maxKeys: 4 }),
  ),
}));

test("loadConfig() answers any match with problems that stand in it, never with another error", async () => {
  let right = 0;
  await fc.assert(
    fc.asyncProperty(MATCH, fc.constantFrom('["*"]', "[sighting.added]", "[event.published]"), async (match, kinds) => {
      const written = JSON.stringify(match);
      const text = [
        "misp: { cert: { feed: { type: zeromq, endpoints: [tcp://127.0.0.1:50000] } } }",
        "destinations: { soc: { type: console, guard: { max_tlp: red } } }",
        "routes:",
        `  - { name: r, kinds: ${kinds}, notify: soc,`,
        `      match: ${written} }`,
      ].join("\n");
      const { issues } = await check(text, { secrets: "optional" });
      const errors = issues.filter(({ severity }) => severity === "error");
      right += errors.length === 0 ? 1 : 0;
      for (const { line, column, sourceLine, mark, message } of errors) {
        expect([4, 5]).toContain(line);
        expect(column).toBeGreaterThan(0);
        expect(mark.start + mark.width).toBeLessThanOrEqual(sourceLine.length + 1);
        expect(message).not.toMatch(/\[object|NaN/);
      }
    }),
    { numRuns: 300, seed: 15 },
  );
  // Else it would be the fuzz of one error.
  expect(right).toBeGreaterThan(10);
});
