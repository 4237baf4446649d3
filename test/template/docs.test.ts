import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { compileTemplate, lintTemplate } from "../../src/template/compile.ts";
import { FILTERS, TAGS } from "../../src/template/engine.ts";
import { SAMPLES } from "../../src/template/samples.ts";

const docs = readFileSync(new URL("../../docs/templates.md", import.meta.url), "utf8");
const examples = [...docs.matchAll(/```liquid\n([\s\S]*?)```/g)].map(([, text = ""]) => text);

it("docs/templates.md has examples that work, and read only what there is", () => {
  expect(examples).toHaveLength(2);
  for (const text of examples) {
    expect(compileTemplate({ body: text })).toHaveProperty("template");
    expect(lintTemplate(text)).toEqual([]);
  }
});

it("docs/templates.md names every field, filter and tag", () => {
  const words = new Set(docs.match(/[a-z_]+/g));
  const names = (value: unknown): readonly string[] =>
    Array.isArray(value)
      ? value.flatMap(names)
      : typeof value === "object" && value !== null
        ? Object.entries(value).flatMap(([name, inside]) => [name, ...names(inside)])
        : [];
  const all = [...names(SAMPLES[0]), ...Object.keys(FILTERS), ...TAGS.filter((tag) => tag !== "#")];
  expect(all.filter((name) => !words.has(name))).toEqual([]);
});
