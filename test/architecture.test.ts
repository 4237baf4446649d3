import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";
import { DESTINATION_TYPES } from "../src/destinations/index.ts";
import { TOPICS } from "../src/topics/index.ts";

const SRC = resolve(import.meta.dirname, "../src");

/** What a folder may import beside the files at the top of src/ and itself; `config`, `service`, `cli`, parts and main see everything. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  topics: [],
  guard: [],
  alert: [],
  template: ["alert"],
  routing: ["guard/marking", "template/schema"],
  planning: ["guard", "routing"],
  store: [],
  sources: [],
  "misp-api": ["topics"],
  destinations: ["guard/policy", "alert", "template/schema"],
  delivery: ["guard", "routing", "template/compile", "alert/style"],
  control: ["config/problem", "delivery", "planning/plan", "sources/source", "store/size", "topics/index"],
  "http-endpoint": ["control", "delivery"],
  systemd: ["alert/text", "control/daemon", "control/status", "delivery/clock"],
};

/** Files at the top of src/ that are no vocabulary: they put the rest together. */
const COMPOSING = ["app", "parts", "main"];

/** Nothing in these may look at the clock, the network, the disk or the process. */
const PURE = ["topics", "guard", "routing", "planning", "alert", "template"];
const IMPURE =
  /\b(Date\.now|performance\.now|setTimeout|setInterval|setImmediate|Math\.random|process\.)|from "node:(?!crypto|net")/;

function files(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : path.endsWith(".ts") ? [path] : [];
  });
}

const sources = files(SRC).map((path) => {
  const text = readFileSync(path, "utf8");
  const imports = [...text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map(([, target = ""]) =>
    relative(SRC, resolve(dirname(path), target)).replace(/\.ts$/, ""),
  );
  return { name: relative(SRC, path).replace(/\.ts$/, ""), text, imports };
});

test("a folder imports only what the table allows", () => {
  const wrong = sources.flatMap(({ name, imports }) => {
    const folder = name.includes("/") ? (name.split("/")[0] ?? "") : "";
    const allowed = ALLOWED[folder];
    if (!allowed) {
      return [];
    }
    return imports
      .filter((target) =>
        target.includes("/")
          ? !target.startsWith(`${folder}/`) &&
            !allowed.some((entry) => target === entry || target.startsWith(`${entry}/`))
          : COMPOSING.includes(target),
      )
      .map((target) => `${name} imports ${target}`);
  });
  expect(wrong).toEqual([]);
});

test("a destination type does not import another", () => {
  const wrong = sources.flatMap(({ name, imports }) => {
    const [, type] = /^destinations\/([^/]+)\//.exec(name) ?? [];
    return type === undefined
      ? []
      : imports
          .filter((target) => /^destinations\/[^/]+\//.test(target) && !target.startsWith(`destinations/${type}/`))
          .map((target) => `${name} imports ${target}`);
  });
  expect(wrong).toEqual([]);
});

test("app.ts knows no concrete source, store or destination, and no configuration", () => {
  const app = sources.find(({ name }) => name === "app");
  expect(app?.imports.filter((target) => /^(config|sources|destinations|store|cli)\//.test(target))).toEqual([]);
});

test("the inner layers are pure: no clock, no chance, no I/O, no process", () => {
  const wrong = sources
    .filter(({ name }) => PURE.includes(name.split("/")[0] ?? ""))
    .flatMap(({ name, text }) =>
      text
        .split("\n")
        .flatMap((line, index) =>
          IMPURE.test(line) && !/^\s*(\/\/|\*)/.test(line) ? [`${name}:${index + 1} ${line.trim()}`] : [],
        ),
    );
  expect(wrong).toEqual([]);
});

test("only main.ts and the command line touch the process", () => {
  const wrong = sources
    .filter(
      ({ name, text }) =>
        !name.startsWith("cli/") &&
        name !== "main" &&
        /^(?!\s*(\/\/|\*)).*\bprocess\.(exit|env|argv|stdin|stdout)\b/m.test(text),
    )
    .map(({ name }) => name);
  expect(wrong).toEqual([]);
});

test("no file imports in a circle", () => {
  const graph = new Map(sources.map(({ name, imports }) => [name, imports]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (name: string, path: readonly string[]) => {
    if (path.includes(name)) {
      circles.push([...path.slice(path.indexOf(name)), name].join(" → "));
    } else if (!done.has(name)) {
      for (const target of graph.get(name) ?? []) {
        visit(target, [...path, name]);
      }
      done.add(name);
    }
  };
  for (const name of graph.keys()) {
    visit(name, []);
  }
  expect(circles).toEqual([]);
});

test("every destination folder is registered, has a test, is in the example and in the README", () => {
  const folders = readdirSync(join(SRC, "destinations")).filter((name) =>
    statSync(join(SRC, "destinations", name)).isDirectory(),
  );
  expect([...DESTINATION_TYPES].sort()).toEqual(folders.sort());
  const example = readFileSync(resolve(SRC, "../config.yaml.example"), "utf8");
  const readme = readFileSync(resolve(SRC, "../README.md"), "utf8");
  const tests = files(resolve(SRC, "../test/destinations")).map((path) =>
    relative(resolve(SRC, "../test/destinations"), path),
  );
  for (const type of folders) {
    expect(example).toMatch(new RegExp(`type: ${type}\\b`));
    expect(readme).toContain(`\`${type}\``);
    expect(
      tests.some((path) => path.startsWith(type)),
      `a test of ${type}`,
    ).toBe(true);
  }
});

test("the README's table names every topic", () => {
  const readme = readFileSync(resolve(SRC, "../README.md"), "utf8");
  for (const { name } of TOPICS) {
    expect(readme).toContain(`\`${name}\``);
  }
});
