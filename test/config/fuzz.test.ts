import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
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
