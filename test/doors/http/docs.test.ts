import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { FAMILIES, type Family } from "../../../src/doors/http/families.ts";

const DOCS = new URL("../../../docs/", import.meta.url).pathname;
const doc = (name: string) => readFileSync(`${DOCS}${name}`, "utf8");
const families: ReadonlyMap<string, Family> = new Map(Object.entries(FAMILIES));

/** A series' name as its family's: a histogram has three. */
const familyOf = (name: string) => (families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ""));

/** The metrics that expressions name. */
function named(expressions: readonly string[]): ReadonlySet<string> {
  return new Set(
    expressions.flatMap((text) => text.match(/\b(?:misp_herald|process|nodejs)_\w+/g) ?? []).map(familyOf),
  );
}

/** Every text under one of these keys, however deep. */
function textsOf(value: unknown, keys: readonly string[]): readonly string[] {
  if (Array.isArray(value)) {
    return value.flatMap((entry) => textsOf(entry, keys));
  }
  if (typeof value !== "object" || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([key, entry]) =>
    keys.includes(key) && typeof entry === "string" ? [entry] : textsOf(entry, keys),
  );
}

test("docs/metrics.md has a row for every metric, in their order, and no other", () => {
  const rows = doc("metrics.md")
    .split("\n")
    .filter((line) => line.startsWith("| `misp_herald_") || line.startsWith("| `process_"));
  const wanted = [...families].map(([name, { type, labels, help }]) => {
    const cells = [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(" ") || "–", help];
    return `| ${cells.join(" | ")} |`;
  });
  expect(rows).toEqual(wanted);
});

test("every metric in docs/alerts.yml exists, and every alert says what is wrong and what to do", () => {
  const { groups } = parse(doc("alerts.yml"));
  const rules: readonly { readonly expr: string; readonly annotations: Readonly<Record<string, string>> }[] =
    groups.flatMap(({ rules }: { readonly rules: readonly object[] }) => rules);
  expect(rules.length).toBeGreaterThan(10);
  for (const { expr, annotations } of rules) {
    expect(annotations.summary).toMatch(/\w/);
    expect(annotations.description?.length).toBeGreaterThan(30);
    expect(named([expr]).size).toBeGreaterThan(0);
  }
  expect([...named(rules.map(({ expr }) => expr))].filter((name) => !families.has(name))).toEqual([]);
});

test("every metric in docs/grafana-dashboard.json exists, and every panel asks the data source that was chosen", () => {
  const dashboard = JSON.parse(doc("grafana-dashboard.json"));
  const expressions = textsOf(dashboard, ["expr", "definition", "query"]).filter((text) => text !== "prometheus");
  expect([...named(expressions)].filter((name) => !families.has(name))).toEqual([]);
  expect(named(expressions).size).toBeGreaterThan(20);
  const panels: readonly {
    readonly type: string;
    readonly id: number;
    readonly datasource?: { readonly uid: string };
  }[] = dashboard.panels;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { type, datasource } of panels) {
    if (type !== "row") {
      expect(datasource?.uid).toBe(`$\{datasource}`);
    }
  }
});

test("labels avoid the names that Prometheus gives a target", () => {
  for (const { labels } of families.values()) {
    for (const label of labels) {
      expect(label).not.toMatch(/^(instance|job|le|quantile|__.*)$/);
    }
  }
});

test("promtool finds nothing wrong with the rules, and they fire when they should", (context) => {
  if (spawnSync("promtool", ["--version"]).status !== 0) {
    process.stdout.write("Skipped: promtool is not installed (Debian: prometheus)\n");
    context.skip();
  }
  const check = spawnSync("promtool", ["check", "rules", `${DOCS}alerts.yml`], { encoding: "utf8" });
  expect(check.status, check.stdout + check.stderr).toBe(0);
  const tests = spawnSync("promtool", ["test", "rules", "alerts.test.yml"], { cwd: DOCS, encoding: "utf8" });
  expect(tests.status, tests.stdout + tests.stderr).toBe(0);
});
