import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { problemsOf } from "../../src/service/lists.ts";
import { loadLists } from "../../src/watching/load.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "herald-lists-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

it.each([
  ["a line", "ours.txt", "a.example\n192.0.2.0/33\n", "warning", "line 2 of the watch list ours.txt is neither"],
  ["an entry", "bad.json", '{"type":"regex","list":["a","("]}', "warning", "entry 2 of the watch list bad.json is no"],
  ["no JSON", "bad.json", "a.example\n", "error", "a list of lines has another ending, such as .txt"],
  ["no list", "bad.json", "{}", "error", "a list of lines has another ending, such as .txt"],
])("what is wrong with a list is named by its place: %s", async (_, name, text, severity, message) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  const { lists } = await loadLists({ lists: [{ name, path }] });
  const problems = problemsOf(lists, "config.yaml");
  expect(problems).toMatchObject([{ severity, file: path, line: 0 }]);
  expect(problems[0]?.message).toContain(message);
});
